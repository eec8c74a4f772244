"""The script that a team writes first: receive 10, send them, delete them, until a receive is empty.

  boto3_mover.py SOURCE DESTINATION

It reads neither `Failed` list, as such scripts do: an entry that SQS refuses is deleted unsent.
"""
import sys

import boto3

sqs = boto3.client("sqs")
source, destination = (sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in sys.argv[1:3])
while messages := sqs.receive_message(QueueUrl=source, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get("Messages"):
    sqs.send_message_batch(QueueUrl=destination, Entries=[
        {"Id": message["MessageId"], "MessageBody": message["Body"],
         "MessageAttributes": message.get("MessageAttributes", {})} for message in messages])
    sqs.delete_message_batch(QueueUrl=source, Entries=[
        {"Id": message["MessageId"], "ReceiptHandle": message["ReceiptHandle"]} for message in messages])
