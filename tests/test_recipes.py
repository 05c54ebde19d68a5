"""The files of `docs/clusters/`: each is whole, and does what it says where that can be tried."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import ray
from ruamel.yaml import YAML

from runs.directory import RunDirectory
from tests.faults.harness import SWEEP, Running

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "docs" / "clusters"
SLURM = ("slurm.sbatch", "slurm-nodes.sbatch")
SRUN = """\
#!/bin/bash
while [[ $1 == --* ]]; do shift; done
exec "$@"
"""
SCONTROL = """\
#!/bin/bash
echo "$@" >> requeued
"""


def in_yaml(name: str) -> Any:
    return YAML(typ="safe").load(RECIPES / name)


@pytest.mark.parametrize("name", [*SLURM, "sweep.sh"])
def test_scripts_are_bash(name: str) -> None:
    subprocess.run(["bash", "-n", RECIPES / name], check=True)


def test_the_configuration_of_ray_up_is_one() -> None:
    schema = Path(ray.__file__).parent / "autoscaler" / "ray-schema.json"
    jsonschema.validate(in_yaml("aws.yaml"), json.loads(schema.read_text(encoding="utf-8")))


def test_the_page_links_every_recipe() -> None:
    page = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
    assert [file.name for file in RECIPES.iterdir() if f"(clusters/{file.name})" not in page] == []


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder in which a script finds the program, a sweep, and commands of Slurm."""
    for name in ("tune_main.py", ".venv"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "small.yaml").write_text(SWEEP)
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL)):
        command = tmp_path / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(text)
        command.chmod(0o755)
    return tmp_path


def submitted(script: str, checkout: Path) -> Running:
    """The batch script of a job, as Slurm starts it."""
    path = f"{checkout / 'bin'}:{os.environ['PATH']}"
    job = {"SLURM_JOB_NAME": "small", "SLURM_JOB_ID": "7", "SLURM_JOB_NUM_NODES": "2"}
    job |= {"SLURM_CPUS_PER_TASK": "1", "HOME": str(checkout), "PATH": path, "COLUMNS": "120"}
    places = ["--results=results", "--cache=cache"]
    return Running(
        subprocess.Popen(
            ["bash", str(RECIPES / script), "small.yaml", *places],
            cwd=checkout,
            env={**os.environ, **job},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("script", SLURM)
def test_a_job_whose_time_is_nearly_over_is_requeued_and_resumed(
    script: str, checkout: Path
) -> None:
    job = submitted(script, checkout)
    job.wait_for(r"^000-\S+: epoch 1")
    job.process.send_signal(signal.SIGUSR1)
    assert job.end()[0] == 130
    assert (checkout / "requeued").read_text() == "requeue 7\n"
    again = submitted(script, checkout)
    assert again.end()[0] == 0
    assert any(line.startswith("resuming results/small") for line in again.lines)
    run = RunDirectory(checkout / "results" / "small")
    assert {trial.status for trial in run.trials()} <= {"done", "pruned"}
    assert (checkout / "requeued").read_text() == "requeue 7\n", "it is done"
