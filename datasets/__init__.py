"""What is on disk, as arrays: data sets, their cache, and the samples that stand in for them."""

from pathlib import Path

from datasets.cache import Prepared, Split, open_split, prepare
from datasets.coco import Coco
from datasets.landcoverai import LandCoverAI
from datasets.landslide4sense import Landslide4Sense
from datasets.source import (
    IGNORE,
    DataError,
    Item,
    Labelled,
    Listing,
    OwnFormat,
    Place,
    Problem,
    SampledSource,
    Source,
    Tiling,
    Window,
    resolve_bands,
)
from datasets.spacenet import SpaceNet2, SpaceNet4
from datasets.voc import LandslideVoc, Voc
from datasets.xbd import XBD
from runs.folders import build_once

_SOURCES: tuple[Source, ...] = (
    Landslide4Sense(),
    LandslideVoc(),
    LandCoverAI(),
    XBD(),
    SpaceNet2(),
    SpaceNet4(),
    Coco(),
    Voc(),
)
DATASETS: dict[str, Source] = {source.name: source for source in _SOURCES}

SAMPLE_VERSION = 1  # raise when any sample's content changes
SAMPLE_SEED = 0


def sample(name: str, cache: Path) -> Path:
    """Root of the synthetic sample of data set `name`, written under `cache` on first use.

    Raises:
        DataError: the data set has no sample.
    """
    source = DATASETS[name]
    if not isinstance(source, SampledSource):
        raise DataError(f"{source.title} has no sample: name the folder of its data, dataset.root")
    root = cache / "samples" / f"{name}-v{SAMPLE_VERSION}"
    build_once(root, Path.is_dir, lambda folder: source.write_sample(folder, SAMPLE_SEED))
    return root


__all__ = [
    "DATASETS",
    "IGNORE",
    "DataError",
    "Item",
    "Labelled",
    "Listing",
    "OwnFormat",
    "Place",
    "Prepared",
    "Problem",
    "SampledSource",
    "Source",
    "Split",
    "Tiling",
    "Window",
    "open_split",
    "prepare",
    "resolve_bands",
    "sample",
]
