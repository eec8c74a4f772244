"""Runs a Lambda function's execution environment as one `bootstrap` process.

LocalStack creates an executor per environment and never runs two invocations in the same one, so N concurrent
invocations are N processes. A process that died is replaced at the next invocation, as on Lambda.

Read from LocalStack's own environment:
  ROLLCALL_FUNCTION_ENV_<NAME>  default for the variable <NAME> in every function; what the function configures wins.
                                An unchanged template then finds the emulators it does not know of.
  ROLLCALL_FUNCTION_LOGS        folder for each function's live output, lines marked with the process id

Not done: sandboxing, memory limits, freezing between invocations, layers, extensions, response streaming.
The working directory is the unzipped package, not /var/task; a variable that begins with that path is pointed there.
"""
import os
import time

from localstack import config
from localstack.services.lambda_.invocation.lambda_models import InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from .sandbox import Invocation, Sandbox

DEFAULT_PREFIX = "ROLLCALL_FUNCTION_ENV_"

# Where Lambda unpacks a function.
TASK_ROOT = "/var/task/"


class ProcessRuntimeExecutor(RuntimeExecutor):
    """The interface is LocalStack's."""

    def __init__(self, id, function_version):  # noqa: A002, the name is LocalStack's
        super().__init__(id, function_version)
        self._environment = {}
        self._sandbox = None
        self._init_ms = None

    def start(self, env_vars):
        self._environment = env_vars
        self._start_sandbox()

    def stop(self):
        if self._sandbox:
            self._sandbox.close()

    def invoke(self, payload, **_):
        if not self._sandbox.alive():
            self._start_sandbox()
        timeout = self.function_version.config.timeout
        invocation, started = Invocation(payload, timeout), time.perf_counter()
        body, is_error = self._sandbox.run(invocation, timeout)
        logs = self._log_lines(invocation.id, _milliseconds_since(started))
        return InvocationResult(invocation.id, body, is_error=is_error, logs=logs)

    def get_address(self):
        return "127.0.0.1"

    def get_endpoint_from_executor(self):
        return "127.0.0.1"  # becomes AWS_ENDPOINT_URL=http://127.0.0.1:<gateway's port> in the function

    def get_runtime_endpoint(self):
        return f"http://127.0.0.1:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    def get_logs(self):
        return self._sandbox.take_output() if self._sandbox else ""

    @classmethod
    def prepare_version(cls, function_version):
        if function_version.config.code:
            function_version.config.code.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version):
        pass

    # --------------------------------------------------------------------------------------------

    def _start_sandbox(self):
        self.stop()
        name = self.function_version.id.function_name
        code_dir = str(self.function_version.config.code.get_unzipped_code_location())
        started = time.perf_counter()
        self._sandbox = Sandbox(name, code_dir, self._function_environment(code_dir), _log_file(name))
        self._sandbox.wait_ready(self.id)
        self._init_ms = _milliseconds_since(started)

    def _function_environment(self, code_dir):
        """Nothing of LocalStack's own environment but the defaults meant for functions."""
        defaults = {name.removeprefix(DEFAULT_PREFIX): value
                    for name, value in os.environ.items() if name.startswith(DEFAULT_PREFIX)}
        configured = {name: _in_package(str(value), code_dir) for name, value in self._environment.items()}
        return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", **defaults, **configured,
                "LAMBDA_TASK_ROOT": code_dir}

    def _log_lines(self, request_id, duration_ms):
        """The invocation's log as CloudWatch Logs shows it."""
        version = self.function_version.id.qualifier
        report = f"REPORT RequestId: {request_id}\tDuration: {duration_ms:.2f} ms"
        if self._init_ms is not None:
            report += f"\tInit Duration: {self._init_ms:.2f} ms"
            self._init_ms = None
        output = self._sandbox.take_output().rstrip("\n")
        lines = [f"START RequestId: {request_id} Version: {version}", output, f"END RequestId: {request_id}", report]
        return "\n".join(line for line in lines if line) + "\n"


def _in_package(value, code_dir):
    return os.path.join(code_dir, value.removeprefix(TASK_ROOT)) if value.startswith(TASK_ROOT) else value


def _milliseconds_since(started):
    return (time.perf_counter() - started) * 1000


def _log_file(function):
    folder = os.environ.get("ROLLCALL_FUNCTION_LOGS")
    if not folder:
        return None
    os.makedirs(folder, exist_ok=True)
    return os.path.join(folder, f"{function}.log")
