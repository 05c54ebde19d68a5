"""Items read and checked: what every data set must give, however its files are read."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from datasets.source import IGNORE, DataError, Item, Labelled, Problem, Source

NAMED = 5  # wrong class ids that a message names


class Reader:
    """Reads items of a data set one after another, and keeps what cannot be used.

    Args:
        classes: names of class ids 1, 2, ….
        ignore_index: mask value that becomes `IGNORE`, beside `IGNORE` itself.
    """

    def __init__(self, source: Source, classes: tuple[str, ...], ignore_index: int) -> None:
        self.source, self.classes = source, classes
        self.ignored = sorted({ignore_index, IGNORE})
        self._problems: dict[Problem, None] = {}
        self._first: tuple[str, np.dtype[np.generic]] | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be used so far: a file's fault once, however many items it has."""
        return tuple(self._problems)

    def read(self, items: Iterable[Item]) -> Iterator[tuple[Item, Labelled]]:
        """Yield the usable ones of `items`.

        Images are uint8, uint16 or float32, the same for all; those stored as another type come as
        float32. Masks hold class ids that exist, and `IGNORE`.
        """
        for item in items:
            try:
                labelled = self.source.read(item, self.classes)
            except DataError as error:
                if not error.problems:
                    raise
                self._problems.update(dict.fromkeys(error.problems))
                continue
            image, mask = _as_kept(labelled.image), labelled.mask
            faults = [
                *self._image_faults(item, image),
                *self._mask_faults(item, image, mask),
                *self._box_faults(item, labelled),
            ]
            if faults:
                self._problems.update(dict.fromkeys(faults))
                continue
            self._first = self._first or (item.image.name, image.dtype)
            if mask is not None and len(self.ignored) > 1:
                mask = np.where(np.isin(mask, self.ignored), np.uint8(IGNORE), mask)
            yield item, replace(labelled, image=image, mask=mask)

    def _image_faults(self, item: Item, image: NDArray[np.generic]) -> Iterator[Problem]:
        bands = self.source.bands
        if len(image) != len(bands):
            reason = f"has {_count(len(image), 'band')}, not {len(bands)} ({', '.join(bands)})"
            yield Problem(item.image, reason)
        elif image.dtype.kind == "f" and not np.isfinite(image).all():
            yield Problem(item.image, "holds NaN or infinity")
        elif self._first is not None and image.dtype != self._first[1]:
            first, dtype = self._first
            yield Problem(item.image, f"holds {image.dtype}, but {first} holds {dtype}")

    def _mask_faults(
        self, item: Item, image: NDArray[np.generic], mask: NDArray[np.uint8] | None
    ) -> Iterator[Problem]:
        if mask is None:
            return
        label, count = item.label or item.image, len(self.classes)
        if mask.shape != image.shape[1:]:
            height, width = image.shape[1:]
            shape = " × ".join(map(str, mask.shape))
            yield Problem(label, f"is {shape}, but its image is {height} × {width}")
        present = set(np.flatnonzero(np.bincount(mask.ravel(), minlength=256)).tolist())
        if unknown := present - {*range(count + 1), *self.ignored}:
            ignored = " and ".join(map(str, self.ignored))
            verb = "are" if len(self.ignored) > 1 else "is"
            rest = f"there are 0 to {count}, and {ignored} {verb} ignored"
            yield Problem(label, f"holds {_class_ids(unknown)}; {rest}")

    def _box_faults(self, item: Item, labelled: Labelled) -> Iterator[Problem]:
        if labelled.boxes is None or labelled.labels is None:
            return
        label, count = item.label or item.image, len(self.classes)
        if not np.isfinite(labelled.boxes).all():
            yield Problem(label, "holds a box with corners that are no numbers")
        if unknown := set(labelled.labels.tolist()) - {*range(1, count + 1)}:
            yield Problem(label, f"holds {_class_ids(unknown)} of a box; there are 1 to {count}")


def _as_kept(image: NDArray[np.generic]) -> NDArray[np.generic]:
    dtype = image.dtype.name if image.dtype.name in ("uint8", "uint16") else "float32"
    return image.astype(dtype, copy=False)


def _class_ids(ids: Iterable[int]) -> str:
    found = sorted(ids)
    named = ", ".join(map(str, found[:NAMED]))
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"class id{'s' if len(found) > 1 else ''} {named}{more}"


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"
