"""Files that are written whole: a reader sees the old content or the new, never half of it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory


@contextlib.contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """A path to write to; it becomes `file` when the block ends, and is removed if it raises.

    The path has the name of `file`, in a hidden folder of its own: what a writer puts next to its
    file is removed with that folder.
    """
    with TemporaryDirectory(prefix=".partial-", dir=file.parent) as folder:
        partial = Path(folder) / file.name
        yield partial
        partial.replace(file)


def write_text(file: Path, text: str) -> None:
    """Write `text` whole, as UTF-8."""
    with whole_file(file) as partial:
        partial.write_text(text, encoding="utf-8")
