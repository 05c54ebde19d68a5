"""A run directory is read as it was written, or refused with the file and the field."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runs.arms import Arm
from runs.directory import RunDirectory, RunDirectoryError
from runs.factory import latency_of, run_record, trial_record, write_run
from runs.records import LatencyRecord, StageRecord, TestRecord

A, B = Arm({"backbone": "a"}), Arm({"backbone": "b"})


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """Two trials, one repeat, a stage and scores on test."""
    trials = [trial_record(0, A, 0.5), trial_record(1, B, None, reason="out of memory")]
    repeat = trial_record(0, A, 0.4, of=trials[0], config={"seed": 1})
    stage = StageRecord(name="mae-a", kind="mae", seconds=1.5, device="cpu", arms=(A,))
    return write_run(
        tmp_path / "run",
        [*trials, repeat],
        test={trials[0].name: {"mIoU": 0.25, "latency_ms": None}},
        stages=[stage],
        tune={"lr": {"log_uniform": (1e-4, 1e-2)}},
    )


def test_everything_is_read_as_it_was_written(run: RunDirectory) -> None:
    assert run.run() == run_record([A, B], tune={"lr": {"log_uniform": (1e-4, 1e-2)}})
    assert run.trials() == [
        trial_record(0, A, 0.5),
        trial_record(1, B, None, reason="out of memory"),
    ]
    (repeat,) = run.repeats()
    assert repeat.of == "000-a"
    (stage,) = run.stages()
    assert stage.arms == (A,)
    assert run.test() == TestRecord(scores={"000-a": {"mIoU": 0.25, "latency_ms": None}})
    assert run.latency() == LatencyRecord(), "of a run that was not timed"
    run.write_latency(latencies := LatencyRecord(models={"000-a": latency_of(5.0)}))
    assert run.latency() == latencies
    assert run.training("000-a-seed1") == repeat
    assert run.training() == repeat, "the winner"


def edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(file.read_text())
    del content["digest"]  # as of an earlier version
    change(content)
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("run.json", lambda c: c["data"].pop("window"), r"run\.json .*data\.window"),
        ("run.json", lambda c: c.update(metric="AP"), r"run\.json .*ranks by AP"),
        ("run.json", lambda c: c.update(format=3), r"run\.json: format 3 is not the one"),
        ("run.json", lambda c: c.update(weights=[]), r"run\.json .*0 weights for 2 arms"),
        ("run.json", lambda c: c.update(factors=["x"]), r"run\.json .*factors are x, but an arm"),
        ("run.json", lambda c: c["arms"][1].update(backbone="a"), r"run\.json .*listed twice"),
        ("run.json", lambda c: c["tune"]["lr"].update(choice=[1]), r"\(tune\.lr: .*exactly one"),
        ("run.json", lambda c: c.update(speed=1), r"run\.json .*speed"),
        ("run.json", lambda c: c["arms"][1].update(backbone=None), r"\(arms\.1\.backbone"),
        ("stages.json", lambda c: c["stages"][0].pop("kind"), r"stages\.json .*stages\.0\.kind"),
        ("test.json", lambda c: c.update(scores=3), r"test\.json .*scores"),
        ("trials/000-a/trial.json", lambda c: c.update(status="?"), r"trial\.json .*status"),
        ("trials/000-a/trial.json", lambda c: c.update(name="b"), r"trial\.json .*name"),
        ("trials/001-b/trial.json", lambda c: c.update(number=0), "number 0 twice"),
        ("trials/001-b/trial.json", lambda c: c.pop("format"), r"trial\.json has no format"),
        ("repeats/000-a-seed1/trial.json", lambda c: c.update(of=None), r"trial\.json .*of"),
    ],
)
def test_a_damaged_file_is_named_with_its_field(
    run: RunDirectory, name: str, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    edit(run.path / name, change)
    with pytest.raises(RunDirectoryError, match=said):
        read_all(run)


@pytest.mark.parametrize(
    "name", ["run.json", "stages.json", "test.json", "trials/000-a/trial.json"]
)
def test_a_half_written_file_is_named(run: RunDirectory, name: str) -> None:
    file = run.path / name
    file.write_text(file.read_text()[:40])
    with pytest.raises(RunDirectoryError, match=Path(name).name):
        read_all(run)


def read_all(run: RunDirectory) -> None:
    run.run()
    run.trials()
    run.repeats()
    run.stages()
    run.test()


def test_a_training_that_is_not_there_is_refused_with_the_nearest(run: RunDirectory) -> None:
    with pytest.raises(RunDirectoryError, match="repeat '000-a-seed7'; did you mean '000-a-seed1'"):
        run.training("000-a-seed7")


def test_without_a_score_there_is_no_winner(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [trial_record(0, A, None)])
    with pytest.raises(RunDirectoryError, match="no trial has a score"):
        run.training()


def test_what_is_no_run_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="there is no run directory"):
        RunDirectory(tmp_path / "nowhere").run()
    with pytest.raises(RunDirectoryError, match=r"it has no run\.json"):
        RunDirectory(tmp_path).run()
