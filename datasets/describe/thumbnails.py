"""Small pictures of some images, with and without their labels."""

import base64
import io
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from datasets.colours import BLACK, Colour, class_colours
from datasets.describe import Description
from datasets.reading import Reader
from datasets.source import IGNORE, Item, Labelled
from datasets.visible import visible

SIDE = 240
OF_A_SPLIT = 4
OPAQUE = 0.7  # share of a label's colour over the image


class Thumbnail(NamedTuple):
    """Two pictures of an image as data URLs, and what it is called."""

    name: str
    split: str
    plain: str
    labelled: str


def thumbnails(found: Description) -> list[Thumbnail]:
    """Of each split, the images that hold most objects, one a scene."""
    survey, made = found.survey, []
    colours = class_colours(survey.listing.classes, found.options.colours)
    for split, items in survey.listing.splits.items():
        fullest: dict[str, Item] = {}
        for item in sorted(items, key=lambda item: -survey.held.get(item.name, 0)):
            fullest.setdefault(item.scene, item)
        chosen = [*fullest.values()][:OF_A_SPLIT]
        reader = Reader(found.source, survey.listing.classes, IGNORE)
        for name, plain, labelled in reader.read(
            chosen,
            lambda item, one: (
                item.name,
                *_pictures(one, found.source.rgb, survey.listing.classes, colours),
            ),
        ):
            made.append(Thumbnail(name, split, plain, labelled))
    return made


def _pictures(
    labelled: Labelled,
    rgb: tuple[int, int, int] | None,
    classes: tuple[str, ...],
    colours: list[Colour],
) -> tuple[str, str]:
    height, width = labelled.image.shape[1:]
    step = max(1, -(-max(height, width) // SIDE))
    shown = visible(_filled(labelled)[None, :, ::step, ::step], rgb)[0].transpose(1, 2, 0)
    if labelled.valid is not None:
        shown[~labelled.valid[::step, ::step]] = 255
    marked = shown
    if labelled.mask is not None:
        mask = labelled.mask[::step, ::step]
        table = np.zeros((256, 3))
        table[: len(colours)] = colours
        known = (mask > 0) & (mask < len(colours))
        over = OPAQUE * table[mask] + (1 - OPAQUE) * shown
        marked = np.where(known[..., None], over, shown).astype(np.uint8)
    picture = Image.fromarray(marked)
    if labelled.boxes is not None and labelled.labels is not None:
        draw = ImageDraw.Draw(picture)
        for box, label in zip(labelled.boxes / step, labelled.labels, strict=True):
            x0, y0, x1, y1 = box.tolist()
            draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colours[label])
    if labelled.image_labels is not None:
        picture = picture.resize((SIDE, SIDE * picture.height // picture.width))
        for row, label in enumerate(labelled.image_labels.tolist()):
            place, text = (6, 6 + 16 * row), classes[label - 1]
            ImageDraw.Draw(picture).text(
                place, text, fill=colours[label], stroke_width=2, stroke_fill=BLACK
            )
    return _data_url(Image.fromarray(shown)), _data_url(picture)


def _filled(labelled: Labelled) -> NDArray[Any]:
    """Medians where there is no data, so that the rest is shown in full contrast."""
    if labelled.valid is None or not labelled.valid.any():
        return np.nan_to_num(labelled.image)
    image: NDArray[Any] = labelled.image
    medians = np.median(image[:, labelled.valid], axis=1).astype(image.dtype)
    return np.where(labelled.valid, image, medians[:, None, None])


def _data_url(picture: Image.Image) -> str:
    kept = io.BytesIO()
    picture.save(kept, "PNG")
    return f"data:image/png;base64,{base64.b64encode(kept.getvalue()).decode()}"
