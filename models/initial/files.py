"""Reading files of weights without running anything that is in them."""

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from models.initial.hub import WeightsUnavailableError


def read_tensors(path: Path) -> Mapping[str, object]:
    """What a file holds: tensors by name, and containers of such.

    `.safetensors` is read as that, everything else by torch with `weights_only=True`, which knows
    tensors and plain containers and refuses the rest.

    Raises:
        WeightsUnavailableError: the file is not there, damaged, or holds what could run code.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsUnavailableError(f"there is no file {path}") from error
    except pickle.UnpicklingError as error:
        raise WeightsUnavailableError(
            f"{path} is damaged, or holds Python objects beside its tensors; those could run code "
            "when loaded and are refused; save its state_dict alone, best as .safetensors"
        ) from error
    except (SafetensorError, RuntimeError, EOFError) as error:
        raise WeightsUnavailableError(f"{path} cannot be read as weights: {error}") from error
    if not isinstance(content, Mapping):
        raise WeightsUnavailableError(
            f"{path} holds a {type(content).__name__}, not tensors by name; save a state_dict"
        )
    return content
