"""Files of tensors: safetensors that carry a digest of all that is in them.

A flipped bit of a weight is a weight like any other: without a digest, a damaged file would be
another model that nobody trained.
"""

import json
from collections.abc import Mapping
from functools import partial
from hashlib import blake2b
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from runs.errors import EosweepError
from runs.files import unwritten, whole_file

DIGEST = "digest"
"""Key of the digest in the metadata; files of earlier versions have none."""


class TensorsDamagedError(EosweepError):
    """A file of tensors is not the one that was written."""


def save_tensors(file: Path, state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write tensors and metadata, whole, with their digest.

    Raises:
        OSError: with the name of the file and the cause.
    """
    # Own, contiguous memory for each tensor: safetensors refuses views and shared storage.
    own = partial(Tensor.to, device="cpu", copy=True, memory_format=torch.contiguous_format)
    owned = {name: own(tensor.detach()) for name, tensor in state.items()}
    with whole_file(file) as new:
        try:
            save_file(owned, new, {**metadata, DIGEST: _digest(owned, metadata)})
        except SafetensorError as error:
            raise unwritten(file, error) from error


def read_tensors(file: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a file.

    Raises:
        FileNotFoundError: it is not there.
        TensorsDamagedError: it was changed since it was written, or is no such file.
    """
    try:
        with safe_open(file, "pt") as opened:
            metadata: dict[str, str] = opened.metadata() or {}
        state = load_file(file)
    except (SafetensorError, ValueError) as error:
        raise TensorsDamagedError(f"{file} is damaged: {error}") from None
    digest = metadata.pop(DIGEST, None)
    if digest is not None and digest != _digest(state, metadata):
        raise TensorsDamagedError(f"{file} is damaged: its tensors do not match their digest")
    return state, metadata


def _digest(state: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    digest = blake2b(json.dumps(sorted(metadata.items())).encode(), digest_size=16)
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def digest_of(state: Mapping[str, Tensor]) -> str:
    """32 hex digits that change with the name, type, shape or any value of a tensor."""
    return _digest({name: tensor.cpu().contiguous() for name, tensor in state.items()}, {})
