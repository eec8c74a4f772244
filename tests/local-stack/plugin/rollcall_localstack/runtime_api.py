"""The AWS Lambda Runtime API for one function process: next, response, error, init error.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PREFIX = "/2018-06-01/runtime/"

# Lambda's limit for a synchronous answer, in bytes (6 MiB and the envelope's 100 bytes).
MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100


def error_document(kind, message):
    """An error as the Lambda service words it."""
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def serve(sandbox):
    """Starts the API of one sandbox on a port of its own and returns the server.

    A port for each process: a long poll left behind by a dead process can never swallow its successor's invocation.
    """
    server = _Server(("127.0.0.1", 0), _Handler)
    server.sandbox = sandbox
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a killed function resets its connections: no news


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered, so that an answer leaves in one segment

    def log_message(self, *args):
        pass

    def do_GET(self):
        if self.path != PREFIX + "invocation/next":
            return self._answer(404, b"{}")
        invocation = self.server.sandbox.next_invocation()
        if invocation is None:  # the sandbox is being torn down
            self.close_connection = True
            return None
        return self._answer(200, invocation.payload, {
            "Lambda-Runtime-Aws-Request-Id": invocation.id,
            "Lambda-Runtime-Deadline-Ms": str(invocation.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
            "Lambda-Runtime-Trace-Id": invocation.trace_id,
        })

    def do_POST(self):
        sandbox, body = self.server.sandbox, self._body()
        match self.path.removeprefix(PREFIX).split("/"):
            case ["init", "error"]:
                sandbox.fail_init(body)
            case ["invocation", request_id, "response" | "error" as outcome]:
                if not sandbox.finish(request_id, *_checked(body, outcome == "error")):
                    return self._answer(400, error_document("InvalidRequestID", "Invalid request ID"))
            case _:
                return self._answer(404, b"{}")
        return self._answer(202, b'{"status":"OK"}')

    def _answer(self, code, body, headers=None):
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunked_body()  # hyper, the Rust runtime's client, sends chunks when it knows no length
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunked_body(self):
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return b"".join(parts)


def _checked(body, is_error):
    if is_error or len(body) <= MAX_RESPONSE_BYTES:
        return body, is_error
    message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
    return error_document("Function.ResponseSizeTooLarge", message), True
