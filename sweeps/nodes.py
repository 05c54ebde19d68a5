"""The cluster that RAY_ADDRESS names: whether it is there, and what machines it has.

Asked before anything slow is imported. Ray itself tries for minutes to join what is no cluster, and
does not listen to signals meanwhile; a process of its own can be ended.
"""

import json
import os
import socket
import subprocess
import sys

from runs.errors import EosweepError
from runs.progress import UNSEEN, Progress
from sweeps.slots import Machine

CONNECT_S, ANSWER_S = 4, 14
"""How long a cluster may take to accept a connection, and to say what machines it has."""

ASK = """
import json, ray
ray.init(log_to_driver=False, logging_level="ERROR")
print(json.dumps([node["Resources"] for node in ray.nodes() if node["Alive"]]))
"""


class ClusterError(EosweepError):
    """There is no cluster where RAY_ADDRESS says, or it cannot be joined."""


def cluster_address() -> str | None:
    """The cluster that RAY_ADDRESS names; None if Ray is to be started on this machine."""
    address = os.environ.get("RAY_ADDRESS", "")
    return None if address in ("", "local") else address


def cluster_nodes(progress: Progress = UNSEEN) -> list[Machine] | None:
    """The machines of the cluster that RAY_ADDRESS names; None if it names none.

    Raises:
        ClusterError: it cannot be joined; the message says what to do.
    """
    address = cluster_address()
    if address is None:
        return None
    progress.step(f"joining the Ray cluster {address}")
    if address != "auto":
        _check_address(address)
    command = [sys.executable, "-c", ASK]
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
    nodes = json.loads(answer.stdout.splitlines()[-1])
    return [Machine(int(has.get("CPU", 0)), int(has.get("GPU", 0))) for has in nodes]


def _check_address(address: str) -> None:
    """Raise `ClusterError` if `address` is none, or if nothing listens there."""
    if address.startswith("ray://"):
        raise ClusterError(
            f"RAY_ADDRESS={address}: a sweep cannot be run through Ray Client: run the command on "
            "a machine of the cluster, with RAY_ADDRESS=auto"
        )
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdecimal() or int(port) >= 2**16:
        raise ClusterError(
            f"RAY_ADDRESS={address} is not the address of a cluster: write the HOST:PORT of its "
            "head, such as 10.0.0.1:6379, or auto for the cluster of this machine"
        )
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise _no_cluster(address, error.strerror or str(error)) from None


def _no_cluster(address: str, reason: str, printed: str = "") -> ClusterError:
    """Why the cluster cannot be joined; `printed` is what Ray wrote meanwhile."""
    if "InvalidAuthToken" in printed:
        return ClusterError(
            f"RAY_ADDRESS={address}: the cluster refuses the token of this user: set "
            "RAY_AUTH_MODE=token, and copy ~/.ray/auth_token from the cluster's head"
        )
    return ClusterError(
        f"RAY_ADDRESS={address}: no Ray cluster can be joined there ({reason}): correct the "
        "address, start a cluster with `ray start --head`, or unset RAY_ADDRESS to use this machine"
    )
