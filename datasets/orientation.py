"""Which way up an image is shown: the orientation that cameras write into EXIF.

GDAL gives pixels as they are stored. Annotation tools and viewers show them upright, and labels are
of the upright image.

Reference: EXIF 2.32, tag 0x0112.
"""

import struct
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import ImageFileDirectory_v2
from rasterio.io import DatasetReader

from datasets.source import DataError, Window

TAG = 0x0112
BIG_TIFF = 43


class Orientation(NamedTuple):
    """What makes stored pixels upright: rows become columns first, then both axes are reversed."""

    transposed: bool = False
    columns_reversed: bool = False
    rows_reversed: bool = False

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the upright image, or back."""
        return (width, height) if self.transposed else (height, width)

    def stored(self, window: Window, height: int, width: int) -> Window:
        """Where a part of the upright image, whose size is given, is stored."""
        x, y, w, h = window
        x = width - x - w if self.columns_reversed else x
        y = height - y - h if self.rows_reversed else y
        return Window(y, x, h, w) if self.transposed else Window(x, y, w, h)

    def upright(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Stored pixels [..., H, W] as they are shown."""
        pixels = pixels.swapaxes(-1, -2) if self.transposed else pixels
        pixels = pixels[..., ::-1] if self.columns_reversed else pixels
        return pixels[..., ::-1, :] if self.rows_reversed else pixels


UPRIGHT = Orientation()
BY_TAG = {
    2: Orientation(False, True, False),
    3: Orientation(False, True, True),
    4: Orientation(False, False, True),
    5: Orientation(True, False, False),
    6: Orientation(True, True, False),
    7: Orientation(True, True, True),
    8: Orientation(True, False, True),
}


def orientation_of(reader: DatasetReader, content: Path | BinaryIO) -> Orientation:
    """How an open image is turned.

    An image that lies somewhere on Earth is upright: its transform is of the pixels as stored.

    Args:
        content: what `reader` was opened from. GDAL does not tell the tag of PNG and TIFF.

    Raises:
        DataError: the header of a PNG or TIFF is damaged.
    """
    if not reader.transform.is_identity or reader.gcps[0]:
        return UPRIGHT
    if tag := reader.tags().get("EXIF_Orientation"):
        return BY_TAG.get(int(tag), UPRIGHT) if tag.isdecimal() else UPRIGHT
    if reader.driver not in ("PNG", "GTiff"):
        return UPRIGHT
    try:
        if isinstance(content, Path):
            with content.open("rb") as file:
                return BY_TAG.get(_tag(file, reader.driver), UPRIGHT)
        return BY_TAG.get(_tag(content, reader.driver), UPRIGHT)
    except (OSError, SyntaxError, ValueError, struct.error) as error:  # as Pillow says it
        reason = f"has a header whose orientation cannot be read: {error}"
        raise DataError.of_file(Path(reader.name), reason) from None


def _tag(file: BinaryIO, driver: str) -> int:
    """The tag from the headers alone; 1 if there is none."""
    if driver == "PNG":
        exif = Image.Exif()
        exif.load(PngImageFile(file).info.get("exif", b""))
        return int(exif.get(TAG, 1))
    header = file.read(8)
    if BIG_TIFF in header[2:4]:
        header += file.read(8)
    directory = ImageFileDirectory_v2(header)
    file.seek(directory.next)
    directory.load(file)
    return int(directory.get(TAG, 1))
