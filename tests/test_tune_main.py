"""The command: what it prints, its exit status, and that nothing starts without a valid plan."""

import sys
from pathlib import Path

import pytest

import tune_main
from sweeps.plan import make_plan
from sweeps.read import read_sweep
from sweeps.run_directory import begin_run_directory
from sweeps.slots import Machine


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> list[str]:
    """The command line for a small sweep; what is appended to it is typed after it."""
    sweep = tmp_path / "small.yaml"
    sweep.write_text(
        "name: small\ntask: detection\nmetric: AP50\n"
        "dataset: {name: landslide4sense, image_size: 32, min_area: 2}\n"
        "compare: {backbone: [test_vit, test_resnet]}\n"
        "tune: {lr: {log_uniform: [1e-4, 1e-2]}}\n"
        "fixed: {pretraining: scratch}\n"
        "budget: {trials: 4, epochs: 2}\n"
    )
    results = tmp_path / "results"
    line = ["tune_main.py", str(sweep), f"--results={results}", f"--cache={cache}"]
    monkeypatch.setattr(sys, "argv", line)
    return line


def test_dry_run_prints_the_plan_and_leaves_nothing(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command += ["--dry-run", "budget.trials=3"]
    assert tune_main.main() == 0
    printed = capsys.readouterr().out
    assert "SAMPLE" in printed
    assert "2 backbone" in printed
    assert "3 of at most 2 epochs" in printed
    assert not (tmp_path / "results" / "small").exists()


def test_dry_run_plans_for_a_card_that_is_not_here(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command += ["--dry-run", "--for=t4", "resources.gpu=1"]
    assert tune_main.main() == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "each on 1 GPU" in printed
    assert "as predicted; a slot has 15.6 GB, all of the T4" in printed


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("budget.trials=0", "command line: budget.trials: this should be greater than"),
        ("resources.cpu=4096", "a trial needs 4096 CPU cores"),
        ("dataset.min_area=1000", "can be trained or scored: lower dataset.min_area"),
        ("dataset.root=", "gives no value; write null if you mean none"),
        ("--resume", "holds no run to resume"),
        ("--resume --dry-run", "holds no run to resume"),
        ("--dry-run --for=h10", "no card 'h10' is known; did you mean 'h100'?"),
    ],
)
def test_what_cannot_run_is_one_sentence_and_status_2(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], typed: str, said: str
) -> None:
    command += typed.split()
    assert tune_main.main() == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "results" / "small").exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "holds a run already: resume it with --resume"),
        ("--resume seed=4", "\n  seed: 0 → 4\n"),
        ("--resume budget.trials=3", "a resumed run cannot have fewer"),
    ],
)
@pytest.mark.parametrize("dry", [True, False])
def test_run_directory_is_checked_before_anything_runs_or_is_shown(
    command: list[str],
    tmp_path: Path,
    cache: Path,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    said: str,
    dry: bool,
) -> None:
    plan = make_plan(read_sweep(Path(command[1])), tmp_path / "results", cache, [Machine(2, 0)])
    begin_run_directory(plan, "a test")
    command += [*typed.split(), *(["--dry-run"] if dry else [])]
    assert tune_main.main() == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert "slots" not in printed.out, "the plan was shown"


def test_a_resumed_run_keeps_its_overrides_and_name(
    command: list[str], tmp_path: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, overrides = Path(command[1]), ["name=other", "fixed.batch_size=2", "budget.trials=2"]
    sweep = read_sweep(file, overrides)
    plan = make_plan(sweep, tmp_path / "results", cache, [Machine(2, 0)])
    begin_run_directory(plan, "a test", file, overrides)
    command += ["--resume", "--dry-run", "budget.trials=3", "resources.gpu=0.5"]
    assert tune_main.main() == 0
    printed = capsys.readouterr().out
    assert "results/other with name=other fixed.batch_size=2 budget.trials=3" in printed
    assert "changed since its last command: budget.trials: 2 → 3\n" in printed
    assert "changed since its last command: resources.gpu: null → 0.5\n" in printed


def test_overrides_are_optional_in_the_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tune_main.py"])
    with pytest.raises(SystemExit) as left:
        tune_main.main()
    assert left.value.code == 2
    assert capsys.readouterr().err.endswith("the following arguments are required: sweep\n")


def test_help_shows_commands_to_copy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tune_main.py", "--help"])
    with pytest.raises(SystemExit) as left:
        tune_main.main()
    assert left.value.code == 0
    dry_run = ".venv/bin/python tune_main.py sweeps/landslide_backbones.yaml --dry-run"
    assert dry_run in capsys.readouterr().out
