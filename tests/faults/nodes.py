"""A Ray cluster of several nodes on this machine, of which any can be lost.

They share Ray's session folder. While a node that joins unpacks the modules there, a worker of
another node may fail to start; its job is tried again.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.processes import titled

PATIENCE_S = 120
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a-token-of-these-tests-and-no-other-one"}
SLOWLY = {"RAY_raylet_start_wait_time_s": str(PATIENCE_S)}
READY = "will now block"
"""What `ray start` says when a node has joined."""


@dataclass
class Nodes:
    """The nodes: each has an address of its own in the loopback network, the first is the head."""

    folder: Path
    port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """The head's, for RAY_ADDRESS."""
        return f"127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to run here."""
        return {**TOKEN, "RAY_ADDRESS": self.address}

    def add(self, *options: str) -> None:
        """Start one more node, of one core unless `options` of `ray start` say more."""
        ip = f"127.0.0.{1 + len(self.processes)}"
        command = [str(Path(sys.executable).parent / "ray"), "start", "--block", "--num-cpus=1"]
        command += [f"--node-ip-address={ip}", f"--temp-dir={self.folder}", *options]
        if self.processes:
            command += [f"--address={self.address}"]
        else:
            command += ["--head", f"--port={self.port}", "--include-dashboard=false"]
        log = self.folder / f"{ip}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env={**os.environ, **TOKEN, **SLOWLY},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        until = time.monotonic() + PATIENCE_S
        while READY not in log.read_text():
            assert process.poll() is None and time.monotonic() < until, log.read_text()
            time.sleep(0.2)

    def jobs_on(self, index: int) -> list[str]:
        """What the workers of a node are doing, by the titles of their processes."""
        titles = (title for _, title in titled(self.processes[index].pid))
        return [
            title
            for title in titles
            if title.startswith(("trial ", "weights ", "test ", "timing "))
        ]

    def lose(self, index: int) -> None:
        """Kill -9 all processes of a node at once."""
        lost = psutil.Process(self.processes[index].pid)
        for process in [*lost.children(recursive=True), lost]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.processes[index].wait()


@contextlib.contextmanager
def local_nodes(count: int) -> Iterator[Nodes]:
    """A cluster of so many nodes of one core each; nothing of it runs on after the block."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    # A short folder, because Ray puts sockets below it.
    nodes = Nodes(Path(tempfile.mkdtemp(prefix="nodes-", dir="/tmp")), port)
    try:
        for _ in range(count):
            nodes.add()
        yield nodes
    finally:
        for index in reversed(range(len(nodes.processes))):
            if nodes.processes[index].poll() is None:
                nodes.lose(index)
        shutil.rmtree(nodes.folder, ignore_errors=True)
