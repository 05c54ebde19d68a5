"""A request to stop something names what there is and runs, or is one sentence."""

import contextlib
from pathlib import Path

import pytest

from runs.directory import RunDirectory, RunDirectoryError
from runs.factory import trial_record, write_run
from sweeps.lock import exclusive
from sweeps.requests import StopError, request_stop

VIT, RESNET = {"backbone": "vit"}, {"backbone": "resnet18"}


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run of two arms, of which one trial has ended and one has not."""
    trials = [trial_record(0, VIT, 0.5), trial_record(1, RESNET, 0.4, status="running")]
    return write_run(tmp_path / "run", trials)


@pytest.mark.parametrize(
    ("typed", "request_file"),
    [
        ("arm=resnet18", "arm=resnet18"),
        ("arm=vit", "arm=vit"),
        ("trial=001", "trial=001-resnet18"),
        ("trial=1", "trial=001-resnet18"),
        ("trial=001-resnet18", "trial=001-resnet18"),
    ],
)
def test_request_is_a_file_with_the_full_name(
    run: RunDirectory, typed: str, request_file: str
) -> None:
    with exclusive(run.path):
        assert request_stop(run, typed) == request_file.replace("=", " ")
    assert [file.name for file in run.requests_folder.iterdir()] == [request_file]


@pytest.mark.parametrize(
    ("typed", "running", "said"),
    [
        ("arm=resnet", True, "has no arm 'resnet'; did you mean 'resnet18'?"),
        ("arm=yolo", True, "has no arm 'yolo'; there are: vit, resnet18"),
        ("trial=7", True, "has no trial '7'; there are: 000-vit, 001-resnet18"),
        ("trial=0", True, "000-vit has ended already: done"),
        ("resnet18", True, "--stop resnet18: write arm=NAME or trial=NUMBER"),
        ("arm=", True, "--stop arm=: write arm=NAME or trial=NUMBER"),
        ("arm=vit", False, "is not running: there is nothing to stop"),
    ],
)
def test_wrong_request_is_one_sentence_and_leaves_nothing(
    run: RunDirectory, typed: str, running: bool, said: str
) -> None:
    in_use = exclusive(run.path) if running else contextlib.nullcontext()
    with in_use, pytest.raises(StopError) as refused:
        request_stop(run, typed)
    assert str(refused.value).endswith(said)
    assert not run.requests_folder.exists()


def test_there_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="there is no run directory"):
        request_stop(RunDirectory(tmp_path / "none"), "arm=vit")
