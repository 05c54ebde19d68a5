"""What a person is told when a trained model cannot do what was asked of it."""

from pydantic import ValidationError


class ModelError(Exception):
    """One sentence for a person: a run, an image or an option that cannot be used, and why."""


def first_fault(error: ValidationError) -> str:
    """Where the first thing lies that does not fit a shape, if it is a part, and what is wrong."""
    first = error.errors(include_url=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]
