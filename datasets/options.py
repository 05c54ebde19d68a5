"""The `dataset` section of a sweep file, and the data that it describes."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Self, get_args

from PIL import ImageColor
from pydantic import BeforeValidator, Field, field_validator, model_validator

from datasets import (
    DATASETS,
    DataError,
    Division,
    Prepared,
    Source,
    Tiling,
    prepare,
    resolve_bands,
    sample,
)
from datasets.colours import BLACK, IGNORED_GREY, Colour
from datasets.leaks import Handling
from datasets.raster import OwnData, open_raster
from datasets.source import IGNORE, Label
from datasets.spectrum import band
from runs.errors import did_you_mean
from runs.progress import UNSEEN, Progress
from runs.sections import Section

ALL_BANDS, RGB = "all", "rgb"
"""The groups of bands that need no name under `band_groups`."""
RASTER = "raster"
"""What a sweep calls one's own rasters."""


def _metres(length: object) -> object:
    """`2km`, `500m` or a number as metres."""
    if not isinstance(length, str):
        return length
    parts = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(km|m)?\s*", length)
    if parts is None:
        raise ValueError(f"write a length such as 500m or 2km, not {length!r}")
    return float(parts[1]) * (1000 if parts[2] == "km" else 1)


def _rgb(colour: object) -> object:
    """`green`, `#0af` or `#00aaff` as red, green and blue."""
    if not isinstance(colour, str):
        return colour
    try:
        return ImageColor.getrgb(colour)[:3]
    except ValueError:
        raise ValueError(f"write a colour such as '#00aaff' or green, not {colour!r}") from None


Byte = Annotated[int, Field(ge=0, le=255)]
ChosenColour = Annotated[tuple[Byte, Byte, Byte], BeforeValidator(_rgb)]


class Splits(Section):
    """How labelled images are divided if the data set has no split of its own."""

    train: str | None = Field(None, description="list of the images; null: those of no other list")
    val: float | str = Field(0.15, description="fraction of the scenes, or a list under the root")
    test: float | str = Field(0.15, description="fraction of the scenes, or a list under the root")
    seed: int = Field(42, ge=0, description="of the division, not of the training")
    remake: bool = Field(False, description="divide the training images even if it has one")
    blocks: Annotated[float, BeforeValidator(_metres)] | None = Field(
        None, gt=0, description="divide by square blocks on the ground: 500m, 2km; null: by scene"
    )

    @field_validator("val", "test")
    @classmethod
    def _share_or_list(cls, part: float | str) -> float | str:
        if not isinstance(part, str) and not 0 < part < 1:
            raise ValueError(
                f"a fraction lies between 0 and 1, not {part:g}; a list is the name of a text file"
            )
        return part

    @model_validator(mode="after")
    def _fit(self) -> Self:
        if sum(self._fractions) >= 1:
            raise ValueError(f"val {self.val} and test {self.test} leave nothing to train on")
        if self.lists and self.blocks is not None:
            raise ValueError("lists name images, blocks divide them by place: leave one out")
        return self

    @property
    def _fractions(self) -> list[float]:
        return [part for part in (self.val, self.test) if not isinstance(part, str)]

    @property
    def lists(self) -> dict[str, Path]:
        """The text file that names the images, of each split that has one."""
        files = {"train": self.train, "val": self.val, "test": self.test}
        return {split: Path(file) for split, file in files.items() if isinstance(file, str)}

    @property
    def division(self) -> Division:
        """The same for `prepare`; the fraction of a split that is listed is not looked at."""
        val, test = (0.0 if isinstance(part, str) else part for part in (self.val, self.test))
        lists = tuple(self.lists.items())
        return Division(val, test, self.seed, self.remake, lists, self.blocks)


class Dataset(OwnData):
    """Which images, and how they are read."""

    name: str = Field(description="a data set that this program can read")
    root: Path | None = Field(None, description="folder of the data; null: the embedded sample")
    bands: str | tuple[str | int, ...] | None = Field(
        None,
        description="rgb, all, or names or indices; null: rgb, and all of `raster`",
    )
    band_groups: dict[str, tuple[str, ...]] = Field(
        {},
        description="names of bands by the name of a group, which the setting `bands` may choose; "
        "rgb and all are known without it",
    )
    image_size: int = Field(128, ge=32, multiple_of=32, description="px a side, as trained on")
    min_area: float = Field(32, ge=0, description="px² at image_size: smaller objects are ignored")
    tile: int | None = Field(
        None,
        ge=32,
        description="px of the file: side of the tiles that scenes are cut into; null: whole, and"
        " image_size of `raster`",
    )
    overlap: int = Field(0, ge=0, description="overlap of neighbouring tiles, px")
    stretch: tuple[float, float] | None = Field(
        None, description="percentiles of the training pixels that become 0 and 1; null: as stored"
    )
    ignore_index: int = Field(
        255, ge=0, le=255, description="mask value that losses and metrics ignore"
    )
    colours: dict[str, ChosenColour] = Field(
        {}, description="of classes in pictures and maps: {pond: '#00aaff'}; others have their own"
    )
    only_with_objects: bool = Field(False, description="leave out images without an object")
    splits: Splits = Splits()
    leaks: Handling = Field(
        "refuse", description="images that lie in two splits: an error, or said in the plan"
    )
    skip_bad: bool = Field(False, description="skip unreadable files instead of stopping")

    @model_validator(mode="after")
    def _own_keys_of_own_data(self) -> Self:
        if self.name != RASTER:
            for key, field in OwnData.model_fields.items():
                if getattr(self, key) != field.default:
                    raise ValueError(f"{key} is a key of `name: {RASTER}`, not of {self.name}")
        return self

    @field_validator("band_groups")
    @classmethod
    def _groups_hold_bands(cls, groups: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for name, bands in groups.items():
            if not re.fullmatch(r"[A-Za-z0-9_+.]+", name):
                raise ValueError(
                    f"the name of a group has letters, digits, _, + and ., not {name!r}"
                )
            if name == ALL_BANDS:
                raise ValueError("all is every band: give this group another name")
            if not bands or len(set(bands)) < len(bands):
                raise ValueError(f"{name} lists no band, or one of them twice")
        return groups

    @field_validator("colours")
    @classmethod
    def _colours_differ(cls, colours: dict[str, Colour]) -> dict[str, Colour]:
        taken = {BLACK: "the background", IGNORED_GREY: "pixels that do not count"}
        for name, colour in colours.items():
            if (other := taken.setdefault(colour, name)) != name:
                raise ValueError(f"{name} has the colour of {other}")
        return colours

    @field_validator("root")
    @classmethod
    def _home(cls, root: Path | None) -> Path | None:
        return root and root.expanduser()

    @model_validator(mode="after")
    def _tiles_advance(self) -> Self:
        if self.overlap and self.tiling is None:
            raise ValueError("overlap needs tiles: give tile as well")
        if (tiling := self.tiling) is not None and tiling.overlap >= tiling.size:
            raise ValueError(f"tiles of {tiling.size} px cannot overlap by {tiling.overlap}")
        return self

    @property
    def tiling(self) -> Tiling | None:
        """How scenes are cut; one's own rasters always are: a pixel stays a pixel."""
        if self.tile is None and self.name != RASTER:
            return None
        return Tiling(self.tile or self.image_size, self.overlap)

    @field_validator("stretch")
    @classmethod
    def _rising(cls, stretch: tuple[float, float] | None) -> tuple[float, float] | None:
        if stretch is not None and not 0 <= stretch[0] < stretch[1] <= 100:
            raise ValueError(f"percentiles rise from 0 to 100, not {stretch[0]:g}, {stretch[1]:g}")
        return stretch


def source_of(options: Dataset, cache: Path, progress: Progress = UNSEEN) -> tuple[Source, Path]:
    """The data set that `options` name, and its root; one's own rasters are looked at.

    Raises:
        DataError: they cannot be used as they are.
    """
    if options.name == RASTER:
        if options.root is None:
            raise DataError("dataset.root: name the folder of your rasters")
        own = open_raster(
            *(options.root, options, options.bands, options.ignore_index, cache, progress)
        )
        return own, options.root
    if options.root is None:
        return DATASETS[options.name], sample(options.name, cache, progress)
    return DATASETS[options.name], options.root


def chosen_bands(source: Source, options: Dataset) -> tuple[int, ...]:
    """Indices of the bands that `options` choose. DataError: there are none such."""
    usual = "all" if options.name == RASTER else "rgb"
    return resolve_bands(source, usual if options.bands is None else options.bands)


def tiling_of(source: Source, options: Dataset) -> Tiling | None:
    """How the scenes of `source` are cut. DataError: they are not, but `options` say so."""
    if source.tiled:
        return options.tiling
    if options.tile is not None or options.overlap:
        raise DataError(
            "dataset.tile: the labels are of whole images, which are not cut: remove this key"
        )
    return None


def possible_labels(name: str) -> frozenset[Label]:
    """What a data set may bring; one's own rasters are not looked at for that."""
    return frozenset(get_args(Label)) if name == RASTER else DATASETS[name].labels


def prepare_dataset(options: Dataset, cache: Path, progress: Progress = UNSEEN) -> Prepared:
    """Find, check and decode the data that `options` describe; no root: the embedded sample.

    Raises:
        DataError: naming every bad file.
    """
    source, root = source_of(options, cache, progress)
    bands = chosen_bands(source, options)
    groups = _groups(source, bands, options.band_groups)
    prepared = prepare(
        source,
        root,
        bands=bands,
        image_size=options.image_size,
        min_area=options.min_area,
        tiling=tiling_of(source, options),
        # Of one's own masks, it is a value; what is read of them are class ids already.
        ignore_index=IGNORE if options.name == RASTER else options.ignore_index,
        stretch=options.stretch,
        colours=options.colours,
        division=options.splits.division,
        leaks=options.leaks,
        with_objects_only=options.only_with_objects,
        skip_bad=options.skip_bad,
        cache=cache,
        progress=progress,
    )
    prepared = replace(prepared, groups=groups)
    if options.wavelengths is None:
        return prepared
    told = _wavelengths(options.wavelengths, prepared.bands)
    return replace(prepared, meanings=tuple(band(name, None, told) for name in prepared.bands))


def _groups(
    source: Source, chosen: tuple[int, ...], named: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[int, ...]]:
    """Positions among the `chosen` bands of those of each group.

    Raises:
        DataError: a band of a group is not among them.
    """
    names = [source.bands[band] for band in chosen]
    groups = {ALL_BANDS: tuple(range(len(names)))}
    if source.rgb is not None and set(source.rgb) <= set(chosen):
        groups[RGB] = tuple(chosen.index(band) for band in source.rgb)
    for group, bands in named.items():
        for one in bands:
            if one not in names:
                raise DataError(
                    f"dataset.band_groups.{group}: there is no band '{one}'"
                    f"{did_you_mean(one, names)}; those that are read are {', '.join(names)}"
                )
        groups[group] = tuple(names.index(one) for one in bands)
    return groups


def _wavelengths(
    given: dict[str, float] | tuple[float, ...], bands: tuple[str, ...]
) -> dict[str, float]:
    """The wavelength of each band by name.

    Raises:
        DataError: they are of other bands, or of another number of them.
    """
    if isinstance(given, tuple):
        if len(given) != len(bands):
            raise DataError(
                f"dataset.wavelengths lists {len(given)}, but there are {len(bands)} bands: "
                f"{', '.join(bands)}"
            )
        return dict(zip(bands, given, strict=True))
    for name in given:
        if name not in bands:
            hint = did_you_mean(name, bands)
            raise DataError(f"dataset.wavelengths: there is no band {name!r}{hint}")
    return given
