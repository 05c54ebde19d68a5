"""Files that are written whole: a reader sees the old content or the new, never half of it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """A path to write to; it becomes `file` when the block ends, and is removed if it raises.

    The path ends as `file` does, so that writers that go by the ending know what to write.
    """
    partial = file.with_name(f".partial-{file.name}")
    try:
        yield partial
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def write_text(file: Path, text: str) -> None:
    """Write `text` whole, as UTF-8."""
    with whole_file(file) as partial:
        partial.write_text(text, encoding="utf-8")
