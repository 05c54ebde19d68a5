"""A picture with its words, and the list of pictures that lies beside the files."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from analysis.loading import AnalysisError
from runs.files import write_text

LIST = "pictures.json"


@dataclass(frozen=True)
class Picture:
    """A PNG and what is said of it.

    Attributes:
        title: a few words above it.
        caption: what is shown, how it was chosen, how it is to be read.
        alt: its content in words, for readers who do not see it.
        file: where it lies.
    """

    title: str
    caption: str
    alt: str
    file: Path


def write_list(folder: Path, pictures: Iterable[Picture]) -> None:
    """Note the words of the pictures in `folder`, for reports that are made later."""
    entries = [
        {"title": one.title, "caption": one.caption, "alt": one.alt, "file": one.file.name}
        for one in pictures
    ]
    write_text(folder / LIST, json.dumps(entries, indent=1, ensure_ascii=False))


def earlier_pictures(folder: Path) -> list[Picture]:
    """The pictures that were drawn into `folder` last, as far as they are still there.

    Raises:
        AnalysisError: the list of them is damaged.
    """
    if not (folder / LIST).is_file():
        return []
    try:
        entries = json.loads((folder / LIST).read_text(encoding="utf-8"))
        pictures = [Picture(**{**entry, "file": folder / entry["file"]}) for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise AnalysisError(
            f"{folder / LIST} is damaged ({error}): delete it and draw the pictures again"
        ) from error
    return [picture for picture in pictures if picture.file.is_file()]
