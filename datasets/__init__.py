"""What is on disk, as arrays: data sets, their cache, and the samples that stand in for them."""

from pathlib import Path

from datasets.cache import Prepared, Split, prepare
from datasets.coco import Coco
from datasets.eurosat import EuroSAT
from datasets.landcoverai import LandCoverAI
from datasets.landslide4sense import Landslide4Sense
from datasets.seen import open_split, seen_by, stored_statistics
from datasets.source import (
    IGNORE,
    DataError,
    Item,
    KnowsClasses,
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
from datasets.splits import Division
from datasets.voc import LandslideVoc, Voc
from datasets.xbd import XBD
from runs.folders import build_once
from runs.progress import UNSEEN, Progress

_SOURCES: tuple[Source, ...] = (
    Landslide4Sense(),
    LandslideVoc(),
    LandCoverAI(),
    XBD(),
    SpaceNet2(),
    SpaceNet4(),
    EuroSAT(),
    Coco(),
    Voc(),
)
DATASETS: dict[str, Source] = {source.name: source for source in _SOURCES}

SAMPLE_VERSION = 2  # raise when any sample's content changes
SAMPLE_SEED = 0


def sample(name: str, cache: Path, progress: Progress = UNSEEN) -> Path:
    """Root of the synthetic sample of data set `name`, written under `cache` on first use.

    Raises:
        DataError: the data set has no sample.
    """
    source = DATASETS[name]
    if not isinstance(source, SampledSource):
        raise DataError(f"{source.title} has no sample: name the folder of its data, dataset.root")
    root = cache / "samples" / f"{name}-v{SAMPLE_VERSION}"

    def build(folder: Path) -> None:
        progress.step(f"making the sample of {source.title}")
        source.write_sample(folder, SAMPLE_SEED)

    build_once(root, Path.is_dir, build)
    return root


__all__ = [
    "DATASETS",
    "IGNORE",
    "DataError",
    "Division",
    "Item",
    "KnowsClasses",
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
    "seen_by",
    "stored_statistics",
]
