"""LocalStack's twisted server, listening on the host that GATEWAY_LISTEN names.

The stock server ignores an IPv4 host and listens on 0.0.0.0: everybody on the network could run code here.
"""
from localstack.runtime.server import twisted as stock


class _Endpoints:
    """Stands in for `twisted.internet.endpoints` while the server registers its ports: adds `interface=<host>`."""

    def __init__(self, real, host_of_port):
        self._real = real
        self._host_of_port = host_of_port
        self.TCP6ServerEndpoint = real.TCP6ServerEndpoint

    def TCP4ServerEndpoint(self, reactor, port):  # noqa: N802, the name is twisted's
        return self._real.TCP4ServerEndpoint(reactor, port, interface=self._host_of_port[port])


class LoopbackServer(stock.TwistedRuntimeServer):
    """Overrides the one method that chooses the addresses."""

    def register(self, gateway, listen, ssl_creds=None):
        real = stock.endpoints
        stock.endpoints = _Endpoints(real, {address.port: address.host for address in listen})
        try:
            super().register(gateway, listen, ssl_creds)
        finally:
            stock.endpoints = real
