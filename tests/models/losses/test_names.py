"""A loss is named by its terms, and a mistyped one is refused with the right name."""

import subprocess
import sys

import pytest

from models.losses.names import LOSSES, check_loss, loss_terms


def test_terms_are_joined_by_plus() -> None:
    assert loss_terms("bce + jaccard") == ("bce", "jaccard")
    assert loss_terms("+".join(LOSSES)) == LOSSES


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Dise", "did you mean 'dice'"),
        ("", "does not exist; there are: cross_entropy, bce"),
        ("bce+", "a term '' that does not exist"),
        ("bce+dice+bce", "a term twice"),
    ],
)
def test_what_is_no_loss_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_loss(text)


def test_checks_of_a_sweep_file_need_no_torch() -> None:
    code = "import sys, models.losses.names, models.losses.class_weights; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
