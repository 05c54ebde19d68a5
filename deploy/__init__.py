"""What uses a finished model: maps of scenes, export, the model card, a server, and notebooks::

model = deploy.load_winner("results/landslide_backbones")
found = model.predict("scene.tif")        # boxes, scores and labels, or a mask of class ids
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deploy.predictor import Predictor

__all__ = ["load", "load_winner"]


def load_winner(
    run: str | Path, trial: str | None = None, device: str | None = None
) -> "Predictor":
    """Open the best model of a run directory; the data that it was trained on are not needed.

    Args:
        run: the run directory.
        trial: a trial or repeat to open instead of the winner, see `runs.winner`.
        device: `cpu`, `cuda`, `cuda:1`, …; by default a GPU if there is one.

    Raises:
        ModelError, RunDirectoryError, ArchitectureChangedError: it cannot be used, and why.
    """
    from deploy.devices import device_called
    from deploy.predictor import Predictor
    from deploy.trained import open_trained

    return Predictor(open_trained(Path(run).expanduser(), trial, device_called(device)))


def load(folder: str | Path, device: str | None = None) -> "Predictor":
    """Open a model that `python -m deploy export --format hub` wrote; the run is not needed.

    Raises:
        ModelError, ArchitectureChangedError: it cannot be used, and why.
    """
    from deploy.devices import device_called
    from deploy.hub import open_hub
    from deploy.predictor import Predictor

    return Predictor(open_hub(Path(folder).expanduser(), device_called(device)))
