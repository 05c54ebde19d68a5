"""EuroSAT: folders of its classes, and the lists of its splits."""

from pathlib import Path

import pytest

from datasets import DATASETS, DataError, sample

EUROSAT = DATASETS["eurosat"]


def test_patches_are_of_the_class_of_their_folder_and_lie_on_earth(cache: Path) -> None:
    listing = EUROSAT.find(sample("eurosat", cache), None)
    assert listing.classes == ("AnnualCrop", "Forest", "HerbaceousVegetation", "River")
    item = next(item for item in listing.splits["train"] if item.name == "River_7")
    labelled = EUROSAT.read(item, listing.classes)
    assert labelled.image_labels is not None
    assert labelled.image_labels.tolist() == [4]
    assert (labelled.image.shape, labelled.image.dtype) == ((13, 64, 64), "uint16")
    assert labelled.place is not None


def patches(root: Path, *names: str) -> None:
    for name in names:
        folder = root / "ds" / name.partition("_")[0]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.tif").touch()


def test_lists_divide_the_patches(tmp_path: Path) -> None:
    """They name pictures, as those that are published do."""
    patches(tmp_path, "Forest_1", "Forest_2", "Forest_10", "River_1", "River_2")
    for split, names in {
        "train": "Forest_10 Forest_2",
        "val": "Forest_1",
        "test": "River_1",
    }.items():
        text = "".join(f"{name}.jpg\n" for name in names.split())
        (tmp_path / f"eurosat-{split}.txt").write_text(text)
    listing = EUROSAT.find(tmp_path, None)
    found = {split: [item.name for item in items] for split, items in listing.splits.items()}
    assert found == {"train": ["Forest_2", "Forest_10"], "val": ["Forest_1"], "test": ["River_1"]}
    assert listing.notes == ("in no list, and unused: 1 image",)


@pytest.mark.parametrize(
    ("lists", "fault"),
    [
        ({"train": "Forest_1"}, r"has eurosat-train\.txt, but not eurosat-val\.txt, eurosat-test"),
        ({"train": "Forest_1", "val": "Forest_1", "test": "River_1"}, "names Forest_1, which"),
    ],
)
def test_wrong_lists_are_refused(tmp_path: Path, lists: dict[str, str], fault: str) -> None:
    patches(tmp_path, "Forest_1", "River_1")
    for split, name in lists.items():
        (tmp_path / f"eurosat-{split}.txt").write_text(name)
    with pytest.raises(DataError, match=fault):
        EUROSAT.find(tmp_path, None)


def test_other_folders_of_classes_are_not_eurosat(tmp_path: Path) -> None:
    for name in ("Forest", "River"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.tif").touch()
    with pytest.raises(DataError, match="has no folders of its classes"):
        EUROSAT.find(tmp_path, None)
