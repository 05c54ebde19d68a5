"""Images as the page holds them: inside of it, as data, so that it needs no other file."""

import base64
import io
from dataclasses import dataclass

from matplotlib import rc_context
from PIL import Image, UnidentifiedImageError

from analysis.figures.style import RC, Sketch
from analysis.pictures import Picture
from analysis.runs import AnalysisError

INCH = 138
"""CSS pixels to an inch of a figure: its letters of 8 points are 15 pixels high on a screen."""

DPI = 200
"""Pixels to an inch of a figure: sharp on screens, and good enough on paper."""

NARROW = 480
"""CSS pixels up to which a figure can be read on a phone as a whole; wider ones are scrolled."""


@dataclass(frozen=True)
class Plate:
    """An image with what stands around it.

    Attributes:
        anchor: its id in the page.
        title: a few words.
        caption: what is to be seen, and how it was made.
        alt: the same for who does not see it.
        source: the image itself, a ``data:`` address.
        width, height: in CSS pixels, where there is room for it.
    """

    anchor: str
    title: str
    caption: str
    alt: str
    source: str
    width: int
    height: int

    @property
    def wide(self) -> bool:
        """Whether it is scrolled on a phone, rather than made too small to be read."""
        return self.width > NARROW


def figure_plate(name: str, sketch: Sketch) -> Plate:
    """A figure as a plate.

    In 256 colours, which show no difference in lines and letters and take a fifth of the room.
    """
    drawn, small = io.BytesIO(), io.BytesIO()
    with rc_context(RC):
        sketch.canvas.savefig(drawn, format="png", dpi=DPI)
    image = Image.open(drawn).convert("RGB")
    palette = image.quantize(method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    palette.save(small, format="PNG", optimize=True)
    size = (image.width / DPI, image.height / DPI)
    return _plate(
        f"figure-{name}", sketch.title, sketch.caption, sketch.alt, small.getvalue(), size
    )


def picture_plate(number: int, picture: Picture) -> Plate:
    """A picture of predictions as a plate, from its file.

    Raises:
        AnalysisError: the file cannot be read, or is no PNG.
    """
    file = picture.file
    try:
        content = file.read_bytes()
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            (across, down), (dots, _) = image.size, image.info.get("dpi", (DPI, DPI))
    except UnidentifiedImageError as error:
        raise AnalysisError(f"{file} is not a PNG image: delete it, and draw it again.") from error
    except OSError as error:
        raise AnalysisError(f"{file} cannot be read: {error.strerror}.") from error
    size = (across / dots, down / dots)
    return _plate(f"picture-{number}", picture.title, picture.caption, picture.alt, content, size)


def _plate(
    anchor: str, title: str, caption: str, alt: str, png: bytes, inches: tuple[float, float]
) -> Plate:
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    width, height = (round(side * INCH) for side in inches)
    return Plate(anchor, title, caption, alt, source, width, height)
