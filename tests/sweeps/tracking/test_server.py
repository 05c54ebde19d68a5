"""A real MLflow server that follows a run, goes away while it runs, and returns."""

import io
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from runs.curves import Curve
from runs.factory import trial_record, write_run
from runs.files import write_text
from sweeps.tracking.driver import TrackingError, tracked

pytest.importorskip("mlflow", reason="requirements-track.txt is not installed")
pytest.importorskip("flask_cors", reason="what the server of mlflow-skinny needs is not installed")
TIMEOUT_S = 300
ARM = {"backbone": "resnet18", "pretraining": "mae"}


class Server:
    """`mlflow server` on a port of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.uri = folder, f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        store = f"--backend-store-uri=sqlite:///{self.folder}/store.db"
        artifacts = f"--artifacts-destination={self.folder}/artifacts"
        place = ("--host=127.0.0.1", f"--port={self.port}", "--workers=1")
        with (self.folder / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", store, artifacts, *place],
                stdout=log,
                stderr=log,
                env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
                start_new_session=True,  # the server has processes of its own
            )
        wait_for(self.answers)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(TIMEOUT_S)
            wait_for(lambda: not self.answers())


def wait_for(condition: Callable[[], bool]) -> None:
    overdue = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < overdue
        time.sleep(0.2)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.mark.slow
def test_a_server_that_goes_away_stops_nothing_and_has_everything_when_it_returns(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    client = MlflowClient(server.uri)
    trial = trial_record(0, ARM, 0.5, status="running", config={"epochs": 2})
    directory = write_run(tmp_path / "made", [trial])
    said = io.StringIO()

    def curve() -> list[float]:
        experiment = client.get_experiment_by_name("made").experiment_id
        named = "tags.`mlflow.runName` = '000-resnet18-mae'"
        runs = client.search_runs([experiment], named)
        return [
            one.value
            for run in runs
            for one in client.get_metric_history(run.info.run_id, "val/mIoU")
        ]

    with tracked(["mlflow"], directory.path, Console(file=said)) as conclude:
        wait_for(lambda: curve() == [0.5])
        server.stop()
        second = {"epoch": 2, "mIoU": 0.6, "seconds": 1.0, "time": 1.8e9}
        trial.epochs, trial.status = Curve([*trial.epochs, second]), "done"
        directory.write_training(trial)
        wait_for(lambda: "mlflow cannot be reached, the sweep continues" in said.getvalue())
        directory.weights_file(trial).write_bytes(b"weights")
        write_text(directory.path / "report.html", "report")
        server.start()
        conclude()
    assert said.getvalue().splitlines()[-1].split() == ["mlflow", "has", "all"]
    assert curve() == [0.5, 0.6]
    (sweep,) = client.search_runs(["1"], "tags.winner = '000-resnet18-mae'")
    assert {file.path for file in client.list_artifacts(sweep.info.run_id)} >= {
        "model",
        "ranking.csv",
        "report.html",
    }
    server.stop()
    with (
        pytest.raises(TrackingError, match=r"^mlflow cannot be opened: .*leave mlflow out"),
        tracked(["mlflow"], directory.path, Console(file=said)),
    ):
        pass
