"""What every data set promises, whichever there are; their samples stand in for the real files."""

from pathlib import Path

import numpy as np
import pytest

from datasets import DATASETS, DataError, sample
from datasets.source import IGNORE, SPLITS, natural_key


@pytest.mark.parametrize("name", DATASETS)
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
        if labelled.mask is not None:
            assert list(labelled.mask.shape) == size
            assert set(np.unique(labelled.mask)) <= {*range(len(listing.classes) + 1), IGNORE}
        if labelled.boxes is not None:
            assert labelled.labels is not None
            assert set(labelled.labels) <= set(range(1, len(listing.classes) + 1))


@pytest.mark.parametrize("name", DATASETS)
def test_an_empty_folder_and_none_are_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(DataError, match=root.name):
            DATASETS[name].find(root, None)
