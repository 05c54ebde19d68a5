"""A RAY_ADDRESS without a cluster is refused in a sentence, soon, and can be interrupted."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps import nodes
from sweeps.nodes import ClusterError, cluster_nodes


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port of this machine that accepts connections, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "write the HOST:PORT of its head"),
        ("http://127.0.0.1:8265", "write the HOST:PORT of its head"),
        ("127.0.0.1:99999", "write the HOST:PORT of its head"),
        ("ray://127.0.0.1:10001", "cannot be run through Ray Client"),
    ],
)
def test_what_is_no_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str, said: str
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(ClusterError, match=f"^RAY_ADDRESS={address}") as error:
        cluster_nodes()
    assert said in str(error.value)


def test_where_nothing_listens_the_reason_is_given(
    monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{closed_port}")
    with pytest.raises(ClusterError, match="Connection refused"):
        cluster_nodes()


def test_what_does_not_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch, silent_port: int
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{silent_port}")
    monkeypatch.setattr(nodes, "ANSWER_S", 2)
    with pytest.raises(ClusterError, match="no answer in 2 s"):
        cluster_nodes()


@pytest.mark.parametrize("address", [None, "", "local"])
def test_without_an_address_there_is_no_cluster(
    monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if address is not None:
        monkeypatch.setenv("RAY_ADDRESS", address)
    assert cluster_nodes() is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_joining_a_cluster_can_be_interrupted(
    monkeypatch: pytest.MonkeyPatch, silent_port: int, number: signal.Signals
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{silent_port}")
    root = Path(nodes.__file__).parents[1]
    command = [sys.executable, root / "tune_main.py", root / "sweeps" / "landslide_backbones.yaml"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert any(line.startswith(b"joining") for line in running.stdout)
        before = time.monotonic()
        running.send_signal(number)
        _, error = running.communicate()
    assert running.returncode == 130
    assert error.startswith(b"interrupted before the run was started")
    assert time.monotonic() - before < nodes.ANSWER_S / 2
