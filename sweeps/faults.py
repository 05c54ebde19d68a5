"""What is wrong with a sweep: one sentence for each fault, with the file, the line and the key."""

from dataclasses import dataclass

from runs.errors import EosweepError

Key = tuple[str | int, ...]


@dataclass(frozen=True)
class Fault:
    """Something wrong at `key` of the sweep file: `("tune", "lr", "uniform")`."""

    key: Key
    message: str


class SweepError(EosweepError):
    """The sweep cannot run as it is written; the message has a line for each fault."""
