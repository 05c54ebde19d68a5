"""Whether every node of a cluster reaches the files of a run: asked before the first job."""

from pathlib import Path

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from runs.errors import EosweepError
from sweeps.sync import Sync, SyncError

ANSWER_S = 120
"""How long a node may take to answer: it starts a process, which imports torch."""


def check_nodes(sync: Sync, data: Path) -> None:
    """Raise `SyncError` if a node does not reach the files of the run; `data` is its cache."""
    nodes = [node for node in ray.nodes() if node["Alive"]]
    if len(nodes) == 1:  # this one
        return
    places = [NodeAffinitySchedulingStrategy(node["NodeID"], soft=False) for node in nodes]
    answers = [_look.options(scheduling_strategy=place).remote(sync, data) for place in places]
    for node, answer in zip(nodes, answers, strict=True):
        try:
            fault = ray.get(answer, timeout=ANSWER_S)
        except RayError as error:
            why = str(error).strip().splitlines()[-1]
            raise SyncError(f"node {node['NodeManagerHostname']} cannot be used: {why}") from None
        if fault is not None:
            raise SyncError(fault)


@ray.remote(num_cpus=0, max_retries=0)
def _look(sync: Sync, data: Path) -> str | None:
    """What is wrong on the node that this runs on."""
    try:
        sync.check_here(data)
    except EosweepError as error:
        return str(error)
    return None
