"""Layers of vector files, written by GDAL in each of the usual formats."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from datasets.layers import describe_vector, field_values, records_in
from datasets.source import DataError

DRIVERS = {
    "a.gpkg": "GPKG",
    "a.fgb": "FlatGeobuf",
    "a.shp": "ESRI Shapefile",
    "a.geojson": "GeoJSON",
}
SQUARES = [shapely.box(x, 0, x + 1, 1) for x in (0, 5, 10)]


def write(
    file: Path,
    shapes: Sequence[BaseGeometry] = SQUARES,
    values: Sequence[object] = ("field_10", "field_2", "field_2"),
    *,
    layer: str = "parcels",
    crs: str | None = "EPSG:4326",
    append: bool = False,
) -> Path:
    kinds = {shape.geom_type for shape in shapes}
    pyogrio.raw.write(
        file,
        shapely.to_wkb(np.array(shapes, dtype=object)),
        [np.array(values)],
        ["kind"],
        layer=layer,
        driver=DRIVERS.get(file.name, "GPKG"),
        geometry_type=kinds.pop() if len(kinds) == 1 else "Unknown",
        crs=crs,
        append=append,
    )
    return file


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
class TestHeader:
    """What is said of a layer, and refused, before its features are read."""

    @pytest.mark.parametrize("name", DRIVERS)
    def test_says_what_the_layer_holds(self, name: str, tmp_path: Path) -> None:
        vector = describe_vector(write(tmp_path / name))
        assert (vector.features, vector.bounds) == (3, (0, 0, 11, 1))
        assert vector.fields == ("kind",) and vector.geometry == "Polygon"
        assert "WGS 84" in vector.crs

    def test_one_of_several_layers_must_be_named(self, tmp_path: Path) -> None:
        file = write(tmp_path / "a.gpkg")
        write(file, SQUARES[:1], ["x"], layer="roads", append=True)
        with pytest.raises(DataError, match="several layers: name one of parcels, roads"):
            describe_vector(file)
        with pytest.raises(DataError, match="did you mean 'parcels'"):
            describe_vector(file, "parcel")
        assert describe_vector(file, "roads").features == 1

    def test_points_and_lines_are_refused(self, tmp_path: Path) -> None:
        file = write(tmp_path / "a.gpkg", [shapely.Point(0, 0)], ["x"])
        with pytest.raises(DataError, match="holds Point features in 'parcels'"):
            describe_vector(file)

    def test_a_layer_without_reference_system_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="has no coordinate reference system"):
            describe_vector(write(tmp_path / "a.shp", crs=None))

    @pytest.mark.parametrize("text", ["", "no vector data"])
    def test_what_gdal_cannot_read_is_refused(self, text: str, tmp_path: Path) -> None:
        file = tmp_path / "a.geojson"
        file.write_text(text)
        with pytest.raises(DataError, match=r"a\.geojson cannot be read"):
            describe_vector(file)

    def test_a_layer_without_features_has_no_bounds(self, tmp_path: Path) -> None:
        file = tmp_path / "a.geojson"
        file.write_text('{"type": "FeatureCollection", "features": []}')
        vector = describe_vector(file)
        assert (vector.features, vector.bounds) == (0, None)
        assert len(records_in(vector, "kind", [(0, 0, 1, 1)]).ids) == 0


def test_values_are_counted_in_natural_order(tmp_path: Path) -> None:
    vector = describe_vector(write(tmp_path / "a.gpkg"))
    assert list(field_values(vector, "kind").items()) == [("field_2", 2), ("field_10", 1)]


def test_whole_numbers_have_no_point_and_nulls_are_no_value(tmp_path: Path) -> None:
    """A null among whole numbers makes GDAL's integers floats."""
    vector = describe_vector(write(tmp_path / "a.gpkg", values=[1.0, np.nan, 2.5]))
    assert field_values(vector, "kind") == {"1": 1, "2.5": 1}


def test_a_field_that_is_not_there_is_named(tmp_path: Path) -> None:
    vector = describe_vector(write(tmp_path / "a.gpkg"))
    with pytest.raises(DataError, match="has no field 'kinds' in 'parcels'; did you mean 'kind'"):
        field_values(vector, "kinds")


@pytest.mark.parametrize("name", DRIVERS)
def test_features_are_found_by_box_with_an_index_and_without(name: str, tmp_path: Path) -> None:
    vector = describe_vector(write(tmp_path / name))
    assert vector.indexed == (name in ("a.gpkg", "a.fgb"))
    found = records_in(vector, "kind", [(4, 0, 6, 1), (5.5, 0, 12, 1)])
    assert sorted(shape.bounds[0] for shape in found.shapes) == [5, 10]
    assert list(found.values) == ["field_2", "field_2"]


def test_of_an_indexed_file_only_the_box_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vector = describe_vector(write(tmp_path / "a.gpkg"))
    read = pyogrio.raw.read
    counts = []

    def counted(*args: object, **options: object) -> object:
        result = read(*args, **options)
        counts.append(len(result[1]))
        return result

    monkeypatch.setattr(pyogrio.raw, "read", counted)
    records_in(vector, None, [(4, 0, 6, 1)])
    assert counts == [1]
