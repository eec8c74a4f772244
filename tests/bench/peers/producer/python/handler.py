"""A PostConfirmation trigger as the documentation of boto3 and of Lambda has people write one: the client is made outside of the handler."""
import json
import os

import boto3

events = boto3.client("events")


def handler(event, context):
    user = event["request"]["userAttributes"]
    detail = {
        "sub": user["sub"],
        "email": user.get("email"),
        "first_name": user.get("given_name"),
        "last_name": user.get("family_name"),
    }
    answer = events.put_events(
        Entries=[
            {
                "EventBusName": os.environ["EVENT_BUS_NAME"],
                "Source": "bench",
                "DetailType": "UserConfirmed",
                "Detail": json.dumps(detail),
            }
        ]
    )
    if answer["FailedEntryCount"]:
        raise RuntimeError("EventBridge did not take the event")
    return event
