"""How work that takes a while says how far it has come, whoever shows it."""

from collections.abc import Collection, Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Is told of one piece of work after another; each ends where the next one begins."""

    def step(self, what: str) -> None:
        """Work begins whose length is not known."""

    def over(self, what: str, items: Collection[T]) -> Iterable[T]:
        """Work on `items` begins: gives them again, one after another."""


class Unseen:
    """Shows nothing."""

    def step(self, what: str) -> None:
        """Does nothing."""

    def over(self, what: str, items: Collection[T]) -> Iterable[T]:  # noqa: ARG002
        """The items."""
        return items


UNSEEN: Progress = Unseen()
