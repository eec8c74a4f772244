"""Deploys a synthesized CDK stack to LocalStack through plain CloudFormation: no cdk CLI, no bootstrap, no DNS.

  deploy.py deploy <stack> <cdk.out> <artifact> [Parameter=Value ...]
  deploy.py delete <stack>
  deploy.py hold <stack>          waits for SIGTERM, then deletes the stack

<artifact> is the stack's name in <cdk.out>. AWS_ENDPOINT_URL names the endpoint, which must be on loopback.
On success `deploy` writes the stack's outputs to stdout as one JSON object. On failure the reason is on stderr, the exit
code is 1, and stdout is empty.
"""
import json
import os
import pathlib
import signal
import sys
import time
import urllib.parse

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

# Seconds between two looks at the stack, and the time after which it is called stuck (it takes about 5 s).
POLL_INTERVAL = 0.05
LIMIT = 180

# LocalStack's own account.
ACCOUNT = "000000000000"

LOOPBACK = ("127.0.0.1", "localhost", "::1")

# What the CDK's default template asks for; its value is the version of `cdk bootstrap`.
BOOTSTRAP_PARAMETER = "/cdk-bootstrap/hnb659fds/version"
BOOTSTRAP_VERSION = "30"

# What can be neither created nor updated, on AWS either.
NEITHER_NOR = {"CREATE_FAILED", "ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED", "DELETE_FAILED"}

# Types that LocalStack knows nothing of and that nothing else depends on: they look on, or keep copies.
NOT_EMULATED = {"AWS::CloudWatch::Dashboard", "AWS::Events::Archive"}


class Failure(Exception):
    """A reason that a person can act on."""


class Endpoint:
    """Clients for one loopback endpoint, with the local stack's fixed credentials."""

    def __init__(self, url):
        if urllib.parse.urlparse(url).hostname not in LOOPBACK:
            raise Failure(f"`{url}` is not on this machine: the local stack deploys to loopback addresses only")
        self.url = url
        self._session = boto3.session.Session("test", "test", region_name=os.environ.get("AWS_REGION", "us-east-1"))

    def client(self, service):
        config = Config(read_timeout=LIMIT, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return self._session.client(service, endpoint_url=self.url, config=config)


def deploy(endpoint, stack, assembly, artifact, *parameters):
    template = upload_assets(endpoint, pathlib.Path(assembly), artifact)
    endpoint.client("ssm").put_parameter(
        Name=BOOTSTRAP_PARAMETER, Value=BOOTSTRAP_VERSION, Type="String", Overwrite=True)
    cloudformation = endpoint.client("cloudformation")
    begun = create_or_update(cloudformation, stack, template, parameters)
    description = wait_until_settled(cloudformation, stack)
    if begun:
        check_operation(cloudformation, description)
    check_resources(endpoint, cloudformation, stack)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}
    print(json.dumps(outputs))


def upload_assets(endpoint, assembly, artifact):
    """Uploads each file of the stack and returns the template's URL."""
    s3 = endpoint.client("s3")
    buckets, template = set(), None
    for file in json.loads((assembly / f"{artifact}.assets.json").read_text())["files"].values():
        source = file["source"]
        if source["packaging"] != "file":
            raise Failure(f"asset `{source['path']}` is a folder: build its zip before `cdk synth`")
        for destination in file["destinations"].values():
            bucket, key = here(destination["bucketName"]), destination["objectKey"]
            if bucket not in buckets:
                s3.create_bucket(Bucket=bucket)
                buckets.add(bucket)
            s3.put_object(Bucket=bucket, Key=key, Body=(assembly / source["path"]).read_bytes())
            if source["path"] == f"{artifact}.template.json":
                template = f"{endpoint.url}/{bucket}/{key}"
    if template is None:
        raise Failure(f"`{assembly}` holds no template of the stack `{artifact}`")
    return template


def here(name):
    """A name with this account and Region, which an app that fits all of them leaves open."""
    region = os.environ.get("AWS_REGION", "us-east-1")
    return name.replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", region)


def create_or_update(cloudformation, stack, template, parameters):
    """Whether there is anything to do."""
    status = (describe(cloudformation, stack) or {}).get("StackStatus")
    if status == "ROLLBACK_COMPLETE":
        print(f"stack `{stack}` was never created: deleting what its rollback has left of it", file=sys.stderr)
        delete_and_wait(cloudformation, stack)
        status = None
    elif status in NEITHER_NOR:
        raise Failure(f"stack `{stack}` is {status}: delete it first")
    call = cloudformation.update_stack if status else cloudformation.create_stack
    pairs = [parameter.split("=", 1) for parameter in parameters]
    try:
        call(StackName=stack, TemplateURL=template, Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
             Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in pairs])
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise
        return False
    return True


def describe(cloudformation, stack):
    """None if there is no such stack."""
    try:
        return cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise


def wait_until_settled(cloudformation, stack):
    deadline = time.monotonic() + LIMIT
    while (description := describe(cloudformation, stack)) and description["StackStatus"].endswith("IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise Failure(f"stack `{stack}` is still {description['StackStatus']} after {LIMIT} s")
        time.sleep(POLL_INTERVAL)
    return description


def check_operation(cloudformation, description):
    stack, status = description["StackName"], description["StackStatus"]
    problems = failures(cloudformation, description["StackId"])
    if problems or not status.endswith("_COMPLETE") or "ROLLBACK" in status:
        why = description.get("StackStatusReason") or "no reason given"
        raise Failure("\n  ".join([f"stack `{stack}` is {status}:", *problems, why]))


def failures(cloudformation, stack_id):
    """What has failed since the stack's last operation began, the first one first.

    A rollback deletes the resource that failed, and its reason is in the events alone.
    """
    found = []
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    for event in (event for page in pages for event in page["StackEvents"]):  # the last one comes first
        status, is_stack = event["ResourceStatus"], event.get("PhysicalResourceId") == stack_id
        if is_stack and status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"):
            break
        if status.endswith("_FAILED") and not is_stack:
            reason = event.get("ResourceStatusReason") or "no reason given"
            found.append(f"{event['LogicalResourceId']} ({event['ResourceType']}): {status}: {reason}")
    return found[::-1]


def check_resources(endpoint, cloudformation, stack):
    """LocalStack calls a stack complete although a resource was skipped or does not work: look at each of them."""
    resources = cloudformation.describe_stack_resources(StackName=stack)["StackResources"]
    if problems := [problem for resource in resources if (problem := problem_with(endpoint, resource))]:
        raise Failure("\n  ".join([f"stack `{stack}` is not what it should be:", *problems]))


def problem_with(endpoint, resource):
    skipped = "deployed as a fallback" in (resource.get("ResourceStatusReason") or "")
    name, resource_type = resource["LogicalResourceId"], resource["ResourceType"]
    if skipped and resource_type not in NOT_EMULATED:
        return f"{name} ({resource_type}): LocalStack does not emulate this type and skipped it"
    if resource_type == "AWS::Lambda::Function":
        return problem_with_function(endpoint, resource["PhysicalResourceId"])
    return None


def problem_with_function(endpoint, name):
    function = endpoint.client("lambda").get_function_configuration(FunctionName=name)
    if function["State"] == "Active":
        return None
    return (f"function `{name}` is {function['State']}: {function.get('StateReason') or 'no reason given'} "
            "(does this LocalStack run functions as processes, with LAMBDA_RUNTIME_EXECUTOR=process?)")


def delete(endpoint, stack):
    delete_and_wait(endpoint.client("cloudformation"), stack)


def delete_and_wait(cloudformation, stack):
    description = describe(cloudformation, stack)
    if description is None:
        return
    cloudformation.delete_stack(StackName=stack)
    stack_id = description["StackId"]  # a deleted stack is still described by its id
    description = wait_until_settled(cloudformation, stack_id)
    if description and description["StackStatus"] != "DELETE_COMPLETE":
        raise Failure("\n  ".join([f"stack `{stack}` is {description['StackStatus']}, not deleted:",
                                   *failures(cloudformation, stack_id)]))


def hold(endpoint, stack):
    signal.sigwait({signal.SIGTERM})
    delete(endpoint, stack)


def main(arguments):
    commands = {"deploy": deploy, "delete": delete, "hold": hold}
    match arguments:
        case [command, stack, *rest] if command in commands:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM} if command == "hold" else set())
            commands[command](Endpoint(os.environ.get("AWS_ENDPOINT_URL", "")), stack, *rest)
        case _:
            raise Failure(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Failure, ClientError, BotoCoreError, OSError) as error:
        sys.exit(str(error))
