"""Which training of a run is used. Without torch."""

from deploy.errors import ModelError
from runs.directory import RunDirectory
from runs.records import TrialRecord

NAMED = 8
"""Trainings that a message names."""


def choose_training(directory: RunDirectory, name: str | None) -> TrialRecord:
    """The trial or repeat called `name`; without a name, the winner (see `runs.winner`).

    Raises:
        ModelError: its weights are missing; the message names those whose weights are there.
        RunDirectoryError: there is no such training, or a record is damaged.
    """
    training = directory.training(name)
    if not directory.weights_file(training).is_file():
        which = training.name if name is not None else f"{training.name}, the winner,"
        raise ModelError(f"{directory.path}: {which} has no weights{_others(directory)}")
    if training.score is None:
        raise ModelError(f"{directory.path}: {training.name} has no score: its training failed")
    return training


def _others(directory: RunDirectory) -> str:
    trainings = (*directory.trials(), *directory.repeats())
    names = [one.name for one in trainings if directory.weights_file(one).is_file()]
    if not names:
        return "; the run has kept none: resume it, or train it again"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"; there are weights of {', '.join(names[:NAMED])}{more}"
