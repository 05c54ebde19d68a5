"""A study that drops images without objects drops them before it shares out the rest."""

from collections.abc import Callable
from pathlib import Path

import pytest

from datasets import Prepared, open_split


@pytest.mark.parametrize("again", [False, True])
def test_images_without_objects_take_no_part_in_a_split_made_anew(
    hub_root: Path, prepare_rgb: Callable[..., Prepared], again: bool
) -> None:
    everything = prepare_rgb(root=hub_root)
    kept = prepare_rgb(root=hub_root, with_objects_only=True, remake_split=True)
    if again:  # from what was found the first time
        kept = prepare_rgb(root=hub_root, with_objects_only=True, remake_split=True)
    assert kept.counts == kept.positives
    assert sum(kept.counts.values()) == everything.positives["train"]
    names = [name for split in kept.counts for name in open_split(kept, split).names]
    assert all(name.startswith("train/") for name in names)
    left_out = everything.counts["train"] - everything.positives["train"]
    assert any(note.startswith(f"{left_out} images without an object") for note in kept.notes)
