"""How two sweeps differ, key by key, in words."""

from collections.abc import Iterator, Mapping
from typing import Any


def differences(before: Mapping[str, Any], now: Mapping[str, Any], around: str = "") -> list[str]:
    """A line for each key whose values differ: `budget.trials: 8 → 12`, `compare.head: added fpn`.

    Args:
        before, now: the plain values of two sweeps, or of the section `around` in both.
    """
    return list(_differences(before, now, around))


def _differences(before: Any, now: Any, key: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in {**before, **now}:
            inner = f"{key}.{name}" if key else str(name)
            if name not in before:
                yield f"{inner}: added, {_text(now[name])}"
            elif name not in now:
                yield f"{inner}: removed"
            else:
                yield from _differences(before[name], now[name], inner)
    elif before != now:
        yield f"{key}: {_change(before, now)}"


def _change(before: Any, now: Any) -> str:
    if not (isinstance(before, list) and isinstance(now, list)):
        return f"{_text(before)} → {_text(now)}"
    added = [value for value in now if value not in before]
    removed = [value for value in before if value not in now]
    if (added and removed and len(before) == len(now)) or not (added or removed):
        return f"{_text(before)} → {_text(now)}"
    parts = {"added": added, "removed": removed}
    return ", ".join(f"{what} {', '.join(map(_text, of))}" for what, of in parts.items() if of)


def _text(value: Any) -> str:
    """A value as it is written in a sweep file, without what is null."""
    if isinstance(value, Mapping):
        given = {name: of for name, of in value.items() if of is not None}
        return f"{{{', '.join(f'{name}: {_text(of)}' for name, of in given.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
