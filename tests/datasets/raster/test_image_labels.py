"""Labels of whole images: folders of classes, tables, and points."""

from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely

from datasets import DataError, Tiling, open_split
from datasets.options import Dataset, prepare_dataset
from datasets.source import Labelled
from tests.datasets.raster.conftest import Opened
from tests.own_rasters import CRS, NAMES, images, noise, write


def labels_of(opened: Opened, root: Path, tiling: Tiling | None = None, **keys: Any) -> Any:
    """The names of the classes of each item, by its name."""
    source = opened(**keys)
    listing = source.find(root, tiling)

    def named(labelled: Labelled) -> set[str]:
        assert labelled.image_labels is not None
        return {listing.classes[number - 1] for number in labelled.image_labels}

    return {
        item.name: named(source.read(item, listing.classes))
        for items in listing.splits.values()
        for item in items
    }


def in_folders(root: Path, prefix: str = "", first: int = 0) -> None:
    for number, name in enumerate(("forest", "forest", "water", "water"), 1):
        corner = (400_000 + 5000 * (number + first), 5_600_000)
        file = root / prefix / name / f"{number}.tif"
        write(file, noise(number + first, 40, 48), NAMES, corner)


def points(root: Path, places: list[tuple[float, float, str | None]]) -> None:
    """A GeoJSON file of points, metres east and south of the first scene, in its system."""
    pyogrio.raw.write(
        root / "points.geojson",
        geometry=shapely.to_wkb([shapely.Point(405_000 + x, 5_600_000 - y) for x, y, _ in places]),
        field_data=[np.array([kind for *_, kind in places], dtype=object)],
        fields=["kind"],
        geometry_type="Point",
        crs=CRS,
        driver="GeoJSON",
    )


def test_folders_are_the_classes_of_the_images_in_them(opened: Opened, root: Path) -> None:
    in_folders(root)
    assert labels_of(opened, root) == {
        "forest/1": {"forest"},
        "forest/2": {"forest"},
        "water/3": {"water"},
        "water/4": {"water"},
    }


def test_folders_of_splits_above_classes_are_no_classes(opened: Opened, root: Path) -> None:
    for first, split in enumerate(("train", "val", "test")):
        in_folders(root, split, 10 * first)
    listing = opened().find(root, None)
    assert listing.classes == ("forest", "water")
    assert {split: len(items) for split, items in listing.splits.items()} == {
        "train": 4,
        "val": 4,
        "test": 4,
    }


def test_folders_beside_other_files_must_be_asked_for(opened: Opened, root: Path) -> None:
    in_folders(root)
    (root / "readme.txt").write_text("1 0.5 0.5 0.1 0.1")
    with pytest.raises(DataError):
        opened()
    assert len(labels_of(opened, root, labels="*/")) == 4


def test_a_table_gives_each_image_one_label_or_several(opened: Opened, root: Path) -> None:
    images(root)
    lines = ("scene_1.tif,pond", "scene_2,pond|field", "scene_3.tif,", "scene_4.tif,field")
    (root / "labels.csv").write_text("\n".join(("Image,label", *lines, "scene_4.tif,pond")))
    assert labels_of(opened, root) == {
        "scene_1": {"pond"},
        "scene_2": {"pond", "field"},
        "scene_3": set(),
        "scene_4": {"pond", "field"},
    }
    notes = opened().find(root, None).notes
    assert any("2 of 6 images have no label (CSV): images/scene_5.tif" in note for note in notes)


def test_chosen_classes_leave_the_images_of_others_out(opened: Opened, root: Path) -> None:
    images(root)
    lines = [f"scene_{number}.tif,{kind}" for number, kind in enumerate("aabbc", 1)]
    (root / "labels.csv").write_text("\n".join(("image,label", *lines)))
    found = labels_of(opened, root, classes={"b": "barley", "a": "apple"})
    assert [*found.values()] == [{"apple"}, {"apple"}, {"barley"}, {"barley"}]
    with pytest.raises(DataError, match=r"there is no label 'd'; there are: a, b, c"):
        opened(classes=["a", "d"])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("image,label\n,forest", r"labels.csv names no image, or has too few fields, in line 2"),
        ("picture,label\na,forest", "has no column image or none label"),
        ("image,label\nnowhere.tif,forest", "no image has a label"),
    ],
)
def test_a_wrong_table_is_refused(opened: Opened, root: Path, text: str, fault: str) -> None:
    images(root)
    (root / "labels.csv").write_text(text)
    with pytest.raises(DataError, match=fault):
        opened()


def test_a_point_labels_the_tile_that_it_lies_in(opened: Opened, root: Path) -> None:
    """Tiles of 32 pixels are 320 m wide; the border belongs to the tile right of it and below."""
    images(root)
    points(root, [(5, 5, "pond"), (315, 10, "field"), (320, 10, "pond"), (10, 630, "other")])
    found = labels_of(opened, root, Tiling(32, 0), class_field="kind", classes=["pond", "field"])
    assert found == {"scene_1_0_0": {"pond", "field"}, "scene_1_0_32": {"pond"}}


def test_points_need_the_field_of_their_class(opened: Opened, root: Path) -> None:
    images(root)
    points(root, [(5, 5, "pond")])
    with pytest.raises(DataError, match=r"dataset\.class_field: one of kind"):
        opened()


def test_whole_images_are_not_cut(root: Path, tmp_path: Path) -> None:
    in_folders(root)
    options = {"name": "raster", "root": root, "image_size": 32, "tile": 32}
    with pytest.raises(DataError, match="the labels are of whole images, which are not cut"):
        prepare_dataset(Dataset.model_validate(options), tmp_path / "cache")


def test_one_class_alone_is_nothing_to_tell_apart(root: Path, tmp_path: Path) -> None:
    images(root)
    lines = [f"scene_{number}.tif,pond" for number in range(1, 7)]
    (root / "labels.csv").write_text("\n".join(("image,label", *lines)))
    options = Dataset.model_validate({"name": "raster", "root": root, "image_size": 32})
    with pytest.raises(DataError, match="every image is pond"):
        prepare_dataset(options, tmp_path / "cache")


def test_the_cache_keeps_the_labels_of_each_image(root: Path, tmp_path: Path) -> None:
    images(root)
    lines = [f"scene_{n}.tif,{kind}" for n, kind in enumerate(("a", "b", "a|b", "", "b", "a"), 1)]
    (root / "labels.csv").write_text("\n".join(("image,label", *lines)))
    options = Dataset.model_validate(
        {"name": "raster", "root": root, "image_size": 32, "splits": {"val": 0.2, "test": 0.2}}
    )
    data = prepare_dataset(options, tmp_path / "cache")
    assert data.multi_label
    assert any("an image has 0 to 2 of the classes" in note for note in data.notes)
    kept = {}
    for split in data.counts:
        opened = open_split(data, split)
        assert opened.image_labels is not None
        kept |= dict(zip(opened.names, opened.image_labels.tolist(), strict=True))
        assert data.class_images[split] == tuple(opened.image_labels.sum(axis=0))
    assert kept["scene_3"] == [True, True]
    assert kept["scene_4"] == [False, False]
    assert kept["scene_6"] == [True, False]
