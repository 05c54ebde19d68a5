"""Options of the hypercolumn head."""

from typing import Literal

from pydantic import Field

from models.heads.options import SegmenterOptions

Layers = Literal["all", "before_pooling"]
Elements = Literal["random", "superpixels"]


class HypercolumnOptions(SegmenterOptions):
    """Options of the hypercolumn head."""

    layers: Layers = Field("all", description="convolutions it reads")
    dropout: float = Field(0.5, ge=0, lt=1, description="in the pixel classifier")
    pixels: Elements = Field(
        "random",
        description="what it classifies: single pixels, of which random ones are sampled first, or "
        "superpixels (SLIC), by the mean of their features",
    )
    superpixels: int = Field(
        500, ge=1, description="about how many an image is divided into; of pixels: superpixels"
    )
    pixels_per_class: int = Field(
        50, ge=1, description="pixels (superpixels) of each class sampled from each training image"
    )
    pixel_epochs: int = Field(10, ge=0, description="of the pixel classifier; 0: dense only")
    pixel_lr: float = Field(1e-3, gt=0, description="of the pixel classifier")
