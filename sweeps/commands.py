"""Commands as they are printed: they run as typed, without activating the environment."""

import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def from_here(path: Path) -> Path:
    """`path` relative to the current folder, if it lies below it."""
    here = Path.cwd()
    return path.resolve().relative_to(here) if path.resolve().is_relative_to(here) else path


def program(name: str, *arguments: str | Path) -> str:
    """A program of this environment, typed in the current folder: `.venv/bin/tensorboard …`."""
    return shlex.join([_program(name, Path.cwd()), *map(str, arguments)])


def module(name: str, *arguments: str | Path) -> str:
    """A module of this project, which Python finds only from the project's folder."""
    typed = [str(one.resolve()) if isinstance(one, Path) else one for one in arguments]
    if Path.cwd() == ROOT:
        typed = [str(from_here(one)) if isinstance(one, Path) else one for one in arguments]
    command = shlex.join([_program(Path(sys.executable).name, ROOT), "-m", name, *typed])
    return command if Path.cwd() == ROOT else f"cd {shlex.quote(str(ROOT))} && {command}"


def typed_command() -> str:
    """The command that was typed."""
    return program(Path(sys.executable).name, *sys.argv)


def resuming_command() -> str:
    """The command that resumes the run of this one."""
    arguments = [argument for argument in sys.argv if argument != "--resume"]
    return program(Path(sys.executable).name, *arguments, "--resume")


def _program(name: str, folder: Path) -> str:
    """Where the program lies, relative to `folder` if it lies in a folder below it."""
    # The path is not resolved: the interpreter of an environment is a link to another one.
    file = Path(sys.executable).parent / name
    return str(file.relative_to(folder) if folder in file.parents[1:] else file)
