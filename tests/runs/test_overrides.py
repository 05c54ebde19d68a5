"""Overrides of a command line."""

import pytest

from runs.overrides import parse_override


def test_values_are_yaml() -> None:
    assert parse_override("a.b={1: pond}") == ("a.b", {1: "pond"})
    assert parse_override("a=null") == ("a", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "is not an override"),
        ("=1", "is not an override"),
        ("a= ", "gives no value"),
        ("a=[", "is not a YAML"),
    ],
)
def test_what_is_none_is_said(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_override(text)
