"""A cluster of two nodes that do not see each other's folders: with a storage, and without."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from runs.directory import RunDirectory
from tests.s3 import CREDENTIALS, s3_server

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 900
SWEEP = """\
name: small
task: segmentation
metric: mIoU
dataset: {name: landslide4sense, image_size: 32, min_area: 2}
compare:
  backbone: [test_resnet]
  pretraining: [scratch, mae]
tune:
  lr: {log_uniform: [1.0e-4, 1.0e-2]}
budget: {trials: 3, epochs: 2, pretraining_epochs: 1}
scheduler: {name: asha, grace_epochs: 1, factor: 2}
seed: 3
"""
SECRETS = {
    **CREDENTIALS,
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "a-token-of-this-test-and-no-other-one",
}


def command(folder: Path, *more: str, **environment: str) -> tuple[int, str, str]:
    """The command, with results and cache in a folder."""
    done = subprocess.run(
        [
            *(sys.executable, str(ROOT / "tune_main.py"), str(folder / "small.yaml")),
            *("--results=results", "--cache=cache", *more),
        ],
        cwd=folder,
        env={**os.environ, **SECRETS, "COLUMNS": "120", **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "small.yaml").write_text(SWEEP)
    return folder


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """A storage in a bucket of a server that speaks S3."""
    with s3_server() as server:
        yield server.storage("runs")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A cluster's address, and a folder that is empty on its second node, called `hidden`."""
    if subprocess.run(["unshare", "--mount", "--uts", "true"], check=False).returncode:
        pytest.skip("this user cannot make a mount namespace")
    seen = tmp_path_factory.mktemp("seen")
    ray_folder = Path(f"/tmp/hidden-{os.getpid()}")  # short, because Ray puts sockets below it
    port = free_port()
    ray = [str(Path(sys.executable).parent / "ray"), "start", "--block", "--num-cpus=1"]
    head = [*ray, "--head", f"--port={port}", f"--temp-dir={ray_folder}"]
    head += ["--node-ip-address=127.0.0.1", "--include-dashboard=false"]
    other = [*ray, f"--address=127.0.0.1:{port}", "--node-ip-address=127.0.0.1"]
    hide = f"hostname hidden && mount -t tmpfs none {seen} && exec {' '.join(other)}"
    with contextlib.ExitStack() as running:
        running.callback(shutil.rmtree, ray_folder, ignore_errors=True)
        running.enter_context(started(head))
        wait_for(port)
        running.enter_context(started(["unshare", "--mount", "--uts", "sh", "-c", hide]))
        wait_for_nodes(port)
        yield f"127.0.0.1:{port}", seen


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[None]:
    environment = {**os.environ, **SECRETS}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.terminate()


def wait_for(port: int) -> None:
    end = time.monotonic() + TIMEOUT_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.5)
    raise TimeoutError(f"nothing listens at {port}")


def wait_for_nodes(port: int) -> None:
    """Until the cluster has two."""
    ask = (
        "import ray, time; ray.init(logging_level='ERROR')\n"
        "while sum(node['Alive'] for node in ray.nodes()) < 2: time.sleep(1)"
    )
    environment = {**os.environ, **SECRETS, "RAY_ADDRESS": f"127.0.0.1:{port}"}
    subprocess.run([sys.executable, "-c", ask], env=environment, timeout=TIMEOUT_S, check=True)


def trainings_of(run: Path) -> list[dict[str, Any]]:
    """All records of a run without what depends on the clock."""
    directory = RunDirectory(run)
    found = [*directory.trials(), *directory.repeats()]
    records = [record.model_dump(mode="json", exclude={"seconds"}) for record in found]
    for record in records:
        for epoch in record["epochs"]:
            del epoch["seconds"], epoch["time"]
    return records


def files_of(run: Path) -> set[str]:
    """The files of a run; of TensorBoard's events that there are some."""
    names = {file.relative_to(run).as_posix() for file in run.rglob("*") if file.is_file()}
    return {
        name.partition("/events.out")[0] for name in names if not name.startswith(("ray/", "."))
    }


def tensors_of(file: Path) -> dict[str, bytes]:
    """A file's tensors; not the file's bytes, because what it says about itself has no order."""
    return {name: tensor.tobytes() for name, tensor in load_file(file).items()}


def test_the_sweep_of_two_nodes_without_a_shared_disk_is_that_of_one_machine(
    cluster: tuple[str, Path], bucket: str, tmp_path: Path
) -> None:
    alone = made(tmp_path / "alone")
    status, _, err = command(alone)
    assert status == 0, err

    address, seen = cluster
    apart = made(seen / "apart")
    status, out, err = command(apart, f"storage={bucket}", RAY_ADDRESS=address)
    assert status == 0, err
    assert "2 trials at once" in out
    assert list((apart / "results").rglob("events.*.hidden.*")), "one node did everything"
    runs = [folder / "results" / "small" for folder in (alone, apart)]
    assert trainings_of(runs[1]) == trainings_of(runs[0])
    assert RunDirectory(runs[1]).training().name == RunDirectory(runs[0]).training().name
    assert files_of(runs[1]) == files_of(runs[0])
    for file in runs[0].rglob("weights.safetensors"):
        other = runs[1] / file.relative_to(runs[0])
        assert tensors_of(file) == tensors_of(other)

    shutil.rmtree(apart / "results")  # the head is lost, and started again
    status, out, err = command(apart, f"storage={bucket}", "--resume", RAY_ADDRESS=address)
    assert status == 0, err
    assert trainings_of(runs[1]) == trainings_of(runs[0])
    assert files_of(runs[1]) == files_of(runs[0])


def test_without_a_storage_the_node_that_sees_nothing_is_named(cluster: tuple[str, Path]) -> None:
    address, seen = cluster
    status, _, err = command(made(seen / "without"), RAY_ADDRESS=address)
    assert status == 1
    assert "node hidden does not see" in err
    assert "share the folders" in err
    assert "`storage`" in err
