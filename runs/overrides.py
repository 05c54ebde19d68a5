"""Overrides as a command line has them: `dataset.root=/data/mine`."""

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def parse_override(text: str) -> tuple[str, Any]:
    """`a.b=value` as its dotted key and its value, which is read as YAML.

    Raises:
        ValueError: it is none; the message is a clause for a person.
    """
    dotted, equals, value = text.partition("=")
    if not equals or not dotted:
        raise ValueError(f"'{text}' is not an override; write key=value, such as budget.trials=6")
    if not value.strip():
        raise ValueError(f"'{text}' gives no value; write null if you mean none")
    try:
        return dotted, YAML(typ="safe").load(value)
    except (YAMLError, ValueError):
        raise ValueError(f"'{value}' in '{text}' is not a YAML value") from None
