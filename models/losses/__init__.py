"""Losses of segmentation by name; those of whole images are in `image_labels`.

Adding a loss is a function of `Pixels` in a file here, and its line in `LOSSES`.
"""

from models.losses.overlap import dice, jaccard, lovasz
from models.losses.pixels import Loss
from models.losses.pixelwise import bce, cross_entropy, focal
from runs.errors import EosweepError, did_you_mean

LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "bce": bce,
    "focal": focal,
    "dice": dice,
    "jaccard": jaccard,
    "lovasz": lovasz,
}


class LossError(EosweepError):
    """A loss that a sweep names does not exist."""


def loss_terms(text: str) -> tuple[str, ...]:
    """Terms of a loss such as "bce + jaccard", in its order.

    Raises:
        LossError: there is no such term (with the nearest right name), none at all, or one twice.
    """
    terms = tuple(term.strip() for term in text.split("+"))
    for term in terms:
        if term not in LOSSES:
            hint = did_you_mean(term, LOSSES)
            raise LossError(f"loss '{text}' has a term '{term}' that does not exist{hint}")
    if len(set(terms)) < len(terms):
        raise LossError(f"loss '{text}' has a term twice: give it once, and a weight to tune")
    return terms
