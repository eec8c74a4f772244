"""CloudFormation's custom resources, which LocalStack's community edition skips and calls complete.

A resource's function is invoked with the request that CloudFormation sends, and its answer is awaited on a loopback URL
with a path that is used once. Source: "Custom resource request and response reference" in the AWS CloudFormation
template reference guide.

Not as on AWS: a ServiceToken is a Lambda ARN and never an SNS topic; when an update changes the physical id, the old
one is deleted at once and not after the whole update; NoEcho is ignored.
"""
import contextlib
import http.server
import json
import threading
import uuid

from botocore.config import Config
from localstack.aws.connect import connect_to
from localstack.services.cloudformation.resource_provider import OperationStatus, ProgressEvent, ResourceProvider

# Longest wait for an answer, in seconds, unless the resource asks for less. CloudFormation waits an hour.
ANSWER_LIMIT = 180

# Seconds between two looks at a function that is still being created, and how many.
FUNCTION_LOOKS = {"Delay": 1, "MaxAttempts": 60}

# What the model of a resource holds besides its own properties.
PHYSICAL_ID = "PhysicalResourceId"
REQUESTED = "RequestedProperties"


class Answers:
    """Takes the answers of functions: one server for the process, one path for each request."""

    def __init__(self):
        self._lock = threading.Lock()
        self._server = None
        self._awaited = {}

    def expect(self):
        """A URL to answer to, and the function that waits for the answer: None if it does not come in time."""
        path, come, answer = f"/{uuid.uuid4().hex}", threading.Event(), []
        self._awaited[path] = (come, answer)

        def wait(seconds):
            come.wait(seconds)
            del self._awaited[path]
            return json.loads(answer[0]) if answer else None

        return f"http://127.0.0.1:{self._port()}{path}?signature=local", wait

    def take(self, path, body):
        """Whether anybody waits for it."""
        come, answer = self._awaited.get(path, (None, None))
        if come is None:
            return False
        answer.append(body)
        come.set()
        return True

    def _port(self):
        with self._lock:
            if self._server is None:
                self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
                threading.Thread(target=self._server.serve_forever, daemon=True).start()
            return self._server.server_address[1]


def handler(answers):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self):  # noqa: N802, the name is the library's
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200 if answers.take(self.path.split("?")[0], body) else 403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    return Handler


ANSWERS = Answers()


class CustomResource(ResourceProvider):
    TYPE = "AWS::CloudFormation::CustomResource"
    SCHEMA = {
        "typeName": TYPE,
        "properties": {PHYSICAL_ID: {"type": "string"}},
        "primaryIdentifier": [f"/properties/{PHYSICAL_ID}"],
        "readOnlyProperties": [f"/properties/{PHYSICAL_ID}"],
    }

    def create(self, request):
        properties = own(request.desired_state)
        answer = ask(request, {"RequestType": "Create"}, properties)
        model = {**properties, **(answer.get("Data") or {}), REQUESTED: properties,
                 PHYSICAL_ID: answer.get(PHYSICAL_ID) or request.logical_resource_id}
        return outcome(answer, model, model)

    def update(self, request):
        before, properties = request.previous_state or {}, own(request.desired_state)
        old = before.get(REQUESTED, {})
        about = {"RequestType": "Update", PHYSICAL_ID: before.get(PHYSICAL_ID), "OldResourceProperties": strings(old)}
        answer = ask(request, about, properties)
        model = {**properties, **(answer.get("Data") or {}), REQUESTED: properties,
                 PHYSICAL_ID: answer.get(PHYSICAL_ID) or before.get(PHYSICAL_ID)}
        if answer["Status"] == "SUCCESS" and model[PHYSICAL_ID] != before.get(PHYSICAL_ID):
            ask(request, {"RequestType": "Delete", PHYSICAL_ID: before.get(PHYSICAL_ID)}, old)
        # What failed is what CloudFormation calls the old properties when it updates the resource back.
        return outcome(answer, model, {**before, REQUESTED: properties})

    def delete(self, request):
        state = request.desired_state or {}
        properties = state.get(REQUESTED) or own(state)
        if "ServiceToken" not in properties:
            return ProgressEvent(status=OperationStatus.SUCCESS, resource_model={})
        physical_id = state.get(PHYSICAL_ID) or request.logical_resource_id
        answer = ask(request, {"RequestType": "Delete", PHYSICAL_ID: physical_id}, properties)
        return outcome(answer, {}, state)


def own(state):
    return {name: value for name, value in state.items() if name not in (PHYSICAL_ID, REQUESTED)}


def ask(request, about, properties):
    """Sends one request to the resource's function and returns its answer, or a failure in its place."""
    url, wait = ANSWERS.expect()
    event = {
        **about,
        "ResponseURL": url,
        "StackId": request.stack_id,
        "RequestId": str(uuid.uuid4()),
        "ResourceType": request.resource_type,
        "LogicalResourceId": request.logical_resource_id,
        "ServiceToken": properties["ServiceToken"],
        "ResourceProperties": strings(properties),
    }
    function = properties["ServiceToken"]
    seconds = min(int(properties.get("ServiceTimeout") or ANSWER_LIMIT), ANSWER_LIMIT)
    try:
        functions = request.aws_client_factory.lambda_
        functions.get_waiter("function_active_v2").wait(FunctionName=function, WaiterConfig=FUNCTION_LOOKS)
        threading.Thread(target=call, args=(request, function, event, seconds), daemon=True).start()
    except Exception as error:  # whatever is wrong with the function fails the resource, and not the engine
        wait(0)
        return {"Status": "FAILED", "Reason": f"the function cannot be invoked: {error}"}
    return wait(seconds) or {"Status": "FAILED", "Reason": f"the function did not answer within {seconds} s"}


def call(request, function, event, seconds):
    """Invokes the function, and waits for it in a thread of its own, because only what it puts to the URL counts.

    CloudFormation invokes asynchronously. LocalStack loses an asynchronous invocation that follows an update of its function
    at once: it gives the event to the version that is being stopped.
    """
    once = Config(read_timeout=seconds, retries={"max_attempts": 0})
    clients = connect_to(aws_access_key_id=request.account_id, region_name=request.region_name, config=once)
    with contextlib.suppress(Exception):  # without an answer the resource fails, and says that
        clients.lambda_.invoke(FunctionName=function, Payload=json.dumps(event).encode())


def outcome(answer, done, failed):
    if answer["Status"] == "SUCCESS":
        return ProgressEvent(status=OperationStatus.SUCCESS, resource_model=done)
    message = f"Received response status [FAILED] from custom resource. Message returned: {answer.get('Reason')}"
    return ProgressEvent(status=OperationStatus.FAILED, resource_model=failed, message=message,
                         error_code="GeneralServiceException")


def strings(value):
    """CloudFormation sends every scalar as a text."""
    if isinstance(value, dict):
        return {name: strings(member) for name, member in value.items()}
    if isinstance(value, list):
        return [strings(member) for member in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None else str(value)
