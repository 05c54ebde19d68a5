"""Which files belong together: by name, never by order."""

from pathlib import Path

import pytest

from datasets import DataError
from datasets.raster.layout import look, stripped


def touch(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


def paired(root: Path, images: str | None = None, labels: str | None = None) -> dict[str, str]:
    layout = look(root, images, labels)
    assert layout.paired is not None
    return {
        layout.images[key].relative_to(root).as_posix(): label.relative_to(root).as_posix()
        for key, label in layout.paired.items()
    }


def test_image_1_is_not_image_10(root: Path) -> None:
    touch(root, *(f"images/image_{number}.tif" for number in (1, 2, 10)))
    touch(root, *(f"masks/image_{number}.png" for number in (10, 2, 1)))
    assert paired(root) == {
        f"images/image_{number}.tif": f"masks/image_{number}.png" for number in (1, 2, 10)
    }


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/a.tif", "masks/a_mask.tif"),
        ("images/a.tif", "masks/a.mask.png"),
        ("images/a.tif", "masks/mask_a.tif"),
        ("images/a_merged.tif", "masks/a_label.tif"),
        ("images/img_a.tif", "masks/gt_a.tif"),
        ("img_dir/a.png", "ann_dir/a.png"),
        ("a.tif", "a_mask.tif"),
    ],
)
def test_known_words_are_taken_off(root: Path, image: str, label: str) -> None:
    touch(root, image, label)
    assert paired(root) == {image: label}


def test_words_within_a_name_stay() -> None:
    assert stripped("mask_of_lake_mask", "masks?") == "of_lake"
    assert stripped("unmask", "masks?") == "unmask"


@pytest.mark.parametrize(
    "pattern",
    ["{split}/images/a.tif {split}/masks/a.tif", "img_dir/{split}/a.tif ann_dir/{split}/a.tif"],
)
def test_folders_may_say_the_split(root: Path, pattern: str) -> None:
    for split in ("train", "valid", "test"):
        touch(root, *pattern.format(split=split).split())
    layout = look(root, None, None)
    assert layout.splits is not None
    assert sorted(layout.splits.values()) == ["test", "train", "val"]
    assert {image.split("/")[-1] for image in paired(root)} == {"a.tif"}
    assert len(paired(root)) == 3


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["masks/b.tif"], "labels have no image of their name (masks/b.tif)"),
        (["images/b.tif"], "images have no label (b)"),
        (["masks/a_mask.tif"], "a (masks/a.tif, masks/a_mask.tif)"),
        (["labels/a.gpkg", "x.geojson"], None),
    ],
)
def test_what_has_no_partner_or_two_is_named(
    root: Path, files: list[str], message: str | None
) -> None:
    touch(root, "images/a.tif", "masks/a.tif", *files)
    if message is None:
        assert paired(root) == {"images/a.tif": "masks/a.tif"}
        return
    with pytest.raises(DataError) as error:
        look(root, None, None)
    assert message in str(error.value)


def test_some_images_in_folders_of_splits_are_refused(root: Path) -> None:
    touch(root, "images/train/a.tif", "masks/train/a.tif", "images/b.tif", "masks/b.tif")
    with pytest.raises(DataError, match="1 images lie in folders of splits and 1 do not"):
        look(root, None, None)


def test_an_area_of_interest_is_no_label(root: Path) -> None:
    touch(root, "a.tif", "a_mask.tif", "aoi.geojson")
    assert look(root, None, None, "aoi.geojson").kind == "masks"


def test_a_pattern_that_matches_nothing_says_what_is_there(root: Path) -> None:
    touch(root, "images/a.tif", "masks/a.tif")
    with pytest.raises(DataError, match=r"no file of .* is called imags/\*\.tif.*\.tif files"):
        look(root, "imags/*.tif", None)


def test_an_empty_folder_says_what_is_looked_for(root: Path) -> None:
    with pytest.raises(DataError, match=r"\(it is empty\); looked for images/ beside masks/"):
        look(root, None, None)
