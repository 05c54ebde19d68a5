"""An iterator that a thread runs one item ahead of who reads it."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def one_ahead(items: Iterator[Item]) -> Generator[Item]:
    """The same items in the same order; while one is worked on, a thread makes the next.

    What making one raises is raised where it would have been given. Closed, or read to its end, it
    waits for the item that is being made, and its thread ends.
    """
    end = object()
    with ThreadPoolExecutor(1, "one-ahead") as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item  # type: ignore[misc]  # not the end
