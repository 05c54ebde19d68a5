"""Points of images on Earth: in the coordinates of their files, or in longitude and latitude."""

import numpy as np
import rasterio.warp
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # no public name, yet `warp.transform` raises it
from rasterio.errors import CRSError

from datasets.places import Places

EARTH = 6_371_008.8
"""Mean radius in metres (IUGG)."""

SEMI_MAJOR, ECCENTRICITY = 6_378_137.0, 0.00669437999014
"""Of the ellipsoid of WGS 84: its longer half axis in metres, its first eccentricity squared."""

LONGITUDE_LATITUDE = "EPSG:4326"


def coordinates(points: NDArray[np.float64], places: Places) -> NDArray[np.float64]:
    """Points [N, K, 2] in pixels of N images as coordinates of their own reference systems.

    NaN where the place is not known.
    """
    a, b, c, d, e, f = (column[:, None] for column in places.transforms.T)
    x, y = points[..., 0], points[..., 1]
    return np.stack([a * x + b * y + c, d * x + e * y + f], axis=-1)


def longitudes_latitudes(points: NDArray[np.float64], places: Places) -> NDArray[np.float64]:
    """Points [N, K, 2] in pixels of N images as degrees, WGS 84.

    NaN where the place is not known, or its reference system has no relation to the Earth, as that
    of a building site.
    """
    own = coordinates(points, places)
    degrees = np.full_like(own, np.nan)
    for index, crs in enumerate(places.systems):
        rows = places.system == index
        x, y = own[rows].reshape(-1, 2).T
        try:
            lon, lat = rasterio.warp.transform(str(crs), LONGITUDE_LATITUDE, x, y)
        except (CPLE_BaseError, CRSError):
            continue
        degrees[rows] = np.stack([lon, lat], axis=-1).reshape(own[rows].shape)
    degrees[~np.isfinite(degrees).all(axis=-1)] = np.nan
    return degrees


def corners(sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """The corners [N, 4, 2] of images of heights and widths [N, 2], in pixel edges."""
    height, width = sizes.T.astype(np.float64)
    none = np.zeros_like(width)
    ring = [(none, none), (width, none), (width, height), (none, height)]
    return np.stack([np.stack(corner, axis=-1) for corner in ring], axis=1)


def metres_a_pixel(sizes: NDArray[np.int64], places: Places) -> NDArray[np.float64]:
    """How wide the pixel in the middle of each of N images is on the ground, in metres.

    Of images of heights and widths `sizes` [N, 2]; NaN where the place is not known.
    """
    middle = sizes[:, None, ::-1] / 2
    ends = np.concatenate([middle, middle + np.array([1.0, 0.0])], axis=1)
    longitude, latitude = np.radians(np.moveaxis(longitudes_latitudes(ends, places), -1, 0))
    flatter = 1 - ECCENTRICITY * np.sin(latitude[:, 0]) ** 2
    east = np.diff(longitude)[:, 0] * np.cos(latitude[:, 0]) / np.sqrt(flatter)
    north = np.diff(latitude)[:, 0] * (1 - ECCENTRICITY) / flatter**1.5
    return SEMI_MAJOR * np.hypot(east, north)
