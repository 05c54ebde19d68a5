"""Errors for people: the base of the project's errors, and the wording that they share."""

import difflib
from collections.abc import Iterable

from pydantic import ValidationError

from runs.plain import plain_lines

MOST_LISTED = 50
"""Names that `did_you_mean` lists at most."""


class EosweepError(Exception):
    """What is wrong, where, and what to do about it, in sentences for a person.

    Names of files and classes in them may come from anybody: see `runs.plain`.
    """

    def __str__(self) -> str:
        return plain_lines(super().__str__())


def told(error: OSError) -> str:
    """What the system says, and of which file, if it is known."""
    return f"{error.filename or 'a file'}: {error.strerror or error}"


def did_you_mean(word: object, known: Iterable[object]) -> str:
    """`; did you mean 'x'?`, or all `known` names where none is near: the end of a sentence.

    Nothing where none is near and they are more than `MOST_LISTED`.
    """
    by_lower = {str(name).lower(): str(name) for name in known}
    near = difflib.get_close_matches(str(word).lower(), by_lower, n=1, cutoff=0.5)
    if near:
        return f"; did you mean '{by_lower[near[0]]}'?"
    if len(by_lower) > MOST_LISTED:
        return ""
    return f"; there are: {', '.join(by_lower.values())}" if by_lower else "; there are none"


def counted(number: int, thing: str) -> str:
    """`1 image`, `2 images`, `1,000 images`."""
    return f"{number:,} {thing}{'s' * (number != 1)}"


def first_fault(error: ValidationError) -> str:
    """The first field that does not have its type, and what is wrong with it."""
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    return f"{field}: {first['msg']}" if field else first["msg"]
