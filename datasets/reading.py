"""Items read and checked: what every data set must give, however its files are read."""

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from datasets.source import IGNORE, DataError, Item, Labelled, Problem, Source
from runs.errors import counted

NAMED = 5  # wrong class ids that a message names
STRETCH = 16  # items of one file that one thread reads in a row, so that the file is opened once

Task = TypeVar("Task")
Made = TypeVar("Made")


class Reader:
    """Reads items of a data set on all cores, and keeps what cannot be used.

    Args:
        classes: names of class ids 1, 2, ….
        ignore_index: mask value that becomes `IGNORE`, beside `IGNORE` itself.
    """

    def __init__(self, source: Source, classes: tuple[str, ...], ignore_index: int) -> None:
        self.source, self.classes = source, classes
        self.ignored = sorted({ignore_index, IGNORE})
        self._problems: dict[Problem, None] = {}
        self._remarks: Counter[str] = Counter()
        self._first: tuple[str, str] | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be used so far: a file's fault once, however many items it has."""
        return tuple(self._problems)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was remarked on images so far, each with their number."""
        return tuple(
            f"{counted(number, 'image')} {'is' if number == 1 else 'are'} {remark}"
            for remark, number in self._remarks.items()
        )

    def read(self, items: Iterable[Item], make: Callable[[Item, Labelled], Made]) -> Iterator[Made]:
        """Yield what `make` makes of each usable item, in their order.

        `make` is called in several threads. It is given images that are uint8, uint16 or float32,
        those stored as another type as float32, and all that is yielded is of one type. Masks hold
        class ids that exist, and `IGNORE`, also where there is no data.
        """

        def read_all(stretch: list[Item]) -> list["_Usable[Made] | tuple[Problem, ...]"]:
            return [self._one(item, make) for item in stretch]

        for found in chain.from_iterable(in_order(_stretches(items), read_all)):
            if not isinstance(found, _Usable):
                self._problems.update(dict.fromkeys(found))
                continue
            self._first = self._first or (found.item.image.name, found.dtype)
            first, dtype = self._first
            if found.dtype != dtype:
                reason = f"holds {found.dtype}, but {first} holds {dtype}"
                self._problems[Problem(found.item.image, reason)] = None
                continue
            self._remarks.update([found.remark] if found.remark else [])
            yield found.made

    def _one(
        self, item: Item, make: Callable[[Item, Labelled], Made]
    ) -> "_Usable[Made] | tuple[Problem, ...]":
        try:
            labelled = self.source.read(item, self.classes)
        except DataError as error:
            if not error.problems:
                raise
            return error.problems
        image, mask = _as_kept(labelled.image), labelled.mask
        faults = (
            *self._image_faults(item, image, labelled.valid),
            *self._mask_faults(item, image, mask),
            *self._box_faults(item, labelled),
        )
        if faults:
            return faults
        if mask is not None:
            not_counted = np.isin(mask, self.ignored)
            if labelled.valid is not None:
                not_counted |= ~labelled.valid
            mask = np.where(not_counted, np.uint8(IGNORE), mask)
        made = make(item, replace(labelled, image=image, mask=mask))
        return _Usable(item, image.dtype.name, labelled.remark, made)

    def _image_faults(
        self, item: Item, image: NDArray[np.generic], valid: NDArray[np.bool_] | None
    ) -> Iterator[Problem]:
        bands = self.source.bands
        if len(image) != len(bands):
            reason = f"has {counted(len(image), 'band')}, not {len(bands)} ({', '.join(bands)})"
            yield Problem(item.image, reason)
        elif image.dtype.kind == "f" and not np.isfinite(_with_data(image, valid)).all():
            yield Problem(item.image, "holds NaN or infinity")

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


class _Usable(NamedTuple, Generic[Made]):
    item: Item
    dtype: str
    remark: str
    made: Made


def in_order(tasks: Iterable[Task], work: Callable[[Task], Made]) -> Iterator[Made]:
    """`work` of each task, on all cores, in the order of the tasks.

    Threads, since decoding and array arithmetic leave the interpreter free. Two tasks a core are
    begun before they are asked for.
    """
    cores = len(os.sched_getaffinity(0))
    waiting: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(cores, thread_name_prefix="decoding") as pool:
        try:
            for task in tasks:
                waiting.append(pool.submit(work, task))
                if len(waiting) > 2 * cores:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # after an error or when nobody wants the rest, what has not begun is not
            pool.shutdown(wait=True, cancel_futures=True)


def _stretches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Consecutive items of one file, which one thread reads."""
    for _, of_file in groupby(items, key=lambda item: item.image):
        while stretch := list(islice(of_file, STRETCH)):
            yield stretch


def _with_data(image: NDArray[np.generic], valid: NDArray[np.bool_] | None) -> NDArray[np.generic]:
    return image if valid is None else image[:, valid]


def _as_kept(image: NDArray[np.generic]) -> NDArray[np.generic]:
    dtype = image.dtype.name if image.dtype.name in ("uint8", "uint16") else "float32"
    return image.astype(dtype, copy=False)


def under(root: Path, problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The same problems, their files relative to the root of the data."""
    return tuple(Problem(file.relative_to(root), reason) for file, reason in problems)


def _class_ids(ids: Iterable[int]) -> str:
    found = sorted(ids)
    named = ", ".join(map(str, found[:NAMED]))
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"class id{'s' if len(found) > 1 else ''} {named}{more}"
