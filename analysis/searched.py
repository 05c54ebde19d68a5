"""Where the tuned values could lie: ``tune`` of the ``sweep.yaml`` in a run directory."""

from typing import Annotated, NotRequired

from pydantic import Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from typing_extensions import TypedDict

from analysis.runs import AnalysisError, Run

Bound = Annotated[float, Field(allow_inf_nan=False)]


class Domain(TypedDict):
    """Exactly one of the three is not None: a range, a range searched by magnitude, or a list."""

    uniform: NotRequired[tuple[Bound, Bound] | None]
    log_uniform: NotRequired[tuple[Annotated[Bound, Field(gt=0)], Bound] | None]
    choice: NotRequired[list[bool | int | float | str] | None]


class _Sweep(TypedDict):
    tune: NotRequired[dict[str, Domain]]


_SWEEP = TypeAdapter(_Sweep)


def domains_of(run: Run) -> dict[str, Domain]:
    """Domain by hyperparameter, in the order of the sweep; empty where nothing was searched.

    Raises:
        AnalysisError: ``sweep.yaml`` is not there, or damaged.
    """
    file = run.path / "sweep.yaml"
    try:
        return _SWEEP.validate_python(YAML(typ="safe").load(file)).get("tune", {})
    except OSError as error:
        raise AnalysisError(f"{file} cannot be read: {error.strerror}.") from error
    except (YAMLError, ValidationError) as error:
        raise AnalysisError(
            f"{file} is damaged: what its tune holds cannot be understood."
        ) from error


def searched_in(run: Run, arm: int) -> list[str]:
    """Hyperparameters that took more than one value among the trials of the arm at ``arm``.

    Others mean nothing there, or a variant of the arm settles them.
    """
    trials = run.trials[run.trials["arm"] == arm]
    return [key for key in run.tuned if trials[f"config/{key}"].nunique() > 1]
