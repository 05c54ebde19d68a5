"""COCO JSON, read from real files; what is wrong with them, said by name."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datasets.coco import Coco
from datasets.samples import coco as synthetic
from datasets.source import DataError, Item, Tiling, Window
from datasets.tiling import windows

SOURCE = Coco()
CLASSES = ("ship", "plane")
Content = dict[str, list[dict[str, Any]]]


def annotation(number: int, image: int, box: list[float], category: int = 3) -> dict[str, Any]:
    return {"id": number, "image_id": image, "category_id": category, "bbox": box, "iscrowd": 0}


def write_image(file: Path, height: int = 40, width: int = 60, bands: int = 3) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(height).integers(0, 255, (height, width, bands), dtype=np.uint8)
    Image.fromarray(pixels.squeeze()).save(file)


def write_json(file: Path, content: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content))
    return file


@pytest.fixture
def content() -> Content:
    """Two images of 40 × 60: a ship and a plane on a.png, nothing on b.png."""
    return {
        "categories": [{"id": 9, "name": "plane"}, {"id": 3, "name": "ship"}],
        "images": [
            {"id": 4, "file_name": "b.png", "width": 60, "height": 40},
            {"id": 70, "file_name": "a.png", "width": 60, "height": 40},
        ],
        "annotations": [
            annotation(1, 70, [10, 20, 15, 10], category=9),
            annotation(2, 70, [0.5, 1.5, 4, 6]),
        ],
    }


@pytest.fixture
def root(tmp_path: Path, content: Content) -> Path:
    """`content` as one JSON file, with its images."""
    write_json(tmp_path / "all.json", content)
    for name in ("a.png", "b.png"):
        write_image(tmp_path / "images" / name)
    return tmp_path


def only(items: tuple[Item, ...], file_name: str) -> Item:
    (item,) = (item for item in items if item.image.name == file_name)
    return item


def refused(root: Path, content: object) -> DataError:
    """What `find` says of other content of the JSON file."""
    write_json(root / "all.json", content)
    with pytest.raises(DataError) as caught:
        SOURCE.find(root, None)
    return caught.value


def test_boxes_are_corners_and_classes_go_by_category_id(root: Path) -> None:
    listing = SOURCE.find(root, None)
    labelled = SOURCE.read(only(listing.splits["train"], "a.png"), listing.classes)
    assert listing.classes == CLASSES
    assert labelled.image.shape == (3, 40, 60) and labelled.mask is None
    assert labelled.boxes is not None and labelled.labels is not None
    assert labelled.boxes.tolist() == [[10, 20, 25, 30], [0.5, 1.5, 4.5, 7.5]]
    assert labelled.labels.tolist() == [2, 1]
    assert (labelled.boxes.dtype.name, labelled.labels.dtype.name) == ("float32", "int64")


def test_annotations_may_come_in_any_order(root: Path, content: Content) -> None:
    first, second = content["annotations"]
    content["annotations"] = [second, annotation(9, 4, [7, 7, 0, 2], category=9), first]
    write_json(root / "all.json", content)
    a, b = SOURCE.find(root, None).splits["train"]
    labelled = SOURCE.read(a, CLASSES)
    assert labelled.labels is not None and labelled.labels.tolist() == [1, 2]
    assert labelled.boxes is not None and labelled.boxes[1].tolist() == [10, 20, 25, 30]
    with pytest.raises(DataError, match="annotation 9 "):
        SOURCE.read(b, CLASSES)


def test_an_image_without_annotations_is_a_scene_without_objects(root: Path) -> None:
    listing = SOURCE.find(root, None)
    assert [item.image.name for item in listing.splits["train"]] == ["a.png", "b.png"]
    labelled = SOURCE.read(only(listing.splits["train"], "b.png"), listing.classes)
    assert labelled.boxes is not None and labelled.boxes.shape == (0, 4)


def test_tiles_show_what_of_the_boxes_lies_in_them(root: Path) -> None:
    listing = SOURCE.find(root, Tiling(24, 4))
    assert [item.window for item in listing.splits["train"][:6]] == windows(40, 60, Tiling(24, 4))
    assert {item.scene for item in listing.splits["train"]} == {"all/a.png", "all/b.png"}
    whole = SOURCE.read(SOURCE.find(root, None).splits["train"][0], CLASSES).image
    found = {}
    for item in listing.splits["train"]:
        tile = SOURCE.read(item, CLASSES)
        x, y, width, height = item.window or (0, 0, 0, 0)
        if item.image.name == "a.png":
            np.testing.assert_array_equal(tile.image, whole[:, y : y + height, x : x + width])
        assert tile.boxes is not None
        found[item.name] = tile.boxes.tolist()
    # Only 1 of the plane's 10 rows lies in the upper tiles' 24 - 20 = 4 that they share with it.
    assert found["all/a.png_0_0"] == [[10, 20, 24, 24], [0.5, 1.5, 4.5, 7.5]]
    assert found["all/a.png_20_0"] == []  # a corner of 5 × 4 of its 15 × 10 pixels: a sliver
    assert found["all/a.png_0_16"] == [[10, 4, 24, 14]]
    assert found["all/a.png_20_16"] == [[0, 4, 5, 14]]
    assert found["all/b.png_36_16"] == []


LAYOUTS = {
    "annotations/instances_{}.json": ["images/{}/{}", "{}/{}", "images/{}_{}", "{}_{}"],
    "annotations/{}.json": ["images/{}/{}"],
    "{}.json": ["{}/{}"],
    "instances_{}.json": ["images/{}/{}"],
}


@pytest.mark.parametrize(
    ("file", "image"), [(file, image) for file, images in LAYOUTS.items() for image in images]
)
@pytest.mark.parametrize("words", [("train", "val", "test"), ("train2017", "validation", "test")])
def test_splits_are_read_where_they_usually_lie(
    tmp_path: Path, content: Content, file: str, image: str, words: tuple[str, ...]
) -> None:
    for word in words:
        for listed in content["images"]:
            path = image.format(word, f"{listed['id']}.png")
            write_image(tmp_path / path)
            listed["file_name"] = path.split("/")[-1]
        write_json(tmp_path / file.format(word), content)
    listing = SOURCE.find(tmp_path, None)
    assert {split: len(items) for split, items in listing.splits.items()} == {
        "train": 2,
        "val": 2,
        "test": 2,
    }
    assert all(
        words[place] in str(item.image.relative_to(tmp_path))
        for place, items in enumerate(listing.splits.values())
        for item in items
    )


def test_coco_s_own_tree_is_read_and_its_captions_are_not(tmp_path: Path, content: Content) -> None:
    write_json(tmp_path / "annotations" / "instances_train2017.json", content)
    for other in ("captions_train2017.json", "train.json"):
        write_json(tmp_path / "annotations" / other, {"no": "boxes"})
    for name in ("a.png", "b.png"):
        write_image(tmp_path / "train2017" / name)
    listing = SOURCE.find(tmp_path, None)
    assert listing.splits.keys() == {"train"}
    assert "captions_train2017.json, train.json" in listing.notes[0]


def test_several_files_of_other_names_are_one_training_set(
    tmp_path: Path, content: Content
) -> None:
    for region in ("north", "south"):
        for image in content["images"]:
            image["file_name"] = f"{region}_{image['id']}.png"
            write_image(tmp_path / "images" / image["file_name"])
        write_json(tmp_path / "annotations" / f"{region}.json", content)
    assert len(SOURCE.find(tmp_path, None).splits["train"]) == 4


def test_files_whose_categories_differ_are_refused(tmp_path: Path, content: Content) -> None:
    write_json(tmp_path / "train.json", content)
    content["categories"][0]["name"] = "boat"
    write_json(tmp_path / "val.json", content)
    with pytest.raises(DataError, match=r"train\.json and val\.json .*'boat'.*'plane'"):
        SOURCE.find(tmp_path, None)


def test_one_image_in_two_splits_is_refused(tmp_path: Path, content: Content) -> None:
    for split in ("train", "val"):
        write_json(tmp_path / f"{split}.json", content)
    for name in ("a.png", "b.png"):
        write_image(tmp_path / "images" / name)
    with pytest.raises(DataError, match=r"a\.png is listed twice: train\.json .*val\.json"):
        SOURCE.find(tmp_path, None)


def test_two_files_for_one_split_are_refused(tmp_path: Path, content: Content) -> None:
    for year in (2014, 2017):
        write_json(tmp_path / "annotations" / f"instances_train{year}.json", content)
    with pytest.raises(DataError, match=r"train2014\.json, instances_train2017\.json"):
        SOURCE.find(tmp_path, None)


def test_files_without_a_training_split_are_refused(tmp_path: Path, content: Content) -> None:
    write_json(tmp_path / "val.json", content)
    for name in ("a.png", "b.png"):
        write_image(tmp_path / name)
    with pytest.raises(DataError, match="to train on"):
        SOURCE.find(tmp_path, None)


def test_crowds_are_left_out_and_counted(root: Path, content: Content) -> None:
    content["annotations"][0]["iscrowd"] = 1
    write_json(root / "all.json", content)
    listing = SOURCE.find(root, None)
    labelled = SOURCE.read(only(listing.splits["train"], "a.png"), CLASSES)
    assert labelled.labels is not None and labelled.labels.tolist() == [1]
    assert "1 crowd region (iscrowd) in all.json left out" in listing.notes[0]


def change(key: str, row: int, **fields: object) -> Callable[[Content], None]:
    return lambda content: content[key][row].update(fields)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (change("annotations", 1, image_id=71), "annotation 2: there is no image 71"),
        (change("annotations", 1, category_id=1), "annotation 2: there is no category 1"),
        (change("annotations", 1, id=1), "annotation id 1 is given 2 times"),
        (change("images", 0, id=70), "image id 70 is given 2 times"),
        (change("images", 0, file_name="a.png"), "file_name a.png is given 2 times"),
        (change("categories", 1, id=9), "category id 9 is given 2 times"),
        (change("categories", 1, name="plane"), "category name plane is given 2 times"),
        (change("annotations", 1, bbox=[1, 2, 3]), "annotation 2: bbox is [1, 2, 3], not a list"),
        (change("annotations", 1, bbox=["1", 2, 3, 4]), "annotation 2: bbox is"),
        (change("annotations", 1, bbox=None), "annotation 2: bbox is null"),
        (change("annotations", 1, category_id="3"), 'annotation 2: category_id is "3"'),
        (change("images", 1, width=None), "image 70: width is null"),
        (change("images", 1, height=True), "image 70: height is true"),
        (lambda content: content["images"][0].pop("id"), "entry 0 of images: id is null"),
        (lambda content: content.pop("annotations"), "has no list 'annotations'"),
        (lambda content: content.pop("categories"), "has no list 'categories'"),
        (lambda content: content["categories"].clear(), "there is no category 9"),
    ],
)
def test_a_wrong_entry_is_named_by_file_and_id(
    root: Path, content: Content, spoil: Callable[[Content], object], fault: str
) -> None:
    spoil(content)
    error = refused(root, content)
    assert str(root / "all.json") in str(error) and fault in str(error)
    assert fault in error.problems[0].reason


def test_what_is_not_json_is_refused_by_name(root: Path) -> None:
    (root / "all.json").write_text('{"images": [')
    with pytest.raises(DataError, match=r"all\.json cannot be read"):
        SOURCE.find(root, None)
    assert "has no list 'categories'" in str(refused(root, [1, 2]))


def test_every_missing_image_is_named_and_none_is_looked_for_outside(
    root: Path, content: Content
) -> None:
    outside = root.parent / "outside.png"
    write_image(outside)
    (root / "images" / "a.png").unlink()
    content["images"].append(
        {"id": 5, "file_name": f"../{outside.name}", "width": 60, "height": 40}
    )
    write_json(root / "all.json", content)
    listing = SOURCE.find(root, None)
    missing, beyond = listing.problems
    assert missing == (root / "a.png", "is listed in all.json, but not in images, .")
    assert beyond.file == root / "all.json" and f"lists ../{outside.name}" in beyond.reason
    assert [item.image.name for item in listing.splits["train"]] == ["b.png"]


def test_a_folder_of_json_beside_its_images_is_read_as_it_is(root: Path, content: Content) -> None:
    """As Roboflow writes it, with a category 0 above all others."""
    for one in content["categories"]:
        one["supercategory"] = "things"
    content["categories"].append({"id": 0, "name": "things", "supercategory": "none"})
    for split in ("train", "valid", "test"):
        shutil.copytree(root / "images", root / split)
        write_json(root / split / "_annotations.coco.json", content)
    shutil.rmtree(root / "images")
    (root / "all.json").unlink()
    listing = SOURCE.find(root, None)
    assert list(listing.splits) == ["train", "val", "test"] and listing.classes == CLASSES
    assert listing.notes == ("category 0, 'things', is not used by any annotation and no class",)
    items = [item for items in listing.splits.values() for item in items]
    assert len({item.name for item in items}) == len({item.image for item in items}) == len(items)
    (item,) = (one for one in listing.splits["val"] if one.image == root / "valid" / "a.png")
    labels = SOURCE.read(item, listing.classes).labels
    assert labels is not None and labels.tolist() == [2, 1]


def test_annotations_that_are_all_crowd_are_said_to_be(root: Path, content: Content) -> None:
    for one in content["annotations"]:
        one["iscrowd"] = 1
    write_json(root / "all.json", content)
    assert "write iscrowd: 0" in SOURCE.find(root, None).notes[0]


def test_categories_that_differ_only_in_case_or_blanks_are_refused(
    root: Path, content: Content
) -> None:
    content["categories"].append({"id": 99, "name": f"{CLASSES[0].upper()} "})
    assert "differ only in case or blanks: give both one name" in str(refused(root, content))


@pytest.mark.parametrize(
    ("box", "fault"),
    [
        ([10, 10, 0, 5], "annotation 2 (10, 10, 10, 15) is empty or reversed"),
        ([10, 10, 5, -1], "annotation 2 (10, 10, 15, 9) is empty or reversed"),
        ([float("nan"), 10, 5, 5], "annotation 2 (nan, 10, nan, 15) is not all numbers"),
        ([10, 10, float("inf"), 5], "annotation 2 (10, 10, inf, 15) is not all numbers"),
        ([50, 10, 12, 5], "annotation 2 (50, 10, 62, 15) is out of the image"),
        ([10, -3, 12, 5], "annotation 2 (10, -3, 22, 2) is out of the image"),
        ([60, 10, 0.5, 5], "annotation 2 (60, 10, 60.5, 15) is out of the image"),
    ],
)
@pytest.mark.parametrize("tiling", [None, Tiling(24, 4)])
def test_a_wrong_box_makes_its_image_unusable_and_no_other(
    root: Path, content: Content, box: list[float], fault: str, tiling: Tiling | None
) -> None:
    content["annotations"][1]["bbox"] = box
    write_json(root / "all.json", content)
    items = SOURCE.find(root, tiling).splits["train"]
    with pytest.raises(DataError) as caught:
        SOURCE.read(items[0], CLASSES)
    (problem,) = caught.value.problems
    assert problem.file == root / "images" / "a.png" and fault in problem.reason
    SOURCE.read(items[-1], CLASSES)


def test_a_box_that_rounding_put_over_the_border_is_cut(root: Path, content: Content) -> None:
    content["annotations"][1]["bbox"] = [-0.6, 30, 61.2, 10.9]
    write_json(root / "all.json", content)
    labelled = SOURCE.read(SOURCE.find(root, None).splits["train"][0], CLASSES)
    assert labelled.boxes is not None and labelled.boxes[1].tolist() == [0, 30, 60, 40]


def test_an_image_of_another_size_than_its_json_says_is_refused(
    root: Path, content: Content
) -> None:
    content["images"][1].update(height=60, width=40)
    write_json(root / "all.json", content)
    item = SOURCE.find(root, None).splits["train"][0]
    with pytest.raises(DataError, match=r"a\.png is 40 × 60 .* of 60 × 40"):
        SOURCE.read(item, CLASSES)


def test_a_damaged_image_is_named_when_it_is_read(root: Path) -> None:
    (root / "images" / "a.png").write_bytes(b"no image")
    damaged, *others = SOURCE.find(root, Tiling(24, 4)).splits["train"]
    assert damaged.window is None and len(others) == 6
    with pytest.raises(DataError, match=r"a\.png cannot be read"):
        SOURCE.read(damaged, CLASSES)


def test_a_json_that_changed_is_read_again(root: Path, content: Content) -> None:
    item = SOURCE.find(root, None).splits["train"][0]
    SOURCE.read(item, CLASSES)
    content["annotations"][0]["category_id"] = 3  # as many bytes as before
    changed = write_json(root / "all.json", content).stat()
    os.utime(root / "all.json", ns=(changed.st_atime_ns, changed.st_mtime_ns + 1))
    labelled = SOURCE.read(item, CLASSES)
    assert labelled.labels is not None and labelled.labels.tolist() == [1, 1]


def test_of_a_wrong_root_the_error_names_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"annotations/instances_\{train,val,test\}\.json"):
        SOURCE.find(tmp_path, None)
    with pytest.raises(DataError, match="is not a folder"):
        SOURCE.find(tmp_path / "nowhere", None)
    for name in ("one", "two"):
        write_json(tmp_path / f"{name}.json", {})
    with pytest.raises(DataError, match=r"one\.json, two\.json"):
        SOURCE.find(tmp_path, None)


def test_the_sample_is_several_classes_in_scenes_worth_cutting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "SCENES", {"train": 2, "val": 1, "test": 1})
    SOURCE.write_sample(tmp_path, seed=0)
    listing = SOURCE.find(tmp_path, Tiling(256, 32))
    assert {split: len(items) for split, items in listing.splits.items()} == {
        "train": 18,
        "val": 9,
        "test": 9,
    }
    labels = [
        label
        for items in listing.splits.values()
        for item in items
        for label in np.array(SOURCE.read(item, listing.classes).labels)
    ]
    assert set(np.bincount(labels, minlength=4)[1:] > 0) == {True}
    assert Window(256, 256, 256, 256) in {item.window for item in listing.splits["train"]}
