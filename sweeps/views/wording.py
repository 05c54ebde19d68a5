"""Words that both views use."""

from collections.abc import Iterable

from runs.arms import Arm


def duration(seconds: float) -> str:
    """`45 s`, `3 min 05 s`, `2 h 07 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def short(value: object) -> str:
    """A value of a configuration: numbers with three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def listed(arms: Iterable[Arm]) -> str:
    """The titles of arms."""
    return ", ".join(sorted(arm.title for arm in arms))
