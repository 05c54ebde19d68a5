"""Printed commands run as typed: without an activated environment, from the current folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from sweeps.commands import module, program, resuming_command


def test_programs_are_those_of_the_environment_as_typed_from_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    monkeypatch.chdir(tmp_path)
    assert program("ray", "status") == ".venv/bin/ray status"
    monkeypatch.chdir(tmp_path / "..")
    assert program("ray", "status") == f"{tmp_path.name}/.venv/bin/ray status"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert program("ray", "status") == f"{tmp_path}/.venv/bin/ray status"


def test_module_of_this_project_runs_from_any_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    found = "from sweeps import commands; print(commands.ROOT)"
    (tmp_path / "sweeps.py").write_text("raise ImportError('a file of the same name')")
    typed = module("timeit", "-n1", "-r1", found)
    printed = subprocess.run(typed, shell=True, capture_output=True, text=True, check=True).stdout
    assert printed.startswith(str(Path(__file__).resolve().parents[2]))


def test_resuming_command_is_the_typed_one_with_resume_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["tune_main.py", "a.yaml", "--resume", "budget.trials=8"])
    assert resuming_command().endswith(" tune_main.py a.yaml budget.trials=8 --resume")
