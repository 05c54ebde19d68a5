"""How Ray is started on this machine: our own, for us alone, and gone when it is done."""

import contextlib
import random
import signal
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import ray

from sweeps.cluster import CODE, RayNotStartedError, _joined, cluster
from sweeps.signals import ENDING
from tests.processes import listens_on, marked

SESSION = """
import sys, time
from sweeps.cluster import cluster
from sweeps.signals import interrupt_on_signals
from sweeps.watch import RayLostError
interrupt_on_signals()
try:
    print("starting", flush=True)
    with cluster() as session:
        import ray
        ray.get(ray.remote(lambda: 1).remote())
        print("ready", session.moved, flush=True)
        time.sleep(float(sys.argv[1]))
        print("stopping", flush=True)
except RayLostError as error:
    sys.exit(str(error))
except KeyboardInterrupt:
    sys.exit(130)
"""
START_S, END_S = 120, 60
"""How long Ray may take to start on a busy machine, and how long a sweep may take to end."""


class ReachedError(Exception):
    """Ray has accepted the two folders, and is about to go on."""


def reached(runtime_env: Any, _: bool) -> None:
    raise ReachedError


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Ray is started with."""
    options: dict[str, Any] = {}

    def init(**given: Any) -> SimpleNamespace:
        options.update(given)
        return SimpleNamespace(dashboard_url="")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda **_: None)
    monkeypatch.setattr("sweeps.cluster._parts", lambda _: {})
    return options


def test_ray_of_ones_own_does_not_join_a_cluster_that_runs_here(started: dict[str, Any]) -> None:
    with cluster():
        assert started["address"] == "local"


def test_ray_that_does_not_start_in_time_is_said_in_a_sentence(
    started: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def init(**_: Any) -> None:
        raise Exception("The current node timed out during startup.\nThis could happen because")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(RayNotStartedError, match=r"timed out during startup.*try again"), cluster():
        pass


def test_of_a_checkout_only_modules_are_sent_to_a_cluster(tmp_path: Path) -> None:
    options = _joined("auto", tmp_path)
    sent = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert options["runtime_env"]["working_dir"] == str(tmp_path)
    assert {file.relative_to(tmp_path).parts[0] for file in sent} == set(CODE)
    assert {file.suffix for file in sent} == {".py"}
    assert sum(file.stat().st_size for file in sent) < 5e6


def test_what_is_sent_replaces_the_folder_of_a_submitted_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`ray job submit --working-dir`: Ray refuses to join with two folders, unless told."""
    monkeypatch.setenv("RAY_OVERRIDE_JOB_RUNTIME_ENV", "0")
    options = _joined("auto", tmp_path)
    monkeypatch.setenv(
        "RAY_JOB_CONFIG_JSON_ENV_VAR", '{"runtime_env": {"working_dir": "gcs://job.zip"}}'
    )
    monkeypatch.setattr("ray._private.worker._maybe_modify_runtime_env", reached)
    with pytest.raises(ReachedError):
        ray.init(**options)


@pytest.mark.slow
def test_own_ray_listens_on_loopback_alone_and_in_a_short_folder(tmp_path: Path) -> None:
    long = tmp_path / "/".join(["long"] * 20)
    long.mkdir(parents=True)
    with marked(["-c", SESSION, "600"], long) as running:
        said = running.read_until("ready")
        folder = Path(said.split()[1])
        assert len(str(folder)) < 40
        assert folder.is_dir()
        all_of_it = [psutil.Process(running.process.pid), *running.others()]
        listening = set[str]().union(*map(listens_on, all_of_it))
        assert listening
        assert listening <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
        running.process.send_signal(signal.SIGTERM)
        assert running.finish(END_S) == (130, "")
        assert running.left() == []
        assert not folder.exists()


@pytest.mark.slow
@pytest.mark.parametrize(("part", "called"), [("raylet", "raylet"), ("gcs_server", "head")])
def test_part_of_ray_that_is_killed_ends_the_sweep_with_a_sentence(
    tmp_path: Path, part: str, called: str
) -> None:
    with marked(["-c", SESSION, "600"], tmp_path) as running:
        running.read_until("ready")
        next(one for one in running.others() if one.info["name"] == part).kill()
        status, error = running.finish(END_S)
        assert status == 1
        assert called in error
        assert "has died" in error
        assert error.count("\n") == 1
        assert running.left() == []
        assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_signal_at_any_moment_leaves_nothing(tmp_path: Path, seed: int) -> None:
    """While Ray starts, runs and stops; each signal, and to the whole group of processes."""
    wait_s = random.Random(seed).uniform(0, 12)
    with marked(["-c", SESSION, "2"], tmp_path) as running:
        running.read_until("starting")
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.process.wait(timeout=wait_s)
        for one in [running.process, *running.others()]:
            one.send_signal(ENDING[seed])
        status, error = running.finish(START_S)
        # A session that ended before the signal is none that it could have ended.
        assert (status, error) in {(130, ""), (0, "")}, f"seed {seed}: {wait_s:.1f} s"
        assert running.left() == []
        assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_command_that_is_killed_leaves_neither_processes_nor_files(tmp_path: Path) -> None:
    with marked(["-c", SESSION, "600"], tmp_path) as running:
        running.read_until("ready")
        running.process.kill()
        assert running.left(END_S) == []
    assert [file for file in tmp_path.iterdir() if file.name.startswith("eosweep-")] == []
