"""Lists of image names: what they mean, and what is refused."""

from pathlib import Path

import pytest

from datasets.lists import by_lists
from datasets.source import DataError, Item, Listing, Window

ROOT = Path("/data")


def listing(*files: str) -> Listing:
    """Two tiles of each file."""
    items = [
        Item(f"{file}_{x}_0", ROOT / file, None, file, Window(x, 0, 64, 64))
        for file in files
        for x in (0, 64)
    ]
    return Listing("", ("thing",), {"train": tuple(items[:2]), "val": tuple(items[2:])})


LISTING = listing("images/a.tif", "images/b.tif", "images/c.tif", "more/c.tif")


def divided(root: Path, **lists: str) -> Listing:
    """As the lists, given as text, say."""
    for split, text in lists.items():
        (root / f"{split}.txt").write_text(text)
    moved = {
        split: tuple(
            Item(i.name, root / i.image.relative_to(ROOT), None, i.scene, i.window) for i in items
        )
        for split, items in LISTING.splits.items()
    }
    files = {split: Path(f"{split}.txt") for split in lists}
    return by_lists(Listing("", ("thing",), moved), files, root)


@pytest.mark.parametrize("name", ["a", "a.tif", "images/a.tif", "images/a"])
def test_a_line_means_all_tiles_of_an_image_and_train_is_the_rest(
    tmp_path: Path, name: str
) -> None:
    splits = divided(tmp_path, test=f"{name}\n\n").splits
    assert [item.name for item in splits["test"]] == ["images/a.tif_0_0", "images/a.tif_64_0"]
    assert len(splits["train"]) == 6
    assert "val" not in splits


def test_a_line_may_name_one_tile(tmp_path: Path) -> None:
    splits = divided(tmp_path, test="images/a.tif_64_0").splits
    assert [item.name for item in splits["test"]] == ["images/a.tif_64_0"]


def test_images_in_no_list_are_counted(tmp_path: Path) -> None:
    found = divided(tmp_path, train="a", val="b")
    assert found.notes == ("in no list, and unused: 2 images",)
    assert sum(map(len, found.splits.values())) == 4


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"val": "a\nd"}, r"val.txt, line 2: there is no image 'd'"),
        ({"val": "images/aa.tif"}, r"did you mean 'images/a.tif'"),
        ({"val": "c"}, r"'c' means 2 images, such as .*images/c.tif and .*: write its path"),
        ({"val": "a", "test": "b\na.tif"}, r"test.txt, line 2: 'a.tif' is named already in .*val"),
        ({"val": "\n"}, r"val.txt names no image"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(
    tmp_path: Path, lists: dict[str, str], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        divided(tmp_path, **lists)


def test_a_list_that_is_not_there_is_named_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"splits.val: there is no list .*mine.txt"):
        by_lists(Listing("", (), {"train": ()}), {"val": Path("mine.txt")}, tmp_path)
