"""The same in a function that also talks to AWS, as the consumer does: to its dead-letter queue."""
import boto3

from powertools_batch import lambda_handler  # noqa: F401

sqs = boto3.client("sqs")
