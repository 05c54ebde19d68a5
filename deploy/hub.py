"""A trained model in the layout of the Hugging Face hub: one folder, usable without its run.

README.md            the model card, with the front matter that the hub reads
config.json          a `Description`: architecture, bands, class names, normalisation
model.safetensors    the weights
"""

import shutil
from pathlib import Path

import torch

from deploy.card import hub_card
from deploy.description import describe, parse_description
from deploy.errors import ModelError
from deploy.tasks import use_of
from deploy.trained import CPU, Trained, build_trained
from runs.directory import RunDirectory
from runs.files import whole_file, write_text

CARD, CONFIG, WEIGHTS = "README.md", "config.json", "model.safetensors"


def write_hub(run: Path, name: str | None, folder: Path) -> Path:
    """Write a trial or repeat of a run, or its winner, into `folder`, which exists; gives it.

    Raises:
        ModelError, RunDirectoryError: the run or the training cannot be used.
    """
    directory = RunDirectory(run)
    described = describe(directory, name)
    weights = directory.weights_file(directory.training(described.name))
    card = hub_card(run, described.name, use_of(described.task).pipeline)
    with whole_file(folder / WEIGHTS) as partial:
        shutil.copyfile(weights, partial)
    write_text(folder / CONFIG, described.without_paths().model_dump_json(indent=2) + "\n")
    write_text(folder / CARD, card)
    return folder


def open_hub(folder: Path, device: torch.device = CPU) -> Trained:
    """Open what `write_hub` wrote; nothing that is read can run code.

    Raises:
        ModelError: the folder is not one, or is damaged.
        ArchitectureChangedError: the weights are of another architecture.
    """
    file = folder / CONFIG
    try:
        text = file.read_bytes()
    except OSError as error:
        hint = ": it is a run directory, see load_winner" if RunDirectory(folder).begun() else ""
        raise ModelError(f"{file} cannot be read ({error.strerror}){hint}") from None
    return build_trained(parse_description(text, str(file)), folder / WEIGHTS, device)
