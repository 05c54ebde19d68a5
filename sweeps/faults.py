"""What is wrong with a sweep: each fault one sentence with the file, the line and the key."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

Key = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """Something wrong at `key` of the sweep file: `("tune", "lr", "uniform")`."""

    key: Key
    message: str


class SweepError(Exception):
    """The sweep cannot run as it is written; the message has a line for each fault."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or the names there are where none is near."""
    names = list(known)
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else f"; there are: {', '.join(names)}"
