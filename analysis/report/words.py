"""Numbers and names as they stand in a sentence."""

from collections.abc import Sequence


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun; ``plural`` of those that do not just take an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names after each other; of very many the first ``most``, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:,.1f} h"
