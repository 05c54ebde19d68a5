"""A loss is named by its terms, and a mistyped one is refused with the right name."""

import pytest

from models.losses import LOSSES, LossError, loss_terms


def test_terms_are_joined_by_plus() -> None:
    assert loss_terms("bce + jaccard") == ("bce", "jaccard")
    assert loss_terms("+".join(LOSSES)) == tuple(LOSSES)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Dise", "did you mean 'dice'"),
        ("", "does not exist; there are: cross_entropy, bce"),
        ("bce+", "a term '' that does not exist"),
        ("bce+dice+bce", "a term twice"),
    ],
)
def test_what_is_not_a_loss_is_refused(text: str, reason: str) -> None:
    with pytest.raises(LossError, match=reason):
        loss_terms(text)
