"""What the sections of a sweep file have in common, wherever their keys are defined."""

from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator


class Section(BaseModel):
    """Keys and values of a sweep file: unknown keys are errors, and nothing is changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_as_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true where a number is expected: pydantic would read it as 1."""
        kind = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, bool) and kind is not Any and bool not in (kind, *get_args(kind)):
            raise ValueError(f"{str(value).lower()} is not a value of this key")
        return value
