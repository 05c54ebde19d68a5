"""The README and the pages are true: their commands parse, their files and links exist."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
EVERYWHERE = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)

MODULES = sorted(set(re.findall(r"python -m (analysis|datasets|deploy) ([a-z-]+)", EVERYWHERE)))
WRITTEN = set(re.findall(r"> (sweeps/\w+\.yaml)", EVERYWHERE))
"""Sweep files that a command of the pages writes."""

OPTIONS = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


@cache
def help_of(*command: str) -> str:
    """What a command says of itself, run as the README has it."""
    ended = subprocess.run(
        [sys.executable, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return ended.stdout


def commands(page: Path) -> list[str]:
    """The lines of the shell blocks, and the commands in the text."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [*"\n".join(blocks).splitlines(), *re.findall(r"`(\.venv/bin/[^`]+)`", text)]


def test_the_pages_name_commands_of_every_kind() -> None:
    assert {module for module, _ in MODULES} == {"analysis", "datasets", "deploy"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_exist_with_their_options(page: Path) -> None:
    for command in commands(page):
        if found := re.search(r"python -m (analysis|datasets|deploy) ([a-z-]+)(.*)", command):
            module, name, rest = found.groups()
            said = help_of("-m", module, name)
        elif found := re.search(r"tune_main\.py(.*)", command):
            rest, said = found[1], help_of("tune_main.py")
        else:
            continue
        for option in OPTIONS.findall(rest):
            assert option in said, f"{page.name}: {command} has no option {option}"
        for sweep in re.findall(r"sweeps/\w+\.yaml", command):
            assert sweep in WRITTEN or (ROOT / sweep).is_file(), f"{page.name}: there is no {sweep}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_are_called_where_the_readme_installs_them(page: Path) -> None:
    """The environment is never activated."""
    for command in commands(page):
        first = next((word for word in command.split() if "=" not in word), "")
        known = (
            ".venv/bin/",
            "python3 -m venv .venv",
            "bash .ci/run",
            "git archive ",
            "sbatch ",
            "RAY_ADDRESS=",
            "RAY_AUTH_MODE=",
        )
        assert command.startswith(known) or first == "", f"{page.name}: {command}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_and_links_that_are_named_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
    for file in re.findall(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|yaml|txt|cff|lock))`", text):
        if "NAME" in file or file == "sweep.yaml":  # the latter is of a run directory
            continue
        assert (ROOT / file).exists(), f"{page.name} names {file}"


def test_the_sweep_in_the_readme_is_one(tmp_path: Path) -> None:
    from sweeps.read import read_sweep

    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    file = tmp_path / "readme.yaml"
    file.write_text(f"name: readme\n{block}")
    assert read_sweep(file, ["dataset.root=null"]).compare["imbalance"] == ["plain", "weighted"]
