import re
from pathlib import Path

import pytest

from datasets.source import DataError, Item, Listing
from datasets.splits import Division, complete_splits

ITEMS = tuple(
    Item(name := f"train/image_{n}", Path(f"image_{n}.h5"), None, name) for n in range(1, 101)
)


def names(listing: Listing) -> dict[str, list[str]]:
    return {split: [item.name for item in items] for split, items in listing.splits.items()}


def test_splits_are_disjoint_and_leave_nothing_out() -> None:
    listing = complete_splits(
        Listing("flat", ("thing",), {"train": ITEMS}), Division(0.15, 0.1, seed=0)
    )
    assert {split: len(items) for split, items in listing.splits.items()} == {
        "train": 75,
        "val": 15,
        "test": 10,
    }
    assert {item for items in listing.splits.values() for item in items} == set(ITEMS)
    assert "train 75, val 15, test 10" in listing.notes[0]


def test_splits_do_not_depend_on_the_order_of_the_listing() -> None:
    forward = complete_splits(
        Listing("flat", ("thing",), {"train": ITEMS}), Division(0.15, 0.1, seed=3)
    )
    backward = complete_splits(
        Listing("flat", ("thing",), {"train": ITEMS[::-1]}), Division(0.15, 0.1, seed=3)
    )
    assert names(forward) == names(backward)


def test_splits_are_the_same_on_every_machine_and_differ_by_seed() -> None:
    first, second = (
        names(
            complete_splits(
                Listing("flat", ("thing",), {"train": ITEMS[:10]}), Division(0.2, 0.2, seed)
            )
        )
        for seed in (0, 1)
    )
    assert first["test"] == ["train/image_1", "train/image_9"]
    assert first != second


def test_a_split_that_the_data_bring_stays_as_it_is() -> None:
    brought = {"train": ITEMS[:80], "val": ITEMS[80:]}
    listing = complete_splits(Listing("flat", ("thing",), brought), Division(0.5, 0.25, seed=0))
    assert listing.splits["val"] == ITEMS[80:]
    assert (len(listing.splits["train"]), len(listing.splits["test"])) == (60, 20)


def test_scenes_stay_whole_and_are_what_is_counted() -> None:
    """Ten scenes, of which the first has as many tiles as all others together."""
    items = [
        Item(f"scene_{scene}_{tile}", Path("scene.tif"), None, f"scene_{scene}")
        for scene in range(10)
        for tile in range(9 if scene == 0 else 1)
    ]
    for seed in range(5):
        listing = complete_splits(
            Listing("scenes", ("thing",), {"train": tuple(items)}), Division(0.2, 0.3, seed)
        )
        scenes = {split: {item.scene for item in items} for split, items in listing.splits.items()}
        assert [len(scenes[split]) for split in ("train", "val", "test")] == [5, 2, 3]
        assert set.union(*scenes.values()) == {item.scene for item in items}
        assert sum(len(part) for part in listing.splits.values()) == len(items)


def test_a_split_for_which_there_are_too_few_scenes_says_so() -> None:
    tiles = tuple(Item(f"a_{tile}", Path("a.tif"), None, f"a_{tile % 2}") for tile in range(20))
    with pytest.raises(DataError, match=r"split val has no images \(20 .* images in 2 scenes"):
        complete_splits(Listing("scenes", ("thing",), {"train": tiles}), Division(0.2, 0.2, seed=0))


@pytest.mark.parametrize("fractions", [(0.6, 0.4), (0.0, 0.2), (0.001, 0.2)])
def test_fractions_that_leave_a_split_empty_are_refused(fractions: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="fraction"):
        complete_splits(Listing("flat", ("thing",), {"train": ITEMS}), Division(*fractions))


def rare(*scenes: int) -> dict[str, frozenset[int]]:
    """Class 1 everywhere, class 2 in these scenes only."""
    return {
        item.name: frozenset({1, 2}) if number in scenes else frozenset({1})
        for number, item in enumerate(ITEMS)
    }


def test_a_division_is_drawn_again_until_each_split_has_each_class() -> None:
    held = rare(3, 50, 77)
    pool = Listing("flat", ("common", "rare"), {"train": ITEMS})
    plain = complete_splits(pool, Division(0.15, 0.1))
    drawn = complete_splits(pool, Division(0.15, 0.1), classes_of=held)
    assert all(any(2 in held[item.name] for item in drawn.splits[split]) for split in drawn.splits)
    assert names(drawn) != names(plain)
    assert any(note.startswith("drawn ") for note in drawn.notes)


def test_a_division_that_has_each_class_stays_what_its_names_say() -> None:
    pool = Listing("flat", ("common", "rare"), {"train": ITEMS})
    drawn = complete_splits(pool, Division(0.15, 0.1), classes_of=rare(*range(50)))
    assert drawn == complete_splits(pool, Division(0.15, 0.1))


def test_a_class_of_two_scenes_does_not_make_a_division_drawn_again() -> None:
    """It cannot be in three splits."""
    pool = Listing("flat", ("common", "rare"), {"train": ITEMS})
    drawn = complete_splits(pool, Division(0.15, 0.1), classes_of=rare(3, 50))
    assert drawn == complete_splits(pool, Division(0.15, 0.1))


def test_classes_that_no_draw_can_spread_are_named() -> None:
    """Each scene holds one class, and val and test are one scene each."""
    held = {item.name: frozenset({1 + number // 3}) for number, item in enumerate(ITEMS[:6])}
    pool = Listing("flat", ("first", "second"), {"train": ITEMS[:6]})
    found = complete_splits(pool, Division(1 / 6, 1 / 6), classes_of=held)
    assert re.search(
        r"of 1000 draws none gave each split each class: val has no (\w+); test has no (\w+)",
        found.notes[-1],
    )
