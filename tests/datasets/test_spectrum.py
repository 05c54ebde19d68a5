"""What bands measure, by name, sensor and wavelength."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.spectrum import SENSORS, WORDS, as_bands, band, folded


@pytest.mark.parametrize(
    ("name", "common"),
    [
        ("red", "red"),
        ("RED", "red"),
        ("R", "red"),
        ("B04", "red"),
        ("B8A", "nir08"),
        ("b08", "nir"),
        ("SR_B4", "red"),
        ("SR_B5", "nir08"),
        ("Coastal Blue", "coastal"),
        ("VV", "vv"),
        ("swir_2", "swir22"),
    ],
)
def test_a_common_spelling_is_known(name: str, common: str) -> None:
    assert band(name).common == common
    assert band(name).name == name


@pytest.mark.parametrize("name", ["B4", "B5", "B11", "slope", "DEM", "band 1"])
def test_what_several_sensors_call_their_own_is_not_known_without_one(name: str) -> None:
    assert band(name) == (name, None, None, None, None)


def test_the_sensor_says_what_its_bands_are() -> None:
    found = [band("B5", sensor) for sensor in ("sentinel-2", "landsat-8", "landsat-7")]
    assert [one.common for one in found] == ["rededge071", "nir08", "swir16"]
    assert [one.wavelength for one in found] == [0.705, 0.865, 1.65]
    assert band("slope", "sentinel-2").common is None


def test_radar_has_no_wavelength() -> None:
    assert all(one.wavelength is None for one in SENSORS["sentinel-1"])


def test_a_wavelength_that_is_told_goes_before_the_name() -> None:
    found = band("B5", None, {"B5": 0.705})
    assert (found.common, found.wavelength, found.width) == ("rededge071", 0.705, None)
    assert band("x", None, {"x": 3.7}).key == "x"


@given(st.sampled_from([(sensor, one) for sensor, bands in SENSORS.items() for one in bands]))
def test_every_band_of_a_sensor_is_found_by_its_own_name(found) -> None:
    sensor, one = found
    assert band(one.name.lower(), sensor)[1:] == one[1:]


def test_no_sensor_has_a_band_twice() -> None:
    for bands in SENSORS.values():
        assert len({one.common for one in bands}) == len({folded(one.name) for one in bands}) or (
            bands is SENSORS["landsat-7"]  # one thermal band at two gains
        )


def test_words_are_their_own_common_names() -> None:
    assert all(band(name).common == name for name in WORDS)


def test_a_number_of_bands_is_of_bands_of_which_nothing_is_known() -> None:
    assert [one.common for one in as_bands(2)] == [None, None]
