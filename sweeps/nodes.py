"""The cluster that a sweep is to run on: whether it is there, and what machines it has.

Ray itself tries for minutes to join what is no cluster, and does not listen to signals meanwhile; a
process of its own can be ended.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from runs.errors import EosweepError
from runs.progress import UNSEEN, Progress
from sweeps.slots import Machine

CONNECT_S, ANSWER_S = 4, 14
"""How long a cluster may take to accept a connection, and to say what machines it has."""

ASK = """
import json, sys, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="ERROR")
print(json.dumps(ray.nodes()))
"""

REFUSED = ("InvalidAuthToken", "Unauthenticated", "AuthenticationError")
"""What Ray writes where a cluster asks for another token."""


class ClusterError(EosweepError):
    """There is no cluster where one is to be joined, or it cannot be joined."""


def cluster_address(named: str | None = None) -> str | None:
    """The cluster to join: RAY_ADDRESS, else the one that the sweep has `named`.

    None if Ray is to be started on this machine: also where RAY_ADDRESS is `local`.
    """
    address = os.environ.get("RAY_ADDRESS") or named
    return None if address == "local" else address


def present_token() -> None:
    """Have this process show clusters the token of this user, if there is one.

    `ray start` asks for it as soon as the user has one; who joins must be told to, before Ray is
    imported, which reads its settings once.
    """
    if _has_token():
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def cluster_nodes(address: str, progress: Progress = UNSEEN) -> list[Machine]:
    """The machines of the cluster at `address`, which `present_token` must have been called for.

    Raises:
        ClusterError: it cannot be joined; the message says what to do.
    """
    progress.step(f"joining the Ray cluster {address}")
    if address != "auto":
        _check_address(address)
    command = [sys.executable, "-c", ASK, address]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=ANSWER_S, check=True
        )
    except subprocess.TimeoutExpired as error:
        said = (error.stderr or b"").decode(errors="replace")
        raise _no_cluster(address, f"no answer in {ANSWER_S} s", said) from None
    except subprocess.CalledProcessError as error:
        last = error.stderr.strip().splitlines()[-1]
        raise _no_cluster(address, last, error.stderr) from None
    return machines_of(json.loads(answer.stdout.splitlines()[-1]))


def machines_of(nodes: Iterable[Mapping[str, Any]]) -> list[Machine]:
    """The machines of a cluster's `nodes`, as `ray.nodes()` gives them, that are alive."""
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    return [Machine(int(has.get("CPU", 0)), int(has.get("GPU", 0))) for has in alive]


def _has_token() -> bool:
    """Whether this user has a token, where Ray looks for it."""
    file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or file.is_file()


def _check_address(address: str) -> None:
    """Raise `ClusterError` if `address` is none, or if nothing listens there."""
    if address.startswith("ray://"):
        raise ClusterError(
            f"{address}: a sweep cannot be run through Ray Client: run the command on a machine "
            "of the cluster, with RAY_ADDRESS=auto"
        )
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or int(port) >= 2**16:
        raise ClusterError(
            f"{address} is not the address of a Ray cluster: write the HOST:PORT of its head, such "
            "as 10.0.0.1:6379, or auto for the cluster of this machine"
        )
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise _no_cluster(address, error.strerror or str(error)) from None


def _no_cluster(address: str, reason: str, printed: str = "") -> ClusterError:
    """Why the cluster cannot be joined; `printed` is what Ray wrote meanwhile."""
    if any(sign in printed for sign in REFUSED):
        return ClusterError(
            f"the Ray cluster {address} refuses the token of this user: copy ~/.ray/auth_token "
            "from the home of the user who started its head"
        )
    return ClusterError(
        f"no Ray cluster can be joined at {address} ({reason}): correct RAY_ADDRESS or `cluster`, "
        "start a cluster with `ray start --head`, or leave both out to use this machine"
    )
