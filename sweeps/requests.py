"""Asking a sweep that runs in another process to stop a trial or an arm; see `sweeps.stops`."""

from collections.abc import Iterable

from runs.arms import arm_slugs
from runs.directory import RunDirectory
from runs.errors import EosweepError, did_you_mean
from sweeps.lock import is_running


class StopError(EosweepError):
    """What is to be stopped is not there, or has ended."""


def request_stop(directory: RunDirectory, what: str) -> str:
    """Ask the sweep that runs in `directory` to stop something; returns how it is called in full.

    Args:
        what: `arm=NAME`, with the name that the arm has in those of its trials; `trial=NUMBER`; or
            `trial=NAME` of a trial or repeat.

    Raises:
        StopError: there is no such arm or trial, it has ended, or nothing runs.
        RunDirectoryError: there is no run, or it is damaged.
    """
    known = _known(directory)
    kind, _, name = what.partition("=")
    if kind not in known or not name:
        raise StopError(f"--stop {what}: write arm=NAME or trial=NUMBER")
    full = _named(name, known[kind]) if kind == "trial" else name
    if full not in known[kind]:
        hint = did_you_mean(full, known[kind])
        raise StopError(f"{directory.path} has no {kind} '{name}'{hint}")
    if ended := known[kind][full]:
        raise StopError(f"{full} has ended already: {ended}")
    if not is_running(directory.path):
        raise StopError(f"{directory.path} is not running: there is nothing to stop")
    directory.requests_folder.mkdir(exist_ok=True)
    (directory.requests_folder / f"{kind}={full}").touch()
    return f"{kind} {full}"


def _known(directory: RunDirectory) -> dict[str, dict[str, str]]:
    """The names of all arms and trials; of the ended trials, how they ended."""
    run = directory.run()
    slugs = arm_slugs([*run.arms, *(one.arm for one in run.skipped)])
    trainings = [*directory.trials(), *directory.repeats()]
    return {
        "arm": {slugs[arm]: "" for arm in run.arms},
        "trial": {one.name: one.status if one.ended else "" for one in trainings},
    }


def _named(name: str, trainings: Iterable[str]) -> str:
    """The name of the trial with that number, if `name` is one."""
    if not name.isdecimal():
        return name
    return next((one for one in trainings if one.startswith(f"{int(name):03d}-")), name)
