"""Masks, polygons and boxes of one's own, and what does not count."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
import shapely.affinity
from PIL import Image
from pydantic import ValidationError

from datasets import IGNORE, DataError, Tiling, open_split
from datasets.options import Dataset, prepare_dataset
from datasets.raster import OwnData
from datasets.source import Labelled
from tests.datasets.raster.conftest import Opened
from tests.own_rasters import CRS, NAMES, boxes, images, noise, polygons, squares, write


def read(
    opened: Opened, root: Path, name: str, tiling: Tiling | None = None, **keys: Any
) -> Labelled:
    source = opened(**keys)
    listing = source.find(root, tiling)
    item = next(item for item in listing.splits["train"] if item.name == name)
    return source.read(item, listing.classes)


def remade(root: Path, number: int, mask: np.ndarray, **profile: Any) -> None:
    corner = (400_000 + 5000 * number, 5_600_000)
    write(root / "masks" / f"scene_{number}_mask.tif", mask, (), corner, **profile)


def test_values_of_masks_become_class_ids_in_their_order(masked: Path, opened: Opened) -> None:
    for number in range(1, 7):
        remade(masked, number, np.where(squares(number) == 2, 40, squares(number)).astype(np.uint8))
    labelled = read(opened, masked, "scene_1", classes={40: "pond", 1: "field"})
    assert labelled.mask is not None
    assert np.array_equal(labelled.mask == 1, squares(1)[0] == 2)
    assert np.array_equal(labelled.mask == 2, squares(1)[0] == 1)


def test_0_and_255_are_one_class_and_it_is_said(masked: Path, opened: Opened) -> None:
    for number in range(1, 7):
        remade(masked, number, (squares(number) > 0).astype(np.uint8) * 255)
    source = opened()
    assert source.annotations.classes == ("foreground",)
    assert any("255 is taken for a class" in note for note in source.annotations.notes)
    labelled = read(opened, masked, "scene_1")
    assert labelled.mask is not None
    assert np.array_equal(labelled.mask == 1, squares(1)[0] > 0)


def test_an_unknown_value_is_named_with_its_file(masked: Path, opened: Opened) -> None:
    mask = squares(3)
    mask[0, 0, 0] = 7
    remade(masked, 3, mask)
    with pytest.raises(DataError) as error:
        opened(classes={1: "pond", 2: "field"})
    assert "7 (in 1 of 6, masks/scene_3_mask.tif)" in str(error.value)
    assert "dataset.ignore_index: 7" in str(error.value)


def test_declared_nodata_that_is_the_background_counts_and_is_said(
    masked: Path, opened: Opened
) -> None:
    for number in range(1, 7):
        remade(masked, number, squares(number), nodata=0)
    labelled = read(opened, masked, "scene_1")
    assert labelled.mask is not None and (labelled.mask[squares(1)[0] == 0] == 0).all()
    notes = opened().annotations.notes
    assert any("dataset.background: null" in note for note in notes)
    ignored = read(opened, masked, "scene_1", background=None)
    assert ignored.mask is not None and (ignored.mask[squares(1)[0] == 0] == IGNORE).all()


def test_pixels_without_data_are_told_by_what_the_file_declares(
    masked: Path, opened: Opened
) -> None:
    pixels = noise(2)
    pixels[:, :, :10] = 0
    pixels[0, 20:30, 20:30] = 0  # dark in one band, but data
    write(masked / "images" / "scene_2.tif", pixels, NAMES, (410_000, 5_600_000), nodata=0)
    valid = read(opened, masked, "scene_2").valid
    assert valid is not None and not valid[:, :10].any() and valid[:, 10:].all()
    assert read(opened, masked, "scene_1").valid is None


def test_a_tile_beyond_the_border_holds_the_part_inside(masked: Path, opened: Opened) -> None:
    labelled = read(opened, masked, "scene_1_48_48", Tiling(48, 0))
    assert labelled.image.shape == (4, 16, 16) and labelled.mask is not None
    assert np.array_equal(labelled.image, noise(1)[:, 48:, 48:])
    assert np.array_equal(labelled.mask, squares(1)[0, 48:, 48:])


def test_a_mask_beside_its_image_is_refused(masked: Path, opened: Opened) -> None:
    write(masked / "masks" / "scene_1_mask.tif", squares(1), (), (405_005, 5_600_000))
    with pytest.raises(DataError, match=r"lies 0\.5 pixels away"):
        read(opened, masked, "scene_1")


def test_polygons_of_another_reference_system_are_masks_boxes_and_footprints(
    root: Path, opened: Opened
) -> None:
    images(root)
    polygons(root)
    source = opened(class_field="kind")
    assert source.labels == {"masks", "footprints"}
    assert source.annotations.classes == ("field", "pond")
    labelled = read(opened, root, "scene_2", class_field="kind")
    assert labelled.mask is not None and labelled.boxes is not None
    assert (labelled.mask[5:19, 5:19] == 2).all() and (labelled.mask[31:43, 31:49] == 1).all()
    assert labelled.boxes == pytest.approx(np.array([[30, 30, 50, 44], [4, 4, 20, 20]]), abs=0.1)
    assert len(labelled.footprints or ()) == 2


def test_what_is_done_about_odd_polygons_is_remarked(root: Path, opened: Opened) -> None:
    images(root)
    bow_tie = shapely.Polygon([(50, -50), (250, -250), (250, -50), (50, -250)])
    box = shapely.box(60, -240, 240, -60)
    outlines = [shapely.affinity.translate(one, 405_000, 5_600_000) for one in (bow_tie, box, box)]
    pyogrio.raw.write(
        root / "fields.gpkg",
        geometry=shapely.to_wkb(np.array(outlines)),
        field_data=[np.array(["pond", "field", None], dtype=object)],
        fields=["kind"],
        geometry_type="Polygon",
        crs=CRS,
    )
    remark = read(opened, root, "scene_1", class_field="kind").remark
    assert remark.split("; ") == [
        "under a polygon that crosses itself: it is mended",
        "under a polygon that has no kind: it is left out",
        "under a polygon that overlaps one of another class: the smaller is on top",
    ]


def test_polygons_beside_all_images_are_refused_with_both_extents(
    root: Path, opened: Opened
) -> None:
    images(root)
    polygons(root, east=400_000)
    with pytest.raises(DataError, match="lie"):
        opened()


def test_a_class_that_no_polygon_has_is_refused(root: Path, opened: Opened) -> None:
    images(root)
    polygons(root)
    with pytest.raises(DataError, match="no feature has 'lake' in kind; there are field, pond"):
        opened(class_field="kind", classes=["lake"])


def test_boxes_are_read_on_any_bands(root: Path, opened: Opened) -> None:
    images(root)
    boxes(root)
    labelled = read(opened, root, "scene_3")
    assert labelled.image.shape == (4, 64, 64) and labelled.mask is None
    assert labelled.boxes is not None and labelled.boxes.tolist() == [[4, 6, 14, 26]]


def test_boxes_that_are_all_crowds_are_said_to_be(root: Path, opened: Opened) -> None:
    images(root)
    boxes(root)
    content = json.loads((root / "annotations.json").read_text())
    for annotation in content["annotations"]:
        annotation["iscrowd"] = 1
    (root / "annotations.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"is a crowd region .* write iscrowd: 0 if they are"):
        opened()


def test_an_image_without_boxes_is_said_once_and_one_thing_is_not_several(
    root: Path, opened: Opened
) -> None:
    images(root)
    boxes(root)
    content = json.loads((root / "annotations.json").read_text())
    del content["images"][2], content["annotations"][2]
    content["annotations"][0]["iscrowd"] = 1
    (root / "annotations.json").write_text(json.dumps(content))
    notes = opened().find(root, None).notes
    assert len([note for note in notes if "scene_3" in note]) == 1
    assert any(note.startswith("1 crowd region (iscrowd)") for note in notes)


def test_only_the_area_of_interest_counts(masked: Path, opened: Opened) -> None:
    left = 400_000 + 5000
    ring = np.array(shapely.box(left, 5_600_000 - 320, left + 320, 5_600_000).exterior.coords)
    corners = np.column_stack(rasterio.warp.transform(CRS, "EPSG:4326", *ring.T)).tolist()
    area = {"type": "Polygon", "coordinates": [corners]}
    feature = {"type": "Feature", "properties": {}, "geometry": area}
    (masked / "aoi.geojson").write_text(
        json.dumps({"type": "FeatureCollection", "features": [feature]})
    )
    source = opened(aoi="aoi.geojson")
    listing = source.find(masked, Tiling(32, 0))
    assert [item.name for item in listing.splits["train"]] == ["scene_1_0_0"]
    assert any("23 tiles outside the area of interest" in note for note in listing.notes)
    labelled = read(opened, masked, "scene_1", aoi="aoi.geojson")
    assert labelled.valid is not None
    assert labelled.valid[:32, :32].all() and not labelled.valid[33:].any()


def test_a_photograph_is_read_upright(root: Path, opened: Opened) -> None:
    """Its sides are changed by the orientation that its camera wrote."""
    exif = Image.Exif()
    exif[0x0112] = 6
    for number in range(1, 4):
        stored = np.zeros((40, 60, 3), np.uint8)
        stored[:10, :10] = 255
        (root / "images").mkdir(exist_ok=True)
        Image.fromarray(stored).save(root / "images" / f"p{number}.jpg", exif=exif, quality=95)
        mask = np.zeros((60, 40), np.uint8)
        mask[:10, 30:] = 1
        (root / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(root / "masks" / f"p{number}.png")
    labelled = read(opened, root, "p1")
    assert labelled.image.shape == (3, 60, 40) and labelled.mask is not None
    bright = labelled.image.mean(axis=0) > 128
    assert (bright == (labelled.mask == 1)).mean() > 0.98


def test_a_value_that_does_not_count_is_a_value_of_the_masks(masked: Path, tmp_path: Path) -> None:
    """Value 1 is ignored, and 2 and 9 are classes 1 and 2: class id 1 is not."""
    for number in range(1, 7):
        values = squares(number)
        values[:, :4] = 9
        remade(masked, number, values)
    options = Dataset(
        name="raster",
        root=masked,
        image_size=32,
        classes={2: "pond", 9: "road"},
        ignore_index=1,
        leaks="allow",
    )
    split = open_split(prepare_dataset(options, tmp_path / "cache"), "train")
    assert {*np.unique(split.masks).tolist()} == {0, 1, 2, IGNORE}


def test_a_value_cannot_be_a_class_and_not_count(masked: Path, opened: Opened) -> None:
    with pytest.raises(DataError, match="ignore_index: 2 is field"):
        opened(classes={1: "pond", 2: "field"}, ignore_index=2)


@pytest.mark.parametrize("classes", [{"1:pond": None}, {}, "pond", [1, 2]])
def test_classes_that_are_no_names_are_refused_in_a_sentence(classes: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        OwnData(classes=classes)
    (error,) = caught.value.errors()
    assert error["loc"] == ("classes",) and "write names by value" in error["msg"]
