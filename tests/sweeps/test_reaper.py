"""What the reaper takes for a process of Ray's, once the command has ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.reaper import MARK, reaped

HOLDS = """
import sys, time
file = open(sys.argv[1], "a")
print("open", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("marked", [True, False], ids=["by its mark", "by its open file"])
def test_a_process_with_a_mark_or_a_file_of_the_folder_is_ended(
    marked: bool, tmp_path: Path
) -> None:
    """Ray's agents give themselves titles, which may write over the mark in their environment."""
    folder, other = tmp_path / "ray", tmp_path / "other"
    folder.mkdir()
    with reaped(folder):
        environment = {name: value for name, value in os.environ.items() if name != MARK}
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDS, str(other if marked else folder / "log")],
            env={**environment, **({MARK: str(folder)} if marked else {})},
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None and process.stdout.readline() == b"open\n"
    assert process.wait(10) != 0
    process.stdout.close()
    assert not folder.exists()


def test_other_processes_are_left_alone(tmp_path: Path) -> None:
    """And so is the command itself, which may write a log there to the last."""
    folder = tmp_path / "ray"
    folder.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != MARK}
    command = [sys.executable, "-c", HOLDS, str(tmp_path / "ray-of-another")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"open\n"
        with (folder / "log").open("w"), reaped(folder):
            pass
        assert process.poll() is None
        process.kill()


def test_one_within_another_leaves_the_mark_of_that(tmp_path: Path) -> None:
    for name in ("outer", "inner"):
        (tmp_path / name).mkdir()
    with reaped(tmp_path / "outer"):
        with reaped(tmp_path / "inner"):
            assert os.environ[MARK] == str(tmp_path / "inner")
        assert os.environ[MARK] == str(tmp_path / "outer")
