"""A resumed run is found under its name, or by its sweep file, with the overrides of its start."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runs.directory import RunDirectory
from runs.factory import run_record
from sweeps.begun import all_overrides, fetch_lost_run, run_to_resume
from sweeps.faults import SweepError
from sweeps.plan import make_plan
from sweeps.read import read_sweep
from sweeps.run_directory import begin_run_directory
from sweeps.slots import Machine

Begin = Callable[..., RunDirectory]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def file(tmp_path: Path, tiny_text: str) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(tiny_text.replace("[scratch, distillation]", "[scratch]"))
    return file


@pytest.fixture
def begin(file: Path, results: Path, cache: Path) -> Begin:
    """Starts a run of the file with overrides."""

    def begin(*overrides: str) -> RunDirectory:
        plan = make_plan(read_sweep(file, overrides), results, cache, [Machine(1, 0)])
        begin_run_directory(plan, "a test", file, overrides)
        return plan.directory

    return begin


def test_a_run_is_found_by_its_file_where_an_override_changed_its_name(
    begin: Begin, file: Path, results: Path
) -> None:
    other = begin("name=other")
    assert run_to_resume(results, file, []) == other
    assert run_to_resume(results, file, ["name=third"]).path == results / "third"
    own = begin()
    assert run_to_resume(results, file, []) == own
    assert run_to_resume(results, file, ["name=other"]) == other


def test_of_several_runs_one_must_be_named(begin: Begin, file: Path, results: Path) -> None:
    begin("name=one")
    begin("name=two")
    with pytest.raises(SweepError, match="was run as one, two: say with name=NAME"):
        run_to_resume(results, file, [])


def test_what_is_typed_now_replaces_the_override_of_the_same_key(begin: Begin) -> None:
    run = begin("name=other", "budget.trials=2")
    assert all_overrides(run, ["budget.trials=4"]) == ["name=other", "budget.trials=4"]


def test_a_run_that_this_machine_does_not_have_is_fetched_from_its_storage(tmp_path: Path) -> None:
    file, stored = tmp_path / "made.yaml", tmp_path / "storage" / "results" / "made"
    file.write_text("name: made\nbudget: {trials: 1}\n")
    RunDirectory(stored).write_run(run_record([{"backbone": "a"}], overrides=["seed=7"]))
    fetch_lost_run(tmp_path / "results", file, ["seed=7"])
    assert not (tmp_path / "results").exists()
    fetch_lost_run(tmp_path / "results", file, [f"storage={tmp_path / 'storage'}"])
    assert RunDirectory(tmp_path / "results" / "made").run().overrides == ("seed=7",)
