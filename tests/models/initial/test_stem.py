import pytest
import torch

from models.initial.stem import adapt_stem

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
