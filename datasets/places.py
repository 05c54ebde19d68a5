"""Where the images of a split lie on Earth: kept as arrays, and found out from points."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from datasets.source import Place

FIT_ERROR = 1.0  # pixels by which a fitted place may be wrong at the corners of its image


class Places(NamedTuple):
    """The places of N images.

    Attributes:
        systems: str [K], the coordinate reference systems that occur, as WKT.
        system: int64 [N], index into `systems`; -1 for an image whose place is not known.
        transforms: float64 [N, 6], as in `Place`; NaN where the place is not known.
    """

    systems: NDArray[np.str_]
    system: NDArray[np.int64]
    transforms: NDArray[np.float64]

    def of(self, index: int) -> Place | None:
        """The place of one image; None if it is not known."""
        if self.system[index] < 0:
            return None
        a, b, c, d, e, f = self.transforms[index].tolist()
        return Place(str(self.systems[self.system[index]]), (a, b, c, d, e, f))


def packed_places(places: Sequence[Place | None]) -> Places:
    """Places one after another, their few reference systems once."""
    systems = {place.crs: None for place in places if place}
    index = {crs: number for number, crs in enumerate(systems)}
    unknown = (np.nan,) * 6
    return Places(
        np.array(list(systems)),
        np.array([index[place.crs] if place else -1 for place in places], dtype=np.int64),
        np.array([place.transform if place else unknown for place in places], dtype=np.float64),
    )


def fitted(
    pixels: NDArray[np.float64], coordinates: NDArray[np.float64], size: tuple[int, int]
) -> tuple[float, float, float, float, float, float] | None:
    """The affine transform, as in `Place`, that takes `pixels` [N, 2] to `coordinates` [N, 2].

    It is the least-squares one. None if the points do not determine it to within `FIT_ERROR`: they
    are fewer than four, on a line, no numbers, or so far from affine or so close together that the
    standard error at a corner of the image, height and width `size`, is larger.
    """
    points = np.column_stack([pixels, np.ones(len(pixels))])
    both = np.hstack([points, coordinates])
    if len(points) < 4 or not np.isfinite(both).all() or np.linalg.matrix_rank(points) < 3:
        return None
    solution, *_ = np.linalg.lstsq(points, coordinates)
    if np.linalg.matrix_rank(solution[:2]) < 2:
        return None
    # Off by how much, in pixels: residuals taken back through the linear part.
    off = np.linalg.solve(solution[:2].T, (points @ solution - coordinates).T)
    variance = (off**2).sum() / (len(points) - 3)
    height, width = size
    corners = np.array([[x, y, 1.0] for x in (0, width) for y in (0, height)])
    leverage = np.einsum("ni,ij,nj->n", corners, np.linalg.inv(points.T @ points), corners)
    if not variance * leverage.max() <= FIT_ERROR**2:
        return None
    (a, d), (b, e), (c, f) = solution.tolist()
    return a, b, c, d, e, f
