"""What is known of a trained model beside its weights: enough to build it and to show it images."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from deploy.choice import choose_training
from deploy.errors import ModelError
from runs.directory import RunDirectory
from runs.errors import first_fault
from runs.records import DataRecord

FORMAT: Literal[1] = 1
"""Version of the file that holds a `Description`. Raise it when a reader would misread it."""


class Description(BaseModel):
    """A trained model without its weights.

    Attributes:
        run: name of its run directory.
        name: of the trial or repeat that it is.
        task: a key of `models.tasks.TASKS`.
        config: the flat configuration it was trained with: head, backbone and their options.
        metric, score: what its training was chosen by, and the value on validation.
        epoch: whose weights they are.
        data: what it was trained on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = FORMAT
    run: str
    name: str
    task: str
    config: dict[str, Any]
    metric: str
    score: float
    epoch: int
    data: DataRecord

    def without_paths(self) -> "Description":
        """The same, without what is true on this machine alone."""
        data = self.data.model_copy(update={"root": None, "cache": "", "skipped_files": ()})
        return self.model_copy(update={"data": data})


def describe(directory: RunDirectory, name: str | None) -> Description:
    """A trial or a repeat; without a name, the winner (see `runs.winner`).

    Raises:
        ModelError, RunDirectoryError: the training or the run directory cannot be used.
    """
    record = directory.run()
    training = choose_training(directory, name)
    assert training.score is not None, "choose_training gives what has a score"
    assert training.best_epoch is not None, "and so an epoch of that score"
    return Description(
        run=directory.path.resolve().name,
        name=training.name,
        task=record.task,
        config=training.config,
        metric=record.metric,
        score=training.score,
        epoch=training.best_epoch,
        data=record.data.seen_by(training.config),
    )


def parse_description(text: bytes, origin: str) -> Description:
    """What a file holds. ModelError naming it and the field: it is damaged."""
    try:
        return Description.model_validate_json(text)
    except ValidationError as error:
        raise ModelError(f"{origin} is damaged ({first_fault(error)}): export it again") from None
