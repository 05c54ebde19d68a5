"""Whatever tracker follows a run: each epoch comes once, in order, to the run of its trial."""

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploy.choice import choose_training
from runs.curves import Curve
from runs.directory import PICTURE, RunDirectory
from runs.factory import trial_record, write_run
from runs.files import write_text
from runs.records import TestRecord, TrialRecord
from sweeps.tracking import TRACKERS, installed
from sweeps.tracking.follow import Follower
from sweeps.tracking.outcome import outcome_of
from sweeps.tracking.tracker import Followed

ARM = {"backbone": "resnet18", "pretraining": "mae"}
TRIAL, REPEAT = "000-resnet18-mae", "000-resnet18-mae-seed1"
SCORES = [0.2, 0.3, 0.5]
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060"
    "0000000400015c0a6b500000000049454e44ae426082"
)


@dataclass
class Found:
    """What a tracker has of a run.

    `curve` is (epoch, val/mIoU) in the order of arrival; `model`: whether it has one as artifact.
    """

    curve: list[tuple[int, float]] = field(default_factory=list)
    texts: dict[str, Any] = field(default_factory=dict)
    end: dict[str, Any] = field(default_factory=dict)
    pictures: int = 0
    model: bool = False


def read_mlflow(follower: Any) -> dict[str, Found]:
    client = follower.tracker.client
    found = {}
    for run in client.search_runs([follower.tracker.experiment]):
        history = client.get_metric_history(run.info.run_id, "val/mIoU")
        found[run.info.run_name.partition(" ")[0]] = Found(
            [(metric.step, metric.value) for metric in history],
            {**run.data.params, **run.data.tags},
            {**run.data.metrics, **run.data.tags},
            len(client.list_artifacts(run.info.run_id, "pictures")),
            bool(client.list_artifacts(run.info.run_id, "model/repeats")),
        )
    found["ranking"] = found.pop("made")
    return found


def read_wandb(follower: Any) -> dict[str, Found]:
    """From the logs that `wandb sync` would send: one for each run, however often it was opened."""
    found: dict[str, Found] = {}
    for log in sorted(follower.tracker.folder.glob("wandb/offline-run-*/*.wandb")):
        run = Found()
        for record in wandb_records(log):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                assert record.run.display_name not in found
                found[record.run.display_name] = run
                run.texts = {
                    one.key: json.loads(one.value_json) for one in record.run.config.update
                }
            elif kind == "history":
                row = {".".join(one.nested_key): one.value_json for one in record.history.item}
                if "val/mIoU" in row:
                    run.curve.append((int(row["_step"]), float(row["val/mIoU"])))
                run.pictures += any(key.startswith("predictions") for key in row)
            elif kind == "artifact":
                run.model |= record.artifact.type == "model"
            elif kind == "summary":
                run.end |= {one.key: json.loads(one.value_json) for one in record.summary.update}
    return found


def wandb_records(log: Path) -> Iterator[Any]:
    """The records of a file in LevelDB's log format, after a header of 7 bytes."""
    from wandb.proto import wandb_internal_pb2

    content, at, whole = log.read_bytes(), 7, b""
    while at + 7 <= len(content):
        if (left := 32768 - at % 32768) < 7:
            at += left
            continue
        _, length, kind = struct.unpack("<IHB", content[at : at + 7])
        whole += content[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # the record is whole, or this was its last part
            yield wandb_internal_pb2.Record.FromString(whole)
            whole = b""


def read_trackio(follower: Any) -> dict[str, Found]:
    from trackio import TRACKIO_DIR, SQLiteStorage

    found = {}
    for run in SQLiteStorage.get_runs("made"):
        config = SQLiteStorage.get_run_config("made", run)
        of_run = found[run.partition(" ")[0]] = Found(texts=config or {})
        for row in SQLiteStorage.get_logs("made", run):
            if "val/mIoU" in row:
                of_run.curve.append((row["step"], row["val/mIoU"]))
            of_run.end |= row
            of_run.pictures = max(of_run.pictures, int("predictions" in row))
    found["ranking"].model = (TRACKIO_DIR / "artifacts" / "made").is_dir()
    return found


READ: dict[str, Callable[[Follower], dict[str, Found]]] = {
    "mlflow": read_mlflow,
    "wandb": read_wandb,
    "trackio": read_trackio,
}


def test_the_contract_is_tested_of_every_tracker() -> None:
    assert READ.keys() == TRACKERS.keys()


@pytest.fixture(params=TRACKERS)
def tracker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A tracker's name, in an environment that sends nothing out of the test's folder."""
    if not installed(request.param):
        pytest.skip(f"{request.param} is not installed")
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))  # read when it is imported
    return str(request.param)


def trained(record: TrialRecord, epochs: int, status: str) -> TrialRecord:
    """A record as it is after so many epochs."""
    rows = [
        {
            "epoch": n + 1,
            "loss": 1.0 / (n + 1),
            "mIoU": SCORES[n],
            "seconds": 1.0,
            "time": 1.7e9 + n,
        }
        for n in range(epochs)
    ]
    return record.model_copy(update={"epochs": Curve(rows), "status": status})


def follower_of(name: str, directory: RunDirectory) -> Follower:
    """As a new process has it."""
    follower = Follower(name, Followed(directory))
    assert follower.open(), follower.failure
    return follower


def catch_up(follower: Follower, directory: RunDirectory) -> None:
    records = [*directory.trials(), *directory.repeats()]
    follower.catch_up(records, directory.test().scores)
    assert follower.failure == ""


def test_a_resumed_trial_continues_its_run_and_the_ranking_comes_with_the_model(
    tracker: str, tmp_path: Path
) -> None:
    trial = trial_record(0, ARM, 0.5, config={"epochs": 3, "lr": 1e-3})
    repeat = trial_record(0, ARM, 0.4, of=trial, config={"epochs": 3, "lr": 1e-3, "seed": 1})
    directory = write_run(tmp_path / "made", [trained(trial, 1, "running")])

    follower = follower_of(tracker, directory)
    catch_up(follower, directory)
    directory.write_training(trained(trial, 2, "waiting"))
    catch_up(follower, directory)
    follower.finish(concluded=False)

    # The next command trains the second epoch again, because the first one was interrupted.
    follower = follower_of(tracker, directory)
    directory.write_training(trained(trial, 1, "running"))
    catch_up(follower, directory)
    for record in (trained(trial, 3, "done"), trained(repeat, 3, "done")):
        directory.write_training(record)
        (directory.folder(record) / PICTURE).write_bytes(PIXEL)
        directory.weights_file(record).write_bytes(b"weights")
    write_text(directory.path / "report.html", "report")
    catch_up(follower, directory)
    directory.write_test(TestRecord(scores={TRIAL: {"mIoU": 0.45}, REPEAT: {"mIoU": 0.41}}))
    catch_up(follower, directory)
    catch_up(follower, directory)  # nothing is new
    follower.finish(concluded=True)

    found = READ[tracker](follower)
    assert found.keys() == {TRIAL, REPEAT, "ranking"}
    for name in (TRIAL, REPEAT):
        assert found[name].curve == [(1, 0.2), (2, 0.3), (3, 0.5)]
        assert found[name].end["test/mIoU"] == pytest.approx({TRIAL: 0.45, REPEAT: 0.41}[name])
        assert found[name].end["status"] == "done"
        assert found[name].pictures == 1
        assert float(found[name].texts["lr"]) == 1e-3
        assert found[name].texts["backbone"] == "resnet18"
    assert found[TRIAL].texts["kind"] == "trial"
    assert found[REPEAT].texts["kind"] == "repeat"
    assert found[REPEAT].texts["of"] == TRIAL
    assert found["ranking"].model


def test_the_winner_that_is_sent_is_a_run_directory_of_its_own(tmp_path: Path) -> None:
    trials = [trial_record(0, ARM, 0.5), trial_record(1, {**ARM, "backbone": "vit"}, 0.6)]
    repeats = [
        trial_record(n, trial.arm, score, of=trial, config={"seed": n + 1})
        for n, (trial, score) in enumerate(zip(trials, (0.7, 0.4), strict=True))
    ]
    directory = write_run(tmp_path / "made", [*trials, *repeats])
    for record in (*trials, *repeats):
        directory.weights_file(record).write_text(record.name)
    (tmp_path / "sent").mkdir()

    outcome = outcome_of(directory, tmp_path / "sent")

    winner = choose_training(RunDirectory(outcome.model), None)
    assert winner.name == outcome.winner == REPEAT
    assert RunDirectory(outcome.model).weights_file(winner).read_text() == REPEAT
    assert outcome.ranking["backbone"].tolist() == ["resnet18", "vit"]
    assert len(list(outcome.model.rglob("weights.safetensors"))) == 1
