"""Names of the segmentation losses, and how a sweep joins them. Without torch: see `options`."""

import difflib

LOSS_PREFIX = "loss_weights."
"""`loss_weights.roi_box` of a configuration weighs the loss term `roi_box`."""

LOSSES = ("cross_entropy", "bce", "focal", "dice", "jaccard", "lovasz")


def loss_terms(text: str) -> tuple[str, ...]:
    """Terms of a loss such as "bce + jaccard", in its order.

    Raises:
        ValueError: there is no such term (with the nearest right name), none at all, or one twice.
    """
    terms = tuple(term.strip() for term in text.split("+"))
    for term in terms:
        if term not in LOSSES:
            near = difflib.get_close_matches(term.lower(), LOSSES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(LOSSES)}."
            raise ValueError(f"loss {text!r} has a term {term!r} that does not exist; {hint}")
    if len(set(terms)) < len(terms):
        raise ValueError(f"loss {text!r} has a term twice; a term's weight is tuned as its own.")
    return terms


def check_loss(text: str) -> None:
    """Raise ValueError, as `loss_terms` does, unless `text` is a loss."""
    loss_terms(text)
