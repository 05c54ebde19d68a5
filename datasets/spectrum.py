"""What bands measure: wavelength, width and ground sampling distance, by sensor and by name.

A band is known by what its data set calls it, if the data set names its sensor; else by a word
(red, nir, VV) or by a spelling that only one sensor has: B04 and B8A are of Sentinel-2, SR_B4 is
of Landsat-8 and 9. A bare B5 is the red edge on Sentinel-2, near infrared on Landsat-8 and
short-wave infrared on Landsat-7, and so is not known without a sensor or a wavelength.

`common` is the common name of STAC's electro-optical extension, by which bands of two sensors are
the same one.

Sources: ESA, "Sentinel-2 User Handbook" (nominal values, which models are trained with); USGS,
"Landsat 8-9 Data Users Handbook" and "Landsat 7 Data Users Handbook"; Planet, "Planet Imagery
Product Specifications" (SuperDove).
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Wavelengths = Mapping[str, float]
"""Of bands by name, µm."""


class Band(NamedTuple):
    """What a channel of an image is.

    Attributes:
        name: what the data call it.
        common: what all sensors call it; None where it is nothing that is known here.
        wavelength: its centre, µm; None of radar and of what is no measurement of light.
        width: of its response, µm.
        gsd: ground sampling distance, m.
    """

    name: str
    common: str | None = None
    wavelength: float | None = None
    width: float | None = None
    gsd: float | None = None

    @property
    def key(self) -> str:
        """By which it is the same band as one of another data set."""
        return self.common or folded(self.name)


SENSORS: dict[str, tuple[Band, ...]] = {
    "sentinel-1": (
        Band("VV", "vv", gsd=10),
        Band("VH", "vh", gsd=10),
        Band("HH", "hh", gsd=10),
        Band("HV", "hv", gsd=10),
    ),
    "sentinel-2": (
        Band("B1", "coastal", 0.443, 0.020, 60),
        Band("B2", "blue", 0.490, 0.065, 10),
        Band("B3", "green", 0.560, 0.035, 10),
        Band("B4", "red", 0.665, 0.030, 10),
        Band("B5", "rededge071", 0.705, 0.015, 20),
        Band("B6", "rededge075", 0.740, 0.015, 20),
        Band("B7", "rededge078", 0.783, 0.020, 20),
        Band("B8", "nir", 0.842, 0.115, 10),
        Band("B8A", "nir08", 0.865, 0.020, 20),
        Band("B9", "nir09", 0.945, 0.020, 60),
        Band("B10", "cirrus", 1.375, 0.030, 60),
        Band("B11", "swir16", 1.610, 0.090, 20),
        Band("B12", "swir22", 2.190, 0.180, 20),
    ),
    "landsat-8": (
        Band("B1", "coastal", 0.443, 0.016, 30),
        Band("B2", "blue", 0.482, 0.060, 30),
        Band("B3", "green", 0.561, 0.057, 30),
        Band("B4", "red", 0.655, 0.037, 30),
        Band("B5", "nir08", 0.865, 0.028, 30),
        Band("B6", "swir16", 1.609, 0.085, 30),
        Band("B7", "swir22", 2.201, 0.187, 30),
        Band("B8", "pan", 0.590, 0.172, 15),
        Band("B9", "cirrus", 1.374, 0.020, 30),
        Band("B10", "lwir11", 10.895, 0.590, 100),
        Band("B11", "lwir12", 12.005, 1.010, 100),
    ),
    "landsat-7": (
        Band("B1", "blue", 0.485, 0.070, 30),
        Band("B2", "green", 0.560, 0.080, 30),
        Band("B3", "red", 0.660, 0.060, 30),
        Band("B4", "nir", 0.835, 0.130, 30),
        Band("B5", "swir16", 1.650, 0.200, 30),
        Band("B6", "lwir", 11.450, 2.100, 60),
        Band("B6_VCID_1", "lwir", 11.450, 2.100, 60),
        Band("B6_VCID_2", "lwir_high", 11.450, 2.100, 60),
        Band("B7", "swir22", 2.220, 0.260, 30),
        Band("B8", "pan", 0.710, 0.380, 15),
    ),
    "landsat-5": (
        Band("B1", "blue", 0.485, 0.070, 30),
        Band("B2", "green", 0.560, 0.080, 30),
        Band("B3", "red", 0.660, 0.060, 30),
        Band("B4", "nir", 0.830, 0.140, 30),
        Band("B5", "swir16", 1.650, 0.200, 30),
        Band("B6", "lwir", 11.450, 2.100, 120),
        Band("B7", "swir22", 2.215, 0.270, 30),
    ),
    "planetscope": (
        Band("coastal_blue", "coastal", 0.443, 0.020, 3),
        Band("blue", "blue", 0.490, 0.050, 3),
        Band("green_i", "green05", 0.531, 0.036, 3),
        Band("green", "green", 0.565, 0.036, 3),
        Band("yellow", "yellow", 0.610, 0.020, 3),
        Band("red", "red", 0.665, 0.031, 3),
        Band("rededge", "rededge071", 0.705, 0.015, 3),
        Band("nir", "nir08", 0.865, 0.040, 3),
    ),
}

WORDS: dict[str, Band] = {
    band.name: band
    for band in (
        Band("coastal", "coastal", 0.443, 0.020),
        Band("blue", "blue", 0.490, 0.065),
        Band("green05", "green05", 0.531, 0.036),
        Band("green", "green", 0.560, 0.035),
        Band("yellow", "yellow", 0.610, 0.020),
        Band("red", "red", 0.665, 0.030),
        Band("rededge071", "rededge071", 0.705, 0.015),
        Band("rededge075", "rededge075", 0.740, 0.015),
        Band("rededge078", "rededge078", 0.783, 0.020),
        Band("nir", "nir", 0.842, 0.115),
        Band("nir08", "nir08", 0.865, 0.020),
        Band("nir09", "nir09", 0.945, 0.020),
        Band("cirrus", "cirrus", 1.375, 0.030),
        Band("swir16", "swir16", 1.610, 0.090),
        Band("swir22", "swir22", 2.190, 0.180),
        Band("lwir11", "lwir11", 10.895, 0.590),
        Band("lwir12", "lwir12", 12.005, 1.010),
        *(Band(name, name) for name in ("vv", "vh", "hh", "hv")),
    )
}
"""Bands of no sensor in particular, by common name: where the sensor is not known, its red is taken
to be about where everybody's is."""

ALIASES = {
    "r": "red",
    "g": "green",
    "b": "blue",
    "n": "nir",
    "nearinfrared": "nir",
    "infrared": "nir",
    "coastalblue": "coastal",
    "coastalaerosol": "coastal",
    "greeni": "green05",
    "greenii": "green",
    "rededge": "rededge071",
    "rededge1": "rededge071",
    "rededge2": "rededge075",
    "rededge3": "rededge078",
    "nirnarrow": "nir08",
    "watervapour": "nir09",
    "watervapor": "nir09",
    "swir": "swir16",
    "swir1": "swir16",
    "swir2": "swir22",
}

NEAR = 0.012
"""How far a wavelength may lie from that of a common name to be called so, µm."""


def band(name: str, sensor: str | None = None, wavelengths: Wavelengths | None = None) -> Band:
    """What the band `name` is: by its wavelength if that is given, else by sensor, word, spelling.

    Where nothing is known of it, only its name is there.
    """
    if wavelengths and name in wavelengths:
        return _at(name, wavelengths[name])
    short = folded(name)
    if sensor is not None:
        for one in SENSORS[sensor]:
            if short in (folded(one.name), one.common):
                return one._replace(name=name)
    if found := WORDS.get(ALIASES.get(short, short)):
        return found._replace(name=name)
    if own := _only_of(name):
        return band(short.removeprefix("sr"), own)._replace(name=name)
    return Band(name)


def as_bands(bands: int | Sequence[str | Band]) -> tuple[Band, ...]:
    """Bands by name, or so many of which nothing is known."""
    if isinstance(bands, int):
        return tuple(Band(f"band {number}") for number in range(1, bands + 1))
    return tuple(band(one) if isinstance(one, str) else one for one in bands)


def folded(name: str) -> str:
    """A name without case, blanks and leading zeros: `B08` as `b8`."""
    short = re.sub(r"[\s_-]", "", name).casefold()
    return re.sub(r"^(sr)?b0+(?=\d)", r"\1b", short)


def _only_of(name: str) -> str | None:
    """The sensor that alone spells a band like this."""
    if re.fullmatch(r"(?i)b0\d|b8a|b08a", name):
        return "sentinel-2"
    return "landsat-8" if re.fullmatch(r"(?i)sr_?b[1-7]", name) else None


def _at(name: str, wavelength: float) -> Band:
    """A band of which only the wavelength is known, and so perhaps its common name."""
    near = min(
        (one for one in WORDS.values() if one.wavelength is not None),
        key=lambda one: abs((one.wavelength or 0) - wavelength),
    )
    close = abs((near.wavelength or 0) - wavelength) <= NEAR
    return Band(name, near.common if close else None, wavelength)
