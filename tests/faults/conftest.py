"""What all faults are measured against."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.faults.harness import Sweep


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of decoded data, without initial weights."""
    sweep = Sweep(tmp_path_factory.mktemp("data"))
    assert sweep.start("--dry-run").end() == (0, [])
    return sweep.folder / "cache"


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, data: Path) -> dict[str, Any]:
    """What comes of the sweep if nothing fails."""
    sweep = Sweep(tmp_path_factory.mktemp("undisturbed"))
    shutil.copytree(data, sweep.folder / "cache")
    assert sweep.start().end() == (0, [])
    return sweep.outcome()
