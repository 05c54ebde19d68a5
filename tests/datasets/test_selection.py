"""A study that drops images without objects drops them before it shares out the rest."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets import DataError, Division, Item, Prepared, open_split
from tests.datasets.conftest import StoredSource


@pytest.mark.parametrize("again", [False, True])
def test_images_without_objects_take_no_part_in_a_split_made_anew(
    hub_root: Path, prepare_rgb: Callable[..., Prepared], again: bool
) -> None:
    everything = prepare_rgb(root=hub_root)
    kept = prepare_rgb(
        root=hub_root, with_objects_only=True, division=Division(0.25, 0.25, remake=True)
    )
    if again:  # from what was found the first time
        kept = prepare_rgb(
            root=hub_root, with_objects_only=True, division=Division(0.25, 0.25, remake=True)
        )
    assert kept.counts == kept.positives
    assert sum(kept.counts.values()) == everything.positives["train"]
    names = [name for split in kept.counts for name in open_split(kept, split).names]
    assert all(name.startswith("train/") for name in names)
    left_out = everything.counts["train"] - everything.positives["train"]
    assert any(note.startswith(f"{left_out} images without an object") for note in kept.notes)


class Told(StoredSource):
    """Tells the classes of an item: 3 in the last three of eight scenes, else 1."""

    asked = 0

    def classes_in(self, item: Item, classes: tuple[str, ...]) -> frozenset[int]:
        self.asked += 1
        if item.name == "train_0":
            raise DataError("its labels cannot be read")
        return frozenset({3} if item.name >= "train_5" else {1})


def test_classes_are_looked_up_once_and_spread_over_the_splits(
    prepare_stored: Callable[..., Prepared], tmp_path: Path
) -> None:
    source = Told("masks", "boxes")
    root = tmp_path / "data"
    root.mkdir()
    for number in range(8):
        image = np.random.default_rng(number).integers(1, 200, (3, 64, 64), np.uint8)
        source.write(root, f"train_{number}", image)
    division = Division(0.25, 0.25, remake=True)
    prepared = prepare_stored(source, root, division=division)
    names = {split: open_split(prepared, split).names for split in prepared.counts}
    assert all(any(name >= "train_5" for name in of_split) for of_split in names.values())
    assert prepare_stored(source, root, division=division).fingerprint == prepared.fingerprint
    assert source.asked == 8
