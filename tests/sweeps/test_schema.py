"""The schema is the documentation: no key is without a word."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from models.heads import HEADS
from sweeps.schema import Settings, Sweep


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The sections inside an annotation, and those inside them."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from sections(field.annotation)
    for inner in get_args(annotation):
        yield from sections(inner)


def test_every_key_says_what_it_means() -> None:
    options = [head.options for heads in HEADS.values() for head in heads.values()]
    for section in (*sections(Sweep), Settings, *options):
        for name, field in section.model_fields.items():
            described = field.description or any(one.__doc__ for one in sections(field.annotation))
            assert described, f"{section.__name__}.{name}: give its Field a description"
