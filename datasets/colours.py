"""One colour a class, the same in every picture and map, however many classes there are."""

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from runs.errors import did_you_mean

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
"""Told apart with any colour vision: Okabe & Ito 2008, "Color Universal Design"."""

NO_COLOURS: Mapping[str, Colour] = {}
"""Where none is chosen, each class has the usual one."""

OKABE_ITO = (ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE)
IGNORED_GREY = (153, 153, 153)

USUAL = {"building": ORANGE, "woodland": GREEN, "water": BLUE, "road": YELLOW}
"""Colours that maps have for classes of these names."""

MOST = 254
"""Classes that a mask of bytes can hold beside the background and what is ignored."""


def class_colours(classes: Sequence[str], chosen: Mapping[str, Colour]) -> list[Colour]:
    """RGB of class ids 0, 1, 2, …: black, then a colour of its own for each of `classes`.

    It is the `chosen` one, or the usual one of what the class is called, or else the next that no
    class has yet.
    """
    taken = set(chosen.values())
    usual = {name: colour for name, colour in USUAL.items() if colour not in taken} | {**chosen}
    known = [usual.get(name) for name in classes]
    others = iter([colour for colour in _palette() if colour not in {*known, *taken}])
    return [BLACK, *(colour or next(others) for colour in known)]


def check_colours(classes: Sequence[str], chosen: Mapping[str, Colour]) -> None:
    """ValueError: a colour is chosen for what is no class."""
    for name in chosen:
        if name not in classes:
            raise ValueError(f"there is no class {name!r}{did_you_mean(name, classes)}")


@cache
def _palette() -> tuple[Colour, ...]:
    """Okabe & Ito's colours, then always the one that differs most from all before it."""
    steps = np.linspace(0, 255, 8).round().astype(int)
    candidates = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    places = _lab(candidates)
    taken = _lab([BLACK, IGNORED_GREY, WHITE, *OKABE_ITO])
    nearest = np.linalg.norm(places[:, None] - taken, axis=-1).min(axis=1)
    more: list[Colour] = []
    while len(OKABE_ITO) + len(more) < MOST:
        red, green, blue = candidates[nearest.argmax()].tolist()
        more.append((red, green, blue))
        away = np.linalg.norm(places - places[nearest.argmax()], axis=-1)
        nearest = np.minimum(nearest, away)
    return (*OKABE_ITO, *more)


def _lab(colours: ArrayLike) -> NDArray[np.float64]:
    """CIE L*, a*, b* of sRGB colours [N, 3], in which distances are differences to the eye."""
    linear = (np.asarray(colours) / 255) ** 2.2
    xyz = linear @ ((0.4339, 0.2126, 0.0178), (0.3762, 0.7152, 0.1095), (0.1899, 0.0722, 0.8729))
    x, y, z = np.cbrt(xyz).T
    return np.column_stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])
