import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.pretraining.stem import adapt_stem, pick_stem

FILTERS = torch.randn(6, 3, 5, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("rgb", "bands"), [(None, 1), (None, 2), (None, 3), (None, 7), ((0, 1, 2), 4), ((3, 2, 1), 14)]
)
def test_response_to_grey_is_kept(rgb, bands):
    adapted = adapt_stem(FILTERS, rgb, bands)
    assert adapted.shape == (6, bands, 5, 5)
    torch.testing.assert_close(adapted.sum(1), FILTERS.sum(1))


def test_red_green_and_blue_get_their_own_filters_and_others_the_mean():
    adapted = adapt_stem(FILTERS, (3, 2, 1), 5) * 5 / 3
    torch.testing.assert_close(adapted[:, [3, 2, 1]], FILTERS)
    for other in (0, 4):
        torch.testing.assert_close(adapted[:, other], FILTERS.mean(1))


@pytest.mark.parametrize("rgb", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_three_bands_in_any_order_are_only_permuted(rgb):
    assert torch.equal(adapt_stem(FILTERS, rgb, 3)[:, list(rgb)], FILTERS)


@given(
    stem=st.lists(st.sampled_from("ABCDEFGH"), min_size=1, max_size=6, unique=True),
    bands=st.lists(st.sampled_from("ABCDEFGHIJ"), min_size=1, max_size=8, unique=True),
)
def test_filters_picked_by_name_respond_as_the_stem_does_to_its_own_bands(
    stem: list[str], bands: list[str]
) -> None:
    """A band with a name answers as before but for one factor, the others as the mean would."""
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(4, len(stem), 3, 3, generator=generator)
    picked = pick_stem(weight, tuple(stem), tuple(bands)) * (len(bands) / len(stem))
    for place, band in enumerate(bands):
        own = weight[:, stem.index(band)] if band in stem else weight.mean(1)
        torch.testing.assert_close(picked[:, place], own)


def test_the_same_bands_in_another_order_are_only_permuted() -> None:
    picked = pick_stem(FILTERS, ("B4", "B3", "B2"), ("B2", "B4", "B3"))
    assert torch.equal(picked, FILTERS[:, [2, 0, 1]])
