"""Pictures of predictions: input, truth, prediction and error of the best arms, side by side."""

from analysis.pictures.drawing import draw_pictures
from analysis.pictures.picture import Picture, earlier_pictures

__all__ = ["Picture", "draw_pictures", "earlier_pictures"]
