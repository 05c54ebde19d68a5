"""Arms: what a sweep compares.

An arm is identified by its values alone. Slugs and titles are for people: two arms may have the
same one, so that nothing is ever looked up by them.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from runs.plain import plain

LONGEST = 200
"""Bytes of a slug: names of files have at most 255."""

Scalar = bool | int | float | str


class Arm(Mapping[str, Scalar]):
    """One combination of the compared factors: a mapping of factor to value, in the sweep's order.

    Immutable and hashable. Two arms are equal if they have the same factors, values and types of
    values: 1, 1.0 and true are three choices of a factor.
    """

    __slots__ = ("_identity", "_values")

    def __init__(self, values: Mapping[str, Scalar] | Iterable[tuple[str, Scalar]]) -> None:
        self._values = dict(values)
        self._identity = _identity(self._values)

    def __getitem__(self, factor: str) -> Scalar:
        return self._values[factor]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(self._identity)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Arm):
            return self._identity == other._identity
        return isinstance(other, Mapping) and self._identity == _identity(other)

    def __repr__(self) -> str:
        return f"Arm({self._values})"

    @property
    def title(self) -> str:
        """How the arm is called in a sentence: `resnet18 · mae`."""
        return " · ".join(plain(str(value)) for value in self.values())

    @property
    def slug(self) -> str:
        """How the arm is called in names of files: `resnet18-mae`. Not unique: see `arm_slugs`."""
        slug = "-".join(re.sub(r"[^\w.+=@-]", "_", str(value)) for value in self.values())
        return slug.encode()[:LONGEST].decode(errors="ignore")

    @property
    def digest(self) -> str:
        """16 hex digits that two different arms do not share, the same in every process."""
        values = json.dumps(sorted(self._identity))
        return hashlib.blake2b(values.encode(), digest_size=8).hexdigest()

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: type[Self], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read from a JSON object of scalars, and written as one."""
        values = handler.generate_schema(dict[str, Scalar])
        read = core_schema.no_info_after_validator_function(cls, values)
        return core_schema.json_or_python_schema(
            json_schema=read,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), read]),
            serialization=core_schema.plain_serializer_function_ser_schema(dict),
        )


def arm_slugs(arms: Iterable[Arm]) -> dict[Arm, str]:
    """Each arm's slug; those that several arms would share end in four digits of the digest."""
    arms = list(dict.fromkeys(arms))
    shared = Counter(arm.slug for arm in arms)
    return {
        arm: arm.slug if shared[arm.slug] == 1 else f"{arm.slug}-{arm.digest[:4]}" for arm in arms
    }


def _identity(values: Mapping[Any, Any]) -> frozenset[tuple[str, str, str]]:
    return frozenset((str(key), type(value).__name__, repr(value)) for key, value in values.items())
