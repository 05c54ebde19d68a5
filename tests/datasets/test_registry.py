"""What every data set promises, whichever there are; their samples stand in for the real files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from datasets import DATASETS, DataError, Item, Labelled, Listing, SampledSource, Tiling, sample
from datasets.leaks import audit
from datasets.options import Dataset, prepare_dataset
from datasets.overview import overview
from datasets.source import IGNORE, SPLITS, natural_key
from datasets.splits import Division, complete_splits
from runs.progress import UNSEEN

SAMPLED = [name for name, source in DATASETS.items() if isinstance(source, SampledSource)]


@pytest.mark.parametrize("name", SAMPLED)
def test_a_sample_is_found_and_read_as_the_data_set_promises(name: str, cache: Path) -> None:
    source = DATASETS[name]
    assert source.name == name
    assert len(set(source.bands)) == len(source.bands)
    assert len({source.bands[index] for index in source.rgb}) == 3
    listing = source.find(sample(name, cache), None)
    assert set(listing.splits) <= set(SPLITS)
    assert listing.splits["train"]
    for items in listing.splits.values():
        assert [item.name for item in items] == sorted((i.name for i in items), key=natural_key)
        labelled = source.read(items[0], listing.classes)
        assert labelled.image.dtype in (np.uint8, np.uint16, np.float32)
        bands, *size = labelled.image.shape
        assert bands == len(source.bands)
        assert (labelled.mask is not None) == ("masks" in source.labels)
        assert (labelled.boxes is not None) == ("boxes" in source.labels)
        assert (labelled.footprints is not None) == ("footprints" in source.labels)
        assert (labelled.image_labels is not None) == ("image labels" in source.labels)
        if labelled.mask is not None:
            assert list(labelled.mask.shape) == size
            assert set(np.unique(labelled.mask)) <= {*range(len(listing.classes) + 1), IGNORE}
        if labelled.boxes is not None:
            assert labelled.labels is not None
            assert set(labelled.labels) <= set(range(1, len(listing.classes) + 1))
        if labelled.image_labels is not None:
            assert set(labelled.image_labels) <= set(range(1, len(listing.classes) + 1))


@pytest.mark.parametrize("name", SAMPLED)
def test_what_is_read_does_not_depend_on_the_scene(name: str, cache: Path) -> None:
    """Where splits are made of blocks on the ground, the block is the scene."""
    source = DATASETS[name]
    tiling = Tiling(64, 0) if source.tiled else None
    listing = source.find(sample(name, cache), tiling)
    item = listing.splits["train"][-1]
    here, there = (
        source.read(one, listing.classes) for one in (item, replace(item, scene="block 0,0"))
    )
    np.testing.assert_array_equal(here.image, there.image)
    np.testing.assert_array_equal(np.array(here.boxes), np.array(there.boxes))


@pytest.mark.parametrize("name", SAMPLED)
def test_the_splits_of_a_sample_share_no_image(name: str, cache: Path, tmp_path: Path) -> None:
    source = DATASETS[name]
    listing = source.find(sample(name, cache), None)
    seen = overview(source, listing, [], tmp_path, UNSEEN)
    assert np.isfinite(seen.thumbnails).any(axis=(1, 2)).all()
    assert not audit(complete_splits(listing, Division(0.15, 0.15, 42)), seen).leaks


@pytest.mark.parametrize("name", DATASETS)
def test_an_empty_folder_and_none_are_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match=root.name):
            DATASETS[name].find(root, None)


class Unsampled:
    """What of a data set is asked before its files: it has no `write_sample`."""

    name, title = "unsampled", "Unsampled Data"
    bands, rgb = ("red", "green", "blue"), (0, 1, 2)
    labels, tiled = frozenset({"masks"}), False

    def find(self, root: Path, tiling: Tiling | None) -> Listing:
        raise DataError(f"{root} was looked at")

    def read(self, item: Item, classes: tuple[str, ...]) -> Labelled:
        raise NotImplementedError


def test_a_data_set_without_a_sample_needs_a_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DATASETS, "unsampled", Unsampled())
    with pytest.raises(DataError, match=r"Unsampled Data has no sample: .*dataset\.root$"):
        prepare_dataset(Dataset(name="unsampled"), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()
    with pytest.raises(DataError, match="data was looked at"):
        prepare_dataset(Dataset(name="unsampled", root=tmp_path / "data"), tmp_path / "cache")
