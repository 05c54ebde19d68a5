"""A server on this machine that speaks S3."""

import contextlib
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from moto.server import ThreadedMotoServer

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "secret"}
"""What its users have in their environment; it takes any."""


@dataclass
class S3Server:
    """A server, which keeps its files in this process while it is stopped.

    Attributes:
        address: its HOST:PORT.
    """

    running: ThreadedMotoServer
    address: str

    def storage(self, prefix: str) -> str:
        """The address of a storage in its bucket."""
        return f"s3://bucket/{prefix}?endpoint_override={self.address}&scheme=http"

    def stop(self) -> None:
        """Have nothing answer at the address."""
        self.running.stop()

    def start_again(self) -> None:
        """Answer at the same address, with the same files."""
        host, port = self.address.split(":")
        self.running = ThreadedMotoServer(host, port=int(port), verbose=False)
        self.running.start()


@contextlib.contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server with an empty bucket, called `bucket`."""
    running = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    server = S3Server(running, f"{host}:{port}")
    # All servers of a process have one memory.
    for path, method in (("moto-api/reset", "POST"), ("bucket", "PUT")):
        asked = urllib.request.Request(f"http://{server.address}/{path}", method=method)
        urllib.request.urlopen(asked).close()
    yield server
    server.stop()
