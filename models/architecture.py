"""What an architecture is, in a line: a hash of its parameters' names and shapes.

Weights are stored with the hash of their architecture, so that loading them into code that has
changed since fails with a sentence, and not silently or with a page of tensor names.
"""

import hashlib
import json
from pathlib import Path

from torch import nn

from models.tensors import read_tensors
from runs.errors import EosweepError

ARCHITECTURE = "architecture"
"""Key of the hash in the metadata of a file of weights."""


class ArchitectureChangedError(EosweepError):
    """Weights are of another architecture than the one that is built now."""


def architecture(model: nn.Module) -> str:
    """16 hex digits that change with the name, shape or order of any parameter or buffer."""
    shapes = [(name, list(tensor.shape)) for name, tensor in model.state_dict().items()]
    return hashlib.blake2b(json.dumps(shapes).encode(), digest_size=8).hexdigest()


def load_same(model: nn.Module, file: Path) -> dict[str, str]:
    """Fill `model` from `file`, in place; gives the file's metadata.

    Raises:
        ArchitectureChangedError: naming both hashes and the first tensors that differ.
        TensorsDamagedError: the file is not the one that was written.
    """
    state, metadata = read_tensors(file)
    stored = {name: list(tensor.shape) for name, tensor in state.items()}
    built = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    was, now = metadata.get(ARCHITECTURE), architecture(model)
    if was != now or stored != built:
        names = stored.keys() | built.keys()
        differing = sorted(n for n in names if stored.get(n) != built.get(n))
        first = ", ".join(
            f"{n} ({stored.get(n, 'missing')} in the file, {built.get(n, 'missing')} now)"
            for n in differing[:3]
        )
        raise ArchitectureChangedError(
            f"{file} is of architecture {was}, but the code now builds {now} "
            f"({len(differing)} tensors differ{': ' if first else ''}{first}): "
            "check out the revision that run.json names"
        )
    model.load_state_dict(state)
    return metadata
