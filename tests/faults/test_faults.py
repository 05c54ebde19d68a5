"""Whatever fails at whatever moment: one true sentence, nothing lost, and the same table.

`FAULTS=0-100 .venv/bin/python -m pytest -n 0 -m slow tests/faults` tries a hundred of them: kinds
in turn, moments by chance. Without it, a few are tried.
"""

import os
import random
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.faults import KINDS
from tests.faults.harness import Sweep, left_nothing
from tests.s3 import S3Server, s3_server

SEEDS = range(*map(int, os.environ.get("FAULTS", "0-2").split("-")))

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 1 GB; the sweep needs half of it, should all trials wait at once."""
    folder = tmp_path / "results"
    folder.mkdir()
    _mount(folder)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def mounts(tmp_path: Path) -> None:
    """That file systems can be mounted."""
    folder = tmp_path / "tried"
    folder.mkdir()
    _mount(folder)
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def s3() -> Iterator[S3Server]:
    """A server for the sweep's storage."""
    with s3_server() as server:
        yield server


def _mount(folder: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here: it needs root")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_table_is_the_same(
    seed: int,
    tmp_path: Path,
    data: Path,
    undisturbed: dict[str, Any],
    request: pytest.FixtureRequest,
) -> None:
    chance, kind = random.Random(seed), KINDS[seed % len(KINDS)]
    needed = None if kind.needs is None else request.getfixturevalue(kind.needs)
    sweep = Sweep(tmp_path, needed if isinstance(needed, S3Server) else None)
    shutil.copytree(data, tmp_path / "cache")
    moment, delay = chance.choice(kind.moments), 2 * chance.random()
    print(f"seed {seed}: {kind.fault.__name__} {delay:.2f} s after {moment!r}")
    running = sweep.start()
    with left_nothing(running):
        running.wait_for(moment)
        time.sleep(delay)
        status, said = kind.fault(sweep, running, chance)
    printed = "\n".join(said)
    if status != 0:
        assert status in kind.status, printed
        assert re.search(kind.said, printed), printed
        assert "Traceback" not in printed, printed
        status, said = sweep.start("--resume").end()
    assert (status, said) == (0, []), "\n".join(said)
    assert sweep.outcome() == undisturbed
