"""Keys, values and reasons as the text of a YAML file."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

WIDTH = 100
PLAIN = re.compile(r"[A-Za-z_/][\w/+.-]*( [\w/+.-]+)*")
TRUTHS = {"null", "true", "false", "yes", "no", "on", "off", "y", "n"}


class Key(NamedTuple):
    """A key with its value and the reason for it; a section has keys instead of a value."""

    name: str
    value: object
    why: str


class Section(NamedTuple):
    """A key that holds keys."""

    name: str
    why: str
    keys: Sequence[Key]


def lines(parts: Sequence[Key | Section]) -> Iterator[str]:
    """The file, line by line; an empty line before each section."""
    for part in parts:
        if isinstance(part, Key):
            yield from _lines(part, "")
            continue
        yield ""
        yield from commented(part.why)
        yield f"{part.name}:"
        for key in part.keys:
            yield from _lines(key, "  ")


def commented(text: str, indent: str = "") -> Iterator[str]:
    """A comment, broken at `WIDTH`."""
    line = f"{indent}#"
    for word in text.split():
        if len(line) + 1 + len(word) > WIDTH:
            yield line
            line = f"{indent}#"
        line += f" {word}"
    if text:
        yield line


def scalar(value: object) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{scalar(key)}: {scalar(one)}" for key, one in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(scalar, value))}]"
    if isinstance(value, str):
        plain = PLAIN.fullmatch(value) and value.lower() not in TRUTHS
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return f"{value:g}" if abs(value) >= 0.01 else f"{value:.1e}".replace("e-0", "e-")
    return json.dumps(value)


def _lines(key: Key, indent: str) -> Iterator[str]:
    """Beside the value if it fits, else above it."""
    text = f"{indent}{key.name}: {scalar(key.value)}"
    beside = f"{text.ljust(32)} # {key.why}" if key.why else text
    if len(beside) <= WIDTH:
        yield beside
        return
    yield from commented(key.why, indent)
    yield text
