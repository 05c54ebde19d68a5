"""A thread makes the next item, and ends with its reader."""

import threading
from collections.abc import Iterator
from itertools import count

import pytest

from datasets.one_ahead import one_ahead


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "one-ahead" in thread.name]


def test_items_and_what_making_one_raises_come_in_order() -> None:
    def three() -> Iterator[int]:
        yield from range(3)
        raise OSError("the disk is gone")

    items = one_ahead(three())
    assert [next(items) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(items)
    assert threads() == []


def test_the_next_item_is_made_while_one_is_worked_on() -> None:
    made = [threading.Event() for _ in range(2)]

    def two() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    items = one_ahead(two())
    next(items)
    assert made[1].wait(timeout=10)
    items.close()


def test_closed_early_it_leaves_no_thread() -> None:
    items = one_ahead(count())
    next(items)
    assert len(threads()) == 1
    items.close()
    assert threads() == []
