"""A picture with its words, and the list of pictures that lies beside the files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter

from analysis.loading import AnalysisError
from analysis.pictures.images import Mark
from analysis.pictures.layers import Layer
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
        image: the name of the test image.
        layers: the same as layers, the image first.
        marks: what their colours mean, by what they are the key to.
        size: width and height of the layers, in pixels.
    """

    title: str
    caption: str
    alt: str
    file: Path
    image: str = ""
    layers: tuple[Layer, ...] = ()
    marks: Mapping[str, Sequence[Mark]] = field(default_factory=dict)
    size: tuple[int, int] = (1, 1)


PICTURES = TypeAdapter(list[Picture])


def write_list(folder: Path, pictures: Iterable[Picture]) -> None:
    """Note words and layers of the pictures in `folder`, for reports that are made later."""
    listed = [replace(one, file=Path(one.file.name)) for one in pictures]
    write_text(folder / LIST, PICTURES.dump_json(listed, indent=1).decode())


def earlier_pictures(folder: Path) -> list[Picture]:
    """The pictures that were drawn into `folder` last, as far as they are still there.

    Raises:
        AnalysisError: the list of them is damaged.
    """
    if not (folder / LIST).is_file():
        return []
    try:
        pictures = PICTURES.validate_json((folder / LIST).read_bytes())
    except ValueError as error:
        raise AnalysisError(
            f"{folder / LIST} is damaged ({error}): delete it and draw the pictures again"
        ) from error
    there = [replace(one, file=folder / one.file) for one in pictures]
    return [picture for picture in there if picture.file.is_file()]
