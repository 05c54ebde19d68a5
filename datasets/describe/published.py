"""Whether a folder is one of the data sets that are read as they are published."""

import contextlib
import re
from pathlib import Path

from datasets import DATASETS
from datasets.source import DataError
from runs.progress import UNSEEN, Progress

ANYONES = ("coco", "voc", "landslide_voc")
"""Formats rather than data sets: of a folder in such a form, `raster` reads more."""

MAP_SHEET = re.compile(r"[MN]-\d\d-")
"""How the orthophotos of LandCover.ai are called; its folders are what many would choose."""


def published(root: Path, progress: Progress = UNSEEN) -> str | None:
    """The name of the published data set that lies under `root`; None if it is none of them."""
    progress.step("comparing the folder with published data sets")
    for name, source in DATASETS.items():
        if name in ANYONES or (name == "landcoverai" and not _holds_map_sheets(root)):
            continue
        with contextlib.suppress(DataError):
            source.find(root, None)
            return name
    return None


def _holds_map_sheets(root: Path) -> bool:
    files = (file for folder in ("images", "output") for file in (root / folder).glob("*"))
    return any(MAP_SHEET.match(file.name) for file in files)
