"""A RAY_ADDRESS without a cluster is refused in a sentence, soon, and can be interrupted."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweeps import nodes
from sweeps.nodes import ClusterError, cluster_address, cluster_nodes


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
def test_what_is_no_address_is_refused(address: str, said: str) -> None:
    with pytest.raises(ClusterError, match=f"^{address}") as error:
        cluster_nodes(address)
    assert said in str(error.value)


def test_where_nothing_listens_the_reason_is_given(closed_port: int) -> None:
    with pytest.raises(ClusterError, match="Connection refused"):
        cluster_nodes(f"127.0.0.1:{closed_port}")


def test_what_does_not_answer_is_given_up(
    monkeypatch: pytest.MonkeyPatch, silent_port: int
) -> None:
    monkeypatch.setattr(nodes, "ANSWER_S", 2)
    with pytest.raises(ClusterError, match="no answer in 2 s"):
        cluster_nodes(f"127.0.0.1:{silent_port}")


def test_who_asks_for_nodes_can_still_start_a_ray_of_its_own(
    monkeypatch: pytest.MonkeyPatch, silent_port: int
) -> None:
    """Ray reads its settings once: changed later, they reach its children, and not this process."""
    monkeypatch.setattr(nodes, "ANSWER_S", 1)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "the token of a user")
    before = dict(os.environ)
    with pytest.raises(ClusterError):
        cluster_nodes(f"127.0.0.1:{silent_port}")
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("environment", "sweep", "joined"),
    [
        ("", None, None),
        ("local", None, None),
        ("local", "auto", None),
        ("", "auto", "auto"),
        ("head:6379", "auto", "head:6379"),
    ],
)
def test_environment_has_priority_over_the_sweep(
    monkeypatch: pytest.MonkeyPatch, environment: str, sweep: str | None, joined: str | None
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", environment)
    assert cluster_address(sweep) == joined


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_joining_a_cluster_can_be_interrupted(
    monkeypatch: pytest.MonkeyPatch, silent_port: int, number: signal.Signals
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{silent_port}")
    root = Path(nodes.__file__).parents[1]
    command = [sys.executable, root / "tune_main.py", root / "sweeps" / "landslide_backbones.yaml"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert any(line.startswith(b"joining") for line in running.stdout)
        running.send_signal(number)
        _, error = running.communicate()
    assert running.returncode == 130
    assert error.startswith(b"interrupted before the run was started")
