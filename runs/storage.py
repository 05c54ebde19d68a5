"""Files that every node of a cluster reaches: in a bucket (S3, GCS, Azure), or in a shared folder.

A file is there whole or not at all, also while another node writes it. So is a folder: the list of
its files is written last, and read first.
"""

import contextlib
import json
import shutil
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from runs.errors import EosweepError
from runs.files import whole_file, write_text
from runs.folders import build_once

SCHEMES = ("s3", "gs", "abfs", "abfss")
FORMS = (
    "a folder, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or "
    "abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX"
)
CONTENTS = "contents.json"
"""In the storage, beside the files of a whole folder: their names and sizes."""

GCS_RETRIES_S = 20
"""Google's client tries again for so long; its own limit is a quarter of an hour."""

REMEDIES = {
    "NO_SUCH_BUCKET": "there is no such bucket: make it, or correct the address",
    "NETWORK_CONNECTION": "it cannot be reached: check the address, and the network of this node",
    "resolve host": "it cannot be reached: check the address, and the network of this node",
    "ACCESS_DENIED": "access is denied: every node needs to read, write and delete there",
    "INVALID_ACCESS_KEY": "the credentials are not known there: correct them on every node",
    "SIGNATURE": "the credentials are not right: correct them on every node",
    "anonymous": "there are no credentials: give every node some that may read, write and delete",
}
"""What stands in an error, and what it means to a person."""


class StorageError(EosweepError, OSError):
    """The storage cannot be used; the message says which, why, and what to do."""


def storage_address(text: str) -> str:
    """`text` as it is, or the absolute path of a folder.

    Raises:
        ValueError: it is no address of a storage; the message says how to write one.
    """
    scheme, mark, _ = text.partition("://")
    if not mark:
        return str(Path(text).expanduser().resolve())
    parts = urlsplit(text)
    if scheme not in SCHEMES or not parts.hostname:
        raise ValueError(f"write {FORMS}, not {text!r}")
    if parts.password or (parts.username and scheme in ("s3", "gs")):
        raise ValueError(
            "no credentials are kept in a sweep file: set them in the environment of every node, "
            "or give the nodes a role"
        )
    return text


@dataclass(frozen=True)
class Storage:
    """A place for files, by their keys: relative paths with slashes.

    Every method raises `StorageError` if the storage cannot be used.

    Attributes:
        address: as of `storage_address`.
    """

    address: str

    def check(self) -> None:
        """Write, read and delete a small file."""
        key = f".check-{uuid.uuid4().hex}"
        with TemporaryDirectory() as folder:
            file = Path(folder) / "check"
            file.write_text(key)
            self.put(file, key)
            if not self.get(key, file) or file.read_text() != key:
                raise StorageError(f"storage {self.address}: what is written there is not read")
        self.remove(key)

    def put(self, file: Path, key: str) -> None:
        """Copy a file to the storage."""
        with self._asked(f"{key} is not written"):
            if self._is_folder:
                target = Path(self._path(key))
                target.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(target) as partial:
                    shutil.copyfile(file, partial)
            else:
                self._copy(str(file), self._path(key), upload=True)

    def get(self, key: str, file: Path) -> bool:
        """Copy a file from the storage, if it is there; says whether it was."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with self._asked(f"{key} is not read"):
            try:
                with whole_file(file) as partial:
                    self._copy(self._path(key), str(partial), upload=False)
            except FileNotFoundError:
                return False
        return True

    def remove(self, key: str) -> None:
        """Delete a file, if it is there."""
        with self._asked(f"{key} is not deleted"), contextlib.suppress(FileNotFoundError):
            self._opened[0].delete_file(self._path(key))

    def has(self, key: str) -> bool:
        """Whether there is such a file."""
        from pyarrow.fs import FileType

        with self._asked(f"{key} is not found"):
            (found,) = self._opened[0].get_file_info([self._path(key)])
            return bool(found.type == FileType.File)

    def files(self, key: str) -> dict[str, int]:
        """The files under `key` at any depth: their sizes in bytes by their relative names."""
        from pyarrow.fs import FileSelector, FileType

        base = self._path(key)
        with self._asked(f"{key} is not listed"):
            found = self._opened[0].get_file_info(
                FileSelector(base, recursive=True, allow_not_found=True)
            )
        files = [one for one in found if one.type == FileType.File]
        sizes = {one.path.removeprefix(f"{base}/"): one.size for one in files}
        self._check_names(sizes)
        return sizes

    def put_folder(self, folder: Path, key: str) -> None:
        """Copy a folder that does not change, unless it is there."""
        if self.has(f"{key}/{CONTENTS}"):
            return
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        sizes = {file.relative_to(folder).as_posix(): file.stat().st_size for file in files}
        for name in sizes:
            self.put(folder / name, f"{key}/{name}")
        with TemporaryDirectory() as scratch:
            contents = Path(scratch) / CONTENTS
            write_text(contents, json.dumps(sizes))
            self.put(contents, f"{key}/{CONTENTS}")

    def get_folder(self, key: str, folder: Path) -> bool:
        """Have a folder here, copied from the storage if it is not; says whether it is here.

        Of the processes of a node one copies it, and the others wait.
        """
        if folder.is_dir():
            return True
        if not self.has(f"{key}/{CONTENTS}"):
            return False

        def copy(target: Path) -> None:
            contents = target / CONTENTS
            self.get(f"{key}/{CONTENTS}", contents)
            sizes = json.loads(contents.read_text())
            contents.unlink()
            self._check_names(sizes)
            for name, size in sizes.items():
                file = target / name
                if not self.get(f"{key}/{name}", file) or file.stat().st_size != size:
                    raise StorageError(
                        f"storage {self.address}: {key}/{name} is damaged: delete the folder {key}"
                    )

        build_once(folder, Path.is_dir, copy)
        return True

    def _check_names(self, names: Iterable[str]) -> None:
        """Refuse what would leave the folder that it is copied to."""
        for name in names:
            if name.startswith("/") or ".." in name.split("/"):
                raise StorageError(f"storage {self.address}: a file is named {name!r}: delete it")

    @property
    def _opened(self) -> tuple[Any, str]:
        return _open(self.address)

    @property
    def _is_folder(self) -> bool:
        return "://" not in self.address

    def _path(self, key: str) -> str:
        return f"{self._opened[1]}/{key}"

    def _copy(self, source: str, target: str, *, upload: bool) -> None:
        from pyarrow.fs import LocalFileSystem, copy_files

        ends = (LocalFileSystem(), self._opened[0])
        here, there = ends if upload else ends[::-1]
        copy_files(source, target, source_filesystem=here, destination_filesystem=there)

    @contextlib.contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        """Turn what the file system raises into a sentence."""
        try:
            yield
        except (OSError, ValueError) as error:
            told = " ".join(str(error).split())
            known = (words for sign, words in REMEDIES.items() if sign in told)
            said = next(known, f"{what}: {told}")
            raise StorageError(f"storage {self.address}: {said}") from error


@lru_cache
def _open(address: str) -> tuple[Any, str]:
    """The file system of a storage, and the path of the storage in it."""
    from pyarrow.fs import FileSystem

    if address.startswith("gs://") and "retry_limit_seconds" not in address:
        joined = "&" if "?" in address else "?"
        address = f"{address}{joined}retry_limit_seconds={GCS_RETRIES_S}"
    filesystem, path = FileSystem.from_uri(address)
    return filesystem, path.rstrip("/")
