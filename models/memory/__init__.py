"""How much memory a training takes, predicted without a GPU and without computing a value."""

from models.memory.prediction import Peak, UnpredictedError, predict_peak

__all__ = ["Peak", "UnpredictedError", "predict_peak"]
