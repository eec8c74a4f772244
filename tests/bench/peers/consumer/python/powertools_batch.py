"""The consumer as a team writes it in Python: Powertools Batch for the messages, psycopg for the rows, one connection outside of the handler."""
import os

import psycopg
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

INSERT = """
    insert into users (cognito_sub, email, first_name, last_name, is_active)
    values (%s, %s, %s, %s, true) on conflict (cognito_sub) do nothing
"""

processor = BatchProcessor(event_type=EventType.SQS)
# psycopg prepares a statement by itself once it has run a few times.
connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)


def record_handler(record: SQSRecord):
    user = record.json_body["detail"]["data"]
    connection.execute(INSERT, (user["cognito_sub"], user["email"], user["first_name"], user["last_name"]))


def lambda_handler(event, context):
    return process_partial_response(event=event, record_handler=record_handler, processor=processor, context=context)
