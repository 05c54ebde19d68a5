"""Experiment trackers that a sweep's `track` names: one file a tracker, and a line in `TRACKERS`.

A process of its own follows the run directory and sends what is new, see `sweeps.tracking.follow`:
a server that is slow or gone delays no trial. A tracker's module is named after the library that it
uses, and imports it only when it is opened.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec

from sweeps.tracking.mlflow import MLflow
from sweeps.tracking.tracker import Followed, Tracker
from sweeps.tracking.trackio import Trackio
from sweeps.tracking.wandb import WandB

TRACKERS: Mapping[str, Callable[[Followed], Tracker]] = {
    "mlflow": MLflow,
    "wandb": WandB,
    "trackio": Trackio,
}


def installed(name: str) -> bool:
    """Whether the library of a tracker is there; it is not imported."""
    return find_spec(name) is not None
