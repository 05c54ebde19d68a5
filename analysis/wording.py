"""Numbers and names as they stand in sentences and cells."""

import shlex
from collections.abc import Sequence

MISSING = "–"
"""What stands where there is no value."""


def number(value: float) -> str:
    """As short as it is clear: four digits, and every one before the point."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun; `plural` of nouns that do not just take an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def listed(names: Sequence[str], most: int = 12) -> str:
    """Names after each other; of very many the first `most`, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most:,} more"


def command(*arguments: object) -> str:
    """A command of the analysis as it is typed."""
    return shlex.join(["python", "-m", "analysis", *map(str, arguments)])


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever reads best."""
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.3g} min"
    return f"{seconds / 3600:,.1f} h"
