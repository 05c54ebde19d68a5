"""Labels of tiles lie where the tiles are, and say how sure the model is."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pyogrio
import pytest
import shapely
from rasterio import Affine

from deploy.errors import ModelError
from deploy.maps.images import open_image
from deploy.maps.predict import predict_files
from deploy.predictor import Predictor
from deploy.results import TileLabels
from deploy.serving.answers import labels_of_tiles
from deploy.trained import Trained

UTM = "EPSG:32633"
NORTH_UP = Affine(0.5, 0, 412345.0, 0, -0.5, 5654321.0)
HOUSE = (40, 10, 50, 20)

Knowing = Callable[..., Trained]
WriteImage = Callable[..., Path]


def test_each_tile_has_a_line_with_its_window_and_label(
    knowing: Knowing, write_image: WriteImage, tmp_path: Path
) -> None:
    """Tiles of 32 px lie side by side; the last of a row is shifted back to the border."""
    scene = write_image(32, 80, [HOUSE], NORTH_UP, UTM)
    (file,) = predict_files(knowing("classification"), [scene], tmp_path, None)
    assert file.name == "scene.labels.csv"
    with file.open(newline="") as opened:
        lines = list(csv.DictReader(opened))
    assert [(line["x"], line["label"]) for line in lines] == [
        ("0", "water"),
        ("32", "landslide"),
        ("48", "landslide"),
    ]
    assert lines[0] == {
        **{"x": "0", "y": "0", "width": "32", "height": "32", "label": "water"},
        **{"landslide": "0.1000", "water": "0.7000"},
    }


def test_outlines_lie_on_their_tiles(
    knowing: Knowing, write_image: WriteImage, tmp_path: Path
) -> None:
    """Read by another library, as a GIS would."""
    scene = write_image(32, 64, [HOUSE], NORTH_UP, UTM)
    _, file = predict_files(knowing("classification"), [scene], tmp_path, "geojson")
    meta, _, outlines, fields = pyogrio.raw.read(file)
    assert meta["crs"] == UTM
    found = {name: values.tolist() for name, values in zip(meta["fields"], fields, strict=True)}
    assert found["label"] == ["water", "landslide"]
    assert json.loads(found["confidences"][1]) == {"landslide": 0.7, "water": 0.1}
    assert shapely.bounds(shapely.from_wkb(outlines[1])).tolist() == [
        *(412345.0 + 16, 5654321.0 - 16),
        *(412345.0 + 32, 5654321.0),
    ]


@pytest.mark.parametrize(
    ("multi_label", "threshold", "label"),
    [(False, 0.65, "water"), (False, 0.75, ""), (True, 0.05, "landslide|water")],
)
def test_a_threshold_takes_labels_away_and_of_several_gives_more(
    knowing: Knowing,
    write_image: WriteImage,
    tmp_path: Path,
    multi_label: bool,
    threshold: float,
    label: str,
) -> None:
    trained = knowing("classification")
    object.__setattr__(
        trained, "data", trained.data.model_copy(update={"multi_label": multi_label})
    )
    scene = write_image(32, 32, [], NORTH_UP, UTM)
    (file,) = predict_files(trained, [scene], tmp_path, None, threshold=threshold)
    assert file.read_text().splitlines()[1].split(",")[4] == label


def test_an_image_smaller_than_a_tile_is_one(knowing: Knowing, write_image: WriteImage) -> None:
    scene = write_image(20, 24, [], NORTH_UP, UTM)
    found = Predictor(knowing("classification")).predict(scene)
    assert isinstance(found, TileLabels)
    assert found.windows.tolist() == [[0, 0, 24, 20]]
    assert found.labels == (("water",),)
    assert found.names == ("landslide", "water")


def test_a_server_answers_with_the_same(knowing: Knowing, write_image: WriteImage) -> None:
    trained = knowing("classification")
    scene = write_image(32, 64, [HOUSE], NORTH_UP, UTM)
    with open_image(scene, trained.data) as image:
        answer = json.loads(labels_of_tiles(image, trained, trained.find))
    labels = [feature["properties"]["label"] for feature in answer["features"]]
    assert labels == ["water", "landslide"]


def test_labels_are_no_geopackage(
    knowing: Knowing, write_image: WriteImage, tmp_path: Path
) -> None:
    scene = write_image(32, 32, [], NORTH_UP, UTM)
    with pytest.raises(ModelError, match="as a table or geojson, not as gpkg"):
        list(predict_files(knowing("classification"), [scene], tmp_path, "gpkg"))
