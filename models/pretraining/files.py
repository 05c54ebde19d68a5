"""Reading files of weights without running anything that is in them."""

import pickle
import zipfile
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from models.pretraining.hub import WeightsUnavailableError


def read_tensors(path: Path) -> Mapping[str, object]:
    """What a file holds: tensors by name, and containers of such.

    `.safetensors` is read as that, everything else by torch with `weights_only=True`, which knows
    tensors and plain containers and refuses the rest; beside these, only the arguments of a
    command line (`argparse.Namespace`), which MAE's and SatMAE's scripts save with their weights.

    Raises:
        WeightsUnavailableError: the file is not there, damaged, or holds what could run code.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if is_program(path):
            raise WeightsUnavailableError(
                f"{path} is a TorchScript archive, a program with its weights, and is refused; "
                "load it where you trust it and save its state_dict, best as .safetensors"
            )
        if is_compressed(path):
            raise WeightsUnavailableError(
                f"{path} is compressed, which torch never does, and may unpack to any size; "
                "load it where you trust it and save its state_dict, best as .safetensors"
            )
        with torch.serialization.safe_globals([Namespace]):
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


def is_program(path: Path) -> bool:
    """Whether a file is a TorchScript archive, as OpenAI publishes CLIP in; its code is not run."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def is_compressed(path: Path) -> bool:
    """Whether a file is an archive with anything in it that is smaller than what it unpacks to."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist())
