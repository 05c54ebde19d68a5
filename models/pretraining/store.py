"""Weights that were trained here, each kept once under a hash of everything that shaped them."""

import hashlib
import json
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from torch import Tensor, nn

from models.tensors import TensorsDamagedError, read_tensors, save_tensors
from runs.digests import DamagedError, with_digest, without_digest

WEIGHTS, RECORD = "backbone.safetensors", "stage.json"
# Part of every key: raise it when a stage makes other weights out of the same parts.
STAGES_VERSION = 2


@dataclass(frozen=True)
class Stored:
    """Finished weights.

    Attributes:
        folder: holds `backbone.safetensors` and `stage.json`.
        record: how they were made, as given to `save`.
    """

    folder: Path
    record: Mapping[str, object]

    def load_into(self, network: nn.Module) -> None:
        """Fill `network`, in place.

        Raises:
            RuntimeError: naming the tensors that do not match.
            TensorsDamagedError: the file is not the one that was written.
        """
        state, _ = read_tensors(self.folder / WEIGHTS)
        network.load_state_dict(state, strict=True)


def open_stored(folder: Path) -> Stored:
    """The weights in `folder`, which are whole."""
    return Stored(folder, json.loads(without_digest((folder / RECORD).read_bytes())))


def weights_key(parts: Mapping[str, object]) -> str:
    """16 hex digits that change with anything in `parts` (JSON types), but not with its order."""
    canonical = json.dumps(
        {"stages_version": STAGES_VERSION, "parts": parts},
        sort_keys=True,
        separators=(",", ":"),
        allow_nan=False,
    )
    return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()


def find(cache: Path, name: str, key: str) -> Stored | None:
    """The weights saved under this name and key; None if there are none, or damaged ones."""
    folder = folder_of(cache, name, key)
    try:
        _check(folder / WEIGHTS, (folder / WEIGHTS).stat().st_mtime_ns)
        return open_stored(folder)
    except (FileNotFoundError, ValueError, DamagedError, TensorsDamagedError):
        return None


def unfinished(cache: Path, name: str, key: str) -> Path:
    """The file of what a training that was cut short needs to go on."""
    folder = folder_of(cache, name, key)
    return folder.with_name(f"{folder.name}.resume.pt")


def save(
    cache: Path, name: str, key: str, state: Mapping[str, Tensor], record: Mapping[str, object]
) -> Stored:
    """Keep `state` and how it was made under `cache/weights/<name>-<key>/`.

    Written to a hidden folder and renamed when whole, so that what is interrupted is never found.
    If two processes save the same key, the second gets what the first saved.
    """
    target = folder_of(cache, name, key)
    unfinished = target.with_name(f".{target.name}-{uuid.uuid4().hex}")
    text = json.dumps(record, indent=2, allow_nan=False)
    unfinished.mkdir(parents=True)
    try:
        save_tensors(unfinished / WEIGHTS, state, {})
        (unfinished / RECORD).write_text(with_digest(text))
        try:
            unfinished.rename(target)
        except OSError:  # the folder is there: somebody was first, or what is there is damaged
            if winner := find(cache, name, key):
                return winner
            shutil.rmtree(target)
            unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return Stored(target, json.loads(text))


@lru_cache
def _check(weights: Path, _changed: int) -> None:
    """Read a file of weights once in a process: every plan and every trial asks for it."""
    read_tensors(weights)


def folder_of(cache: Path, name: str, key: str) -> Path:
    """Where the weights of this name and key lie, when they are made."""
    return cache / "weights" / f"{name}-{key}"
