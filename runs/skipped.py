"""Skipped arms in words: one entry a reason, however many arms it is of."""

from collections.abc import Iterable
from dataclasses import dataclass

from runs.records import SkippedArm

NAMED = 6
"""Arms that an entry names."""


@dataclass(frozen=True)
class Skipped:
    """Arms that were left out for one reason.

    Attributes:
        arms: their titles.
        reason: why, without a full stop.
        remedy: what to do about it, likewise; "" if nothing can be done.
    """

    arms: tuple[str, ...]
    reason: str
    remedy: str

    @property
    def who(self) -> str:
        """The arms, as a sentence names them."""
        if len(self.arms) == 1:
            return self.arms[0]
        more = f" and {len(self.arms) - NAMED} more" if len(self.arms) > NAMED else ""
        return f"{len(self.arms)} arms ({', '.join(self.arms[:NAMED])}{more})"

    @property
    def why(self) -> str:
        """The reason, and what to do about it."""
        return f"{self.reason}; {self.remedy}" if self.remedy else self.reason


def by_reason(skipped: Iterable[SkippedArm]) -> list[Skipped]:
    """The arms grouped by reason and remedy; what each of a group lacks is listed once."""
    groups: dict[tuple[str, str], list[SkippedArm]] = {}
    for one in skipped:
        groups.setdefault((one.reason, one.remedy), []).append(one)
    return [
        Skipped(tuple(one.arm.title for one in group), reason, _complete(remedy, group))
        for (reason, remedy), group in groups.items()
    ]


def _complete(remedy: str, group: list[SkippedArm]) -> str:
    lacking = dict.fromkeys(one.lacking for one in group if one.lacking)
    return f"{remedy}: {', '.join(lacking)}" if lacking else remedy
