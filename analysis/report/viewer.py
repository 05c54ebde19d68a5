"""Pictures of predictions as layers that the reader slides over each other."""

from collections.abc import Mapping, Sequence

from analysis.pictures import Picture
from analysis.pictures.images import Mark


def arms_of(pictures: Sequence[Picture]) -> list[str]:
    """The arms that have layers, in the order in which they are drawn."""
    return list(dict.fromkeys(one.arm for picture in pictures for one in picture.layers if one.arm))


def keys(pictures: Sequence[Picture]) -> Mapping[str, Sequence[Mark]]:
    """What the colours of all pictures mean, each once."""
    found: dict[str, dict[Mark, None]] = {}
    for picture in pictures:
        for title, marks in picture.marks.items():
            seen = [mark for mark in marks if not mark.clear]
            found.setdefault(title, {}).update(dict.fromkeys(seen))
    return {title: list(marks) for title, marks in found.items() if marks}
