"""CloudFormation's user pools and their clients, which LocalStack's community edition skips: they are made in the Cognito
that the functions talk to as well.

An update sends what the template says and nothing else, so that whatever was set from outside is reset, as on AWS.
Source: "AWS::Cognito::UserPool" and "UpdateUserPool" in AWS's references.
"""
import os

import boto3
from localstack.services.cloudformation.resource_provider import OperationStatus, ProgressEvent, ResourceProvider

from .executor import DEFAULT_PREFIX

# Where Cognito answers.
ENDPOINT = f"{DEFAULT_PREFIX}AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"

# What a template may say of a pool and the API is told in other calls, or under another name.
NOT_IN_THE_API = ("UserPoolName", "EnabledMfas", "EmailAuthenticationMessage", "EmailAuthenticationSubject",
                  "WebAuthnRelyingPartyID", "WebAuthnUserVerification")

# What only a creation may say.
IMMUTABLE = ("Schema", "AliasAttributes", "UsernameAttributes", "UsernameConfiguration")

# What CloudFormation gives back of a pool.
ATTRIBUTES = ("UserPoolId", "Arn", "ProviderName", "ProviderURL")


def cognito():
    return boto3.client("cognito-idp", endpoint_url=os.environ[ENDPOINT], region_name="us-east-1",
                        aws_access_key_id="test", aws_secret_access_key="test")


def settings(properties, *without):
    return {name: value for name, value in properties.items() if name not in (*NOT_IN_THE_API, *ATTRIBUTES, *without)}


def done(model):
    return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=model)


class UserPool(ResourceProvider):
    TYPE = "AWS::Cognito::UserPool"
    SCHEMA = {
        "typeName": TYPE,
        "properties": {name: {"type": "string"} for name in ATTRIBUTES},
        "primaryIdentifier": ["/properties/UserPoolId"],
        "readOnlyProperties": [f"/properties/{name}" for name in ATTRIBUTES],
    }

    def create(self, request):
        properties = request.desired_state
        name = properties.get("UserPoolName") or f"{request.logical_resource_id}-{request.stack_name}"
        pool = cognito().create_user_pool(PoolName=name, **settings(properties))["UserPool"]
        provider = f"cognito-idp.us-east-1.amazonaws.com/{pool['Id']}"
        return done({**properties, "UserPoolId": pool["Id"], "Arn": pool["Arn"], "ProviderName": provider,
                     "ProviderURL": f"https://{provider}"})

    def update(self, request):
        before, properties = request.previous_state, request.desired_state
        cognito().update_user_pool(UserPoolId=before["UserPoolId"], **settings(properties, *IMMUTABLE))
        return done({**properties, **{name: before[name] for name in ATTRIBUTES}})

    def delete(self, request):
        cognito().delete_user_pool(UserPoolId=request.desired_state["UserPoolId"])
        return done({})


class UserPoolClient(ResourceProvider):
    TYPE = "AWS::Cognito::UserPoolClient"
    SCHEMA = {
        "typeName": TYPE,
        "properties": {name: {"type": "string"} for name in ("UserPoolId", "ClientId")},
        "primaryIdentifier": ["/properties/ClientId"],
        "readOnlyProperties": ["/properties/ClientId"],
    }

    def create(self, request):
        properties = request.desired_state
        about = {name: value for name, value in properties.items() if name != "ClientId"}
        about.setdefault("ClientName", request.logical_resource_id)
        client = cognito().create_user_pool_client(**about)["UserPoolClient"]
        return done({**properties, "ClientId": client["ClientId"]})

    def update(self, request):
        return done({**request.desired_state, "ClientId": request.previous_state["ClientId"]})

    def delete(self, request):
        state = request.desired_state
        cognito().delete_user_pool_client(UserPoolId=state["UserPoolId"], ClientId=state["ClientId"])
        return done({})
