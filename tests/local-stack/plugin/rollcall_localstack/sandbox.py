"""One life of one function process: it starts, runs one invocation at a time, and ends."""
import array
import fcntl
import logging
import os
import queue
import select
import signal
import subprocess
import termios
import threading
import time

from localstack.services.lambda_.invocation.executor_endpoint import StatusErrorException

from .runtime_api import error_document, serve

LOG = logging.getLogger("localstack." + __name__)  # LocalStack shows its own namespace only

# What is kept of one invocation's output for CloudWatch Logs, in bytes. The log file gets everything.
MAX_OUTPUT_BYTES = 1 << 20

# How much of a failed start's output is put into LocalStack's own log, in characters.
FAILED_INIT_OUTPUT = 2000


class Invocation:
    """What LocalStack asks for, and in the end its answer."""

    def __init__(self, payload, timeout):
        self.id = payload["invoke-id"]
        self.arn = payload["invoked-function-arn"]
        self.trace_id = payload["trace-id"]
        self.payload = payload["payload"].encode()
        self.deadline_ms = int((time.time() + timeout) * 1000)
        self.done = threading.Event()
        self.result = None  # (body, is_error)


class Output:
    """What the process writes: kept for the invocation it belongs to, and appended live to a file."""

    def __init__(self, log_file):
        self.read_end, self.write_end = os.pipe()
        self._lock = threading.Lock()  # guards the pipe's read end and `_kept`
        self._kept = []
        self._log_file = log_file

    def started(self, pid):
        """The process has the write end now; `pid` marks its lines in the file."""
        os.close(self.write_end)
        self._tag = f"[{pid}] ".encode()
        threading.Thread(target=self._pump, daemon=True).start()

    def abandon(self):
        """There is no process after all."""
        os.close(self.write_end)
        os.close(self.read_end)

    def take(self):
        """What was written since the last call.

        Complete up to the process's answer: those bytes were in the pipe before the answer was on the socket.
        """
        with self._lock:
            while self.read_end >= 0 and self._bytes_waiting():
                self._read()
            text, self._kept = b"".join(self._kept), []
        return text.decode(errors="replace")

    def _pump(self):
        open_ = True
        while open_:
            select.select([self.read_end], [], [])
            with self._lock:
                # `take` may have been here first: never block in a read while holding the lock
                open_ = not select.select([self.read_end], [], [], 0)[0] or self._read()
        with self._lock:
            os.close(self.read_end)
            self.read_end = -1

    def _bytes_waiting(self):
        count = array.array("i", [0])
        fcntl.ioctl(self.read_end, termios.FIONREAD, count)
        return count[0]

    def _read(self):
        """Moves what is there. False at the end of the file. Needs the lock."""
        data = os.read(self.read_end, 65536)
        if not data:
            return False
        if sum(map(len, self._kept)) < MAX_OUTPUT_BYTES:
            self._kept.append(data)
        if self._log_file:
            with open(self._log_file, "ab") as file:
                file.write(b"".join(self._tag + line + b"\n" for line in data.split(b"\n") if line))
        return True


class Sandbox:
    """The process, its Runtime API, and the invocation that runs in it."""

    def __init__(self, function, code_dir, environment, log_file):
        self._function = function
        self._ready = threading.Event()  # the process asked for its first invocation, or failed to
        self._waiting = queue.Queue()
        self._init_error = None
        self._current = None
        self._exited = None  # in words, once the process is gone
        self._lock = threading.Lock()  # guards `_current`, its result, and `_exited`
        self._output = Output(log_file)
        self._api = serve(self)
        self._process = self._start(code_dir, environment)
        self._output.started(self._process.pid)
        threading.Thread(target=self._watch, daemon=True).start()

    def _start(self, code_dir, environment):
        address = "{}:{}".format(*self._api.server_address)
        try:
            # A group of its own, so that `close` takes the function's children along.
            return subprocess.Popen(
                [os.path.join(code_dir, "bootstrap")], cwd=code_dir, process_group=0, stdin=subprocess.DEVNULL,
                env={**environment, "AWS_LAMBDA_RUNTIME_API": address},
                stdout=self._output.write_end, stderr=self._output.write_end)
        except OSError as error:
            self._output.abandon()
            self._stop_api()
            document = error_document("Runtime.InvalidEntrypoint", str(error))
            raise StatusErrorException("bootstrap", payload=document) from error

    # -- asked by the Runtime API ----------------------------------------------------------------

    def next_invocation(self):
        """Blocks until there is one, as the service does. None: the sandbox is closing."""
        self._ready.set()
        return self._waiting.get()

    def fail_init(self, document):
        self._init_error = document
        self._ready.set()

    def finish(self, request_id, body, is_error):
        """Takes the answer to the running invocation. False if it is not the one that runs."""
        with self._lock:
            invocation = self._current
            if not invocation or invocation.id != request_id or invocation.result is not None:
                return False
            invocation.result = (body, is_error)
        invocation.done.set()
        return True

    # -- asked by the executor -------------------------------------------------------------------

    def wait_ready(self, environment_id):
        """Returns when the function waits for work; raises what Lambda would say if it failed to get there."""
        self._ready.wait()  # LocalStack's own start-up timer closes the sandbox when this takes too long
        if self._init_error is None and self._exited:
            self._init_error = self._exit_error(environment_id)
        if self._init_error is not None:
            LOG.warning("function %s failed to start: %s | its output: %s", self._function,
                        self._init_error.decode(errors="replace"), self._output.take()[-FAILED_INIT_OUTPUT:])
            self.close()
            raise StatusErrorException("Environment startup failed", payload=self._init_error)

    def run(self, invocation, timeout):
        """Runs one invocation and returns (body, is_error)."""
        with self._lock:
            self._current = invocation
            gone = self._exited
        if gone:  # it died between the check for life and now
            self.finish(invocation.id, self._exit_error(invocation.id), True)
        else:
            self._waiting.put(invocation)
        if not invocation.done.wait(timeout):
            message = f"RequestId: {invocation.id} Error: Task timed out after {timeout:.2f} seconds"
            if self.finish(invocation.id, error_document("Sandbox.Timedout", message), True):
                self.close()  # like the service: the environment is thrown away
        with self._lock:
            self._current = None
        return invocation.result

    def alive(self):
        return self._exited is None and self._process.poll() is None

    def take_output(self):
        return self._output.take()

    def close(self):
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._waiting.put(None)
        self._stop_api()

    # --------------------------------------------------------------------------------------------

    def _stop_api(self):
        self._api.shutdown()
        self._api.server_close()

    def _watch(self):
        code = self._process.wait()
        with self._lock:
            self._exited = f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
            invocation = self._current
        if invocation:
            self.finish(invocation.id, self._exit_error(invocation.id), True)
        self._ready.set()

    def _exit_error(self, request_id):
        message = f"RequestId: {request_id} Error: Runtime exited with error: {self._exited}"
        return error_document("Runtime.ExitError", message)
