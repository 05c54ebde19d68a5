"""What heads can be told beside their weights of loss terms: names, types, defaults.

A sweep gives them like any other setting, under `compare`, `tune` or `fixed`. Without torch, so
that a mistyped sweep file is refused at once.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class HeadOptions(BaseModel):
    """A head that can be told nothing."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SegmenterOptions(HeadOptions):
    """What every segmentation head can be told."""

    loss: str = Field(
        "cross_entropy",
        description="terms joined by +: cross_entropy, bce, focal, dice, jaccard, lovasz",
    )
    class_weights: str = Field(
        "none",
        description="none, inverse, median_frequency, effective_number, or a number for each "
        "class, background first; of cross_entropy, bce and focal",
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="of cross_entropy")


class HypercolumnOptions(SegmenterOptions):
    """What the hypercolumn head can be told."""

    layers: Literal["all", "before_pooling"] = Field("all", description="convolutions it reads")
    dropout: float = Field(0.5, ge=0, lt=1)
    pixels_per_class: int = Field(
        50, ge=1, description="pixels of each class sampled from each training image"
    )
    pixel_epochs: int = Field(10, ge=0, description="of the pixel classifier; 0: dense only")
    pixel_lr: float = Field(1e-3, gt=0, description="of the pixel classifier")
