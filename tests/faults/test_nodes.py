"""Nodes of a cluster are lost at whatever moment: the table is that of one machine.

`NODES=10 .venv/bin/python -m pytest -n 0 -m slow tests/faults/test_nodes.py` loses ten.
"""

import os
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import MOMENTS, Sweep
from tests.faults.nodes import local_nodes

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", range(1, 1 + int(os.environ.get("NODES", "1"))))
def test_the_table_is_the_same_without_a_node(
    seed: int, tmp_path: Path, data: Path, undisturbed: dict[str, Any]
) -> None:
    chance = random.Random(seed)
    moment, delay, lost = chance.choice(MOMENTS), 2 * chance.random(), chance.choice([1, 2])
    print(f"seed {seed}: node {lost} is lost {delay:.2f} s after {moment!r}")
    sweep = Sweep(tmp_path)
    shutil.copytree(data, tmp_path / "cache")
    with local_nodes(3) as nodes:
        running = sweep.start(**nodes.environment)
        running.wait_for(moment)
        time.sleep(delay)
        nodes.lose(lost)
        assert running.end() == (0, [])
    assert sweep.outcome() == undisturbed


def test_a_node_that_joins_is_used(tmp_path: Path, data: Path, undisturbed: dict[str, Any]) -> None:
    sweep = Sweep(tmp_path)
    shutil.copytree(data, tmp_path / "cache")
    with local_nodes(1) as nodes:
        running = sweep.start(**nodes.environment)
        running.wait_for("^starting the workers")
        nodes.add()
        while not nodes.jobs_on(1):
            assert running.process.poll() is None, "the sweep ended without the node"
            time.sleep(0.1)
        assert running.end() == (0, [])
    assert sweep.outcome() == undisturbed
