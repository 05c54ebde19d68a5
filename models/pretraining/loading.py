"""Stored initial weights into a model."""

from models.model import Model
from models.pretraining import CHECKPOINT, KINDS
from models.pretraining.store import Stored


def load_initial(stored: Stored, model: Model) -> None:
    """Fill the model, or its backbone alone, with stored initial weights, in place."""
    kind = KINDS.get(str(stored.record["kind"]), CHECKPOINT)
    stored.load_into(model if kind.whole else model.backbone.network)
