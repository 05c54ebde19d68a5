"""What was found out about files, kept until they change: a second look costs a stat of each."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.reading import in_order
from runs.files import kept_json, write_text
from runs.progress import Progress

FORMAT = 2  # raise when what is kept of any file changes


@dataclass(frozen=True)
class Memory:
    """Of the files below a folder.

    Attributes:
        root: the folder.
        cache: what was found is kept below it.
        progress: is told what is being done.
    """

    root: Path
    cache: Path
    progress: Progress

    def of(
        self, kind: str, files: Sequence[Path], look: Callable[[Path], Any], what: str
    ) -> dict[Path, Any]:
        """What `look` finds in each of `files`; on all cores where that is new.

        Args:
            kind: of what is found, for the name of the file that keeps it.
            look: is called in several threads; gives what JSON can hold.
            what: is being done, for `progress`.
        """
        digest = hashlib.sha256(f"{FORMAT} {self.root.resolve()}".encode()).hexdigest()
        store = self.cache / "data" / f"raster-{kind}-{digest[:16]}.json"
        known: dict[str, Any] = kept_json(store, dict) or {}
        names = {file: file.relative_to(self.root).as_posix() for file in files}
        states = {file: _state(file) for file in files}
        new = [file for file in states if known.get(names[file], [None])[0] != states[file]]
        if new:
            told = self.progress.over(what, new)
            for file, found in zip(new, in_order(told, look), strict=True):
                known[names[file]] = [states[file], found]
            store.parent.mkdir(parents=True, exist_ok=True)
            write_text(store, json.dumps(known))
        return {file: known[names[file]][1] for file in files}


def _state(file: Path) -> list[int]:
    status = file.stat()
    return [status.st_size, status.st_mtime_ns]
