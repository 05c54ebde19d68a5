"""What is on disk, as arrays: data sets, their cache, and the samples that stand in for them."""

from pathlib import Path

from datasets.cache import Prepared, Split, open_split, prepare
from datasets.landslide4sense import Landslide4Sense
from datasets.source import DataError, Item, Listing, Problem, Source, resolve_bands
from datasets.whole_folder import build_once

DATASETS: dict[str, Source] = {source.name: source for source in (Landslide4Sense(),)}

SAMPLE_VERSION = 1  # raise when any sample's content changes
SAMPLE_SEED = 0


def sample(name: str, cache: Path) -> Path:
    """Root of the synthetic sample of data set `name`, written under `cache` on first use."""
    root = cache / "samples" / f"{name}-v{SAMPLE_VERSION}"
    build_once(root, Path.is_dir, lambda folder: DATASETS[name].write_sample(folder, SAMPLE_SEED))
    return root


__all__ = [
    "DATASETS",
    "DataError",
    "Item",
    "Listing",
    "Prepared",
    "Problem",
    "Source",
    "Split",
    "open_split",
    "prepare",
    "resolve_bands",
    "sample",
]
