"""Figures on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from matplotlib import rc_context

from analysis.figures.style import RC, Sketch
from analysis.loading import AnalysisError
from runs.files import whole_file

FigureFormat = Literal["png", "pdf", "svg"]
FORMATS: tuple[FigureFormat, ...] = get_args(FigureFormat)

# Neither the time nor the program is written, so that files can be compared.
METADATA: dict[FigureFormat, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}


@dataclass(frozen=True)
class Figure:
    """A figure that is written.

    Attributes:
        name: that of its files, and its key in `FIGURES`.
        title: a few words for above it; it is not in the files.
        caption: what it shows and says, and of how much.
        alt: its content in words, for readers who do not see it.
        files: one a format.
    """

    name: str
    title: str
    caption: str
    alt: str
    files: tuple[Path, ...]


def write_figure(
    name: str, sketch: Sketch, folder: Path, formats: Sequence[FigureFormat]
) -> Figure:
    """Write a sketch as `folder/name.format`, whole or not at all.

    Raises:
        AnalysisError: the folder cannot be written.
    """
    files = [folder / f"{name}.{format}" for format in formats]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with rc_context(RC):
            # Laid out once, and not again for every format.
            sketch.canvas.draw_without_rendering()
            sketch.canvas.set_layout_engine("none")
            for file, format in zip(files, formats, strict=True):
                with whole_file(file) as partial:
                    sketch.canvas.savefig(partial, format=format, metadata=METADATA[format])
    except OSError as error:
        raise AnalysisError(f"{folder} cannot be written: {error.strerror}") from error
    return Figure(name, sketch.title, sketch.caption, sketch.alt, tuple(files))
