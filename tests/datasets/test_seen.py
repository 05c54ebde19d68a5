"""What an arm sees of the data: bands, a share of the training images, a scaling of its own."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from datasets import DataError, Prepared, open_split, seen_by
from datasets.batches import batch_of, batches
from datasets.cache import Split
from datasets.options import Dataset, prepare_dataset
from datasets.seen import scaling_of, share_of, with_all_images

GROUPS = {"nir_first": ("B8", "B2"), "swir": ("B11", "B12")}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    options = Dataset(
        name="landslide4sense", image_size=32, min_area=2, bands="all", band_groups=GROUPS
    )
    return prepare_dataset(options, tmp_path_factory.mktemp("cache"))


def all_of(split: Split) -> torch.Tensor:
    return batch_of(split, np.arange(len(split))).images


@pytest.mark.parametrize("stretch", [None, "2, 98"])
def test_bands_are_picked_by_name_and_are_what_they_were(
    data: Prepared, stretch: str | None
) -> None:
    whole = seen_by({"stretch": stretch}, data)
    picked = seen_by({"bands": "nir_first", "stretch": stretch}, data)
    assert picked.bands == ("B8", "B2") and picked.rgb is None
    for split in ("train", "val"):
        expected = all_of(open_split(whole, split))
        places = [data.bands.index(band) for band in picked.bands]
        torch.testing.assert_close(all_of(open_split(picked, split)), expected[:, places])


def test_the_built_in_groups_are_all_and_rgb(data: Prepared) -> None:
    assert seen_by({"bands": "all"}, data).bands == data.bands
    rgb = seen_by({"bands": "rgb"}, data)
    assert rgb.bands == ("B4", "B3", "B2") and rgb.rgb == (0, 1, 2)


def test_a_group_that_there_is_not_is_refused(data: Prepared) -> None:
    with pytest.raises(DataError, match="no group 'swr'; did you mean 'swir'"):
        seen_by({"bands": "swr"}, data)
    with pytest.raises(DataError, match=r"band_groups.nir: there is no band 'B08'; did you mean"):
        prepare_dataset(
            Dataset(name="landslide4sense", bands="all", band_groups={"nir": ("B08",)}),
            data.folder.parents[1],
        )


def test_without_settings_nothing_changes_and_views_have_fingerprints(data: Prepared) -> None:
    assert seen_by({"bands": None, "train_fraction": 1.0, "stretch": None}, data) is data
    views = [{"bands": "rgb"}, {"bands": "all"}, {"train_fraction": 0.5}, {"stretch": "none"}]
    prints = [seen_by(view, data).fingerprint for view in views]
    assert len({data.fingerprint, *prints}) == 5
    assert prints == [seen_by(view, data).fingerprint for view in views]


def test_a_share_is_of_the_training_images_alone_and_counts_are_of_it(data: Prepared) -> None:
    few = seen_by({"train_fraction": 0.25}, data)
    train = open_split(few, "train")
    assert len(train) == few.counts["train"] == data.counts["train"] // 4
    assert few.counts["val"] == data.counts["val"] and few.scenes["train"] == len(train)
    assert few.objects["train"] == len(train.boxes) == int(train.offsets[-1])
    masks = np.stack(list(train.masks))
    assert few.class_pixels["train"] == tuple(np.bincount(masks.ravel(), minlength=2).tolist())
    whole = open_split(data, "train")
    for row, name in enumerate(train.names):
        place = whole.names.index(name)
        np.testing.assert_array_equal(train.images[row], whole.images[place])
        np.testing.assert_array_equal(train.objects(row)[0], whole.objects(place)[0])
    assert sum(len(batch.names) for batch in batches(train, 3)) == len(train)
    assert with_all_images(seen_by({"train_fraction": 0.25}, data)).counts == data.counts


def scenes(classes: list[tuple[set[int], int]]) -> Split:
    """A split of scenes with these classes and numbers of tiles; nothing else of it is right."""
    held = [ids for ids, tiles in classes for _ in range(tiles)]
    counts = [len(ids) for ids in held]
    names = tuple(f"s{n}" for n, (_, tiles) in enumerate(classes) for _ in range(tiles))
    nothing = np.zeros(0)
    return Split(
        *(nothing, nothing, nothing),
        labels=np.array([label for ids in held for label in sorted(ids)], dtype=np.int64),
        offsets=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        sizes=nothing,
        outlines=None,
        names=names,
        scenes=names,
        files=names,
        windows=nothing,
        classes=("a", "b", "c"),
        stretch=None,
        mean=nothing,
        std=nothing,
    )


@given(
    st.lists(st.tuples(st.sets(st.integers(1, 3)), st.integers(1, 3)), min_size=1, max_size=40),
    st.lists(st.floats(0.01, 1), min_size=2, max_size=4),
)
def test_small_shares_are_parts_of_large_ones_and_scenes_stay_whole(
    classes: list[tuple[set[int], int]], fractions: list[float]
) -> None:
    split = scenes(classes)
    shares = [set(share_of(split, fraction).tolist()) for fraction in sorted(fractions)]
    for small, large in itertools.pairwise(shares):
        assert small <= large
    for fraction, share in zip(sorted(fractions), shares, strict=True):
        taken = {split.scenes[row] for row in share}
        assert share == {row for row, scene in enumerate(split.scenes) if scene in taken}
        assert fraction * len(split) <= len(share) < fraction * len(split) + 3


def test_shares_keep_the_frequency_of_classes_and_hold_the_rarest() -> None:
    split = scenes([({1}, 1)] * 60 + [({1, 2}, 1)] * 36 + [({1, 2, 3}, 1)] * 4)
    for fraction, expected in ((0.05, 1), (0.25, 1), (0.5, 2), (0.75, 3)):
        held = [split.classes_in(row) for row in share_of(split, fraction)]
        assert sum(3 in ids for ids in held) == expected
        assert abs(sum(2 in ids for ids in held) - 0.4 * len(held)) <= 1


def test_another_stretch_is_that_of_data_decoded_with_it(
    prepare_sample: Callable[..., Prepared], cache: Path
) -> None:
    """Also where pixels without data were filled up."""
    stretched = prepare_sample((5, 95))
    ours = scaling_of(prepare_sample(None), "5, 95")
    theirs = open_split(stretched, "train")
    assert ours.stretch is not None and theirs.stretch is not None
    np.testing.assert_allclose(ours.stretch, theirs.stretch)
    np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-6)
    np.testing.assert_allclose(ours.std, theirs.std, rtol=1e-6)


def test_settings_of_data_are_in_the_fingerprint_by_value_and_not_by_name(data: Prepared) -> None:
    named = replace(data, groups={**data.groups, "other": data.groups["swir"]})
    fingerprints = {seen_by({"bands": name}, named).fingerprint for name in ("swir", "other")}
    assert len(fingerprints) == 1
