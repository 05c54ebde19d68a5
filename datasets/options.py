"""The `dataset` section of a sweep file, and the data that it describes."""

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from datasets import DATASETS, Prepared, Tiling, prepare, resolve_bands, sample
from runs.progress import UNSEEN, Progress
from runs.sections import Section


class Split(Section):
    """How labelled images are divided if the data set has no split of its own."""

    val: float = Field(0.15, gt=0, lt=1, description="fraction of the scenes")
    test: float = Field(0.15, gt=0, lt=1, description="fraction of the scenes")
    seed: int = Field(42, ge=0, description="of the division, not of the training")
    remake: bool = Field(False, description="divide the training images even if it has one")

    @model_validator(mode="after")
    def _leaves_training(self) -> Self:
        if self.val + self.test >= 1:
            raise ValueError(f"val {self.val:g} and test {self.test:g} leave nothing to train on")
        return self


class Dataset(Section):
    """Which images, and how they are read."""

    name: str = Field(description="a data set that this program can read")
    root: Path | None = Field(None, description="folder of the data; null: the embedded sample")
    bands: str | tuple[str | int, ...] = Field("rgb", description="rgb, all, or names or indices")
    image_size: int = Field(128, ge=32, multiple_of=32, description="px a side, as trained on")
    min_area: float = Field(32, ge=0, description="px² at image_size: smaller objects are ignored")
    tile: int | None = Field(
        None,
        ge=32,
        description="px of the file: side of the tiles that scenes are cut into; null: whole",
    )
    overlap: int = Field(0, ge=0, description="overlap of neighbouring tiles, px")
    stretch: tuple[float, float] | None = Field(
        None, description="percentiles of the training pixels that become 0 and 1; null: as stored"
    )
    ignore_index: int = Field(
        255, ge=0, le=255, description="mask value that losses and metrics ignore"
    )
    only_with_objects: bool = Field(False, description="leave out images without an object")
    split: Split = Split()
    skip_bad: bool = Field(False, description="skip unreadable files instead of stopping")

    @field_validator("root")
    @classmethod
    def _home(cls, root: Path | None) -> Path | None:
        return root and root.expanduser()

    @model_validator(mode="after")
    def _tiles_advance(self) -> Self:
        if self.overlap and self.tile is None:
            raise ValueError("overlap needs tiles: give tile as well")
        if self.tile is not None and self.overlap >= self.tile:
            raise ValueError(f"tiles of {self.tile} px cannot overlap by {self.overlap}")
        return self

    @field_validator("stretch")
    @classmethod
    def _rising(cls, stretch: tuple[float, float] | None) -> tuple[float, float] | None:
        if stretch is not None and not 0 <= stretch[0] < stretch[1] <= 100:
            raise ValueError(f"percentiles rise from 0 to 100, not {stretch[0]:g}, {stretch[1]:g}")
        return stretch


def prepare_dataset(options: Dataset, cache: Path, progress: Progress = UNSEEN) -> Prepared:
    """Find, check and decode the data that `options` describe; no root: the embedded sample.

    Raises:
        DataError: naming every bad file.
    """
    source = DATASETS[options.name]
    return prepare(
        source,
        sample(options.name, cache, progress) if options.root is None else options.root,
        bands=resolve_bands(source, options.bands),
        image_size=options.image_size,
        min_area=options.min_area,
        tiling=None if options.tile is None else Tiling(options.tile, options.overlap),
        ignore_index=options.ignore_index,
        stretch=options.stretch,
        split_fractions=(options.split.val, options.split.test),
        split_seed=options.split.seed,
        remake_split=options.split.remake,
        with_objects_only=options.only_with_objects,
        skip_bad=options.skip_bad,
        cache=cache,
        progress=progress,
    )
