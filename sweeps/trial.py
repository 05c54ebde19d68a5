"""One trial: a flat configuration → a trained model, reported epoch by epoch. Runs in a worker."""

import gc
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from ray import tune
from ray._raylet import setproctitle  # type: ignore[attr-defined]
from safetensors.torch import save_file
from torch import nn

from datasets import Prepared, Split, open_split
from datasets.batches import batch_of
from models.architecture import ARCHITECTURE, architecture, load_same
from models.build import recipe_of
from models.pretraining import store
from models.model import Model
from models.tasks import TASKS
from models.training import latency, score, train
from sweeps.board import Board
from sweeps.build import model_for
from sweeps.ledger import whole_file
from sweeps.resuming import ResumeFile, time_for_another
from sweeps.slots import Slots, device_name, occupy
from sweeps.space import Config

PICTURES = 4
"""Validation images whose predictions TensorBoard shows."""


@dataclass(frozen=True)
class Setting:
    """Where a trial finds things; the configuration says what it does with them.

    Attributes:
        metrics: all that validation is scored by; `metric` is the one that decides.
        varied: the settings that differ between trials: compared and tuned.
        trials: folder of all trials.
        weights: for each arm's label, the folder of its initial weights; None for scratch.
        deadline: when trials stop at a checkpoint, in seconds since the epoch; None for never.
    """

    task: str
    metric: str
    metrics: tuple[str, ...]
    data: Prepared
    slots: Slots
    varied: tuple[str, ...]
    trials: Path
    weights: dict[str, Path | None]
    deadline: float | None


def run_trial(config: Config, setting: Setting, name: str, arm: str) -> None:
    """Train one configuration, reporting to Ray Tune after each epoch.

    Beside the reports it leaves in its folder: the weights of its best epoch, what it needs to
    go on if it is cut short, and TensorBoard events. Out of time, it ends after an epoch whose
    report says that it was `cut`; one epoch is always done, so that every slice of time gets on.
    """
    held_since = time.perf_counter()
    # Optimiser and schedule refer to each other: without this, a worker keeps the models of the
    # trials before until Python happens to look for such rings.
    gc.collect()
    device = occupy(setting.slots)
    folder = setting.trials / name
    folder.mkdir(parents=True, exist_ok=True)
    training, validation = _split(setting.data, "train"), _split(setting.data, "val")
    pictures = batch_of(validation, validation.first_with(TASKS[setting.task].needs, PICTURES))
    model = initial_model(config, setting, setting.weights[arm])
    unfinished = ResumeFile(folder / "resume.pt")
    resume = unfinished.read(device)
    best = resume["best"] if resume else -1.0
    # Ray titles a worker's process with its class's name. Titled after the trial, it is recognised
    # in the dashboard's list of workers and in `top`; only Ray's own function can change the title.
    setproctitle(f"trial {name}")
    told = {name: config[name] for name in setting.varied if name in config}
    metrics, rgb = setting.metrics, setting.data.rgb
    done = resume["epoch"] if resume else 0
    with Board(folder, told, setting.task, metrics, rgb, done) as board:
        epochs = train(
            model, TASKS[setting.task], training, validation, recipe_of(config), device, resume
        )
        for epoch in epochs:
            reached = epoch.metrics.get(setting.metric, best)
            if reached > best:
                best = reached
                _save_weights(model, folder / "weights.safetensors", epoch.number)
                board.draw(model, epoch.number, pictures, device)
            # The time the slot was held counts, with loading and saving, not the training alone.
            held = time.perf_counter() - held_since
            numbers = epoch.metrics | {"seconds": held, "time": time.time()}
            held_since = time.perf_counter()
            board.epoch(epoch.number, numbers)
            more = not epoch.diverged and epoch.number < config["epochs"]
            cut = more and not time_for_another(setting.deadline, numbers["seconds"])
            tune.report(
                {
                    "epoch": epoch.number,
                    "score": best,
                    "diverged": epoch.diverged,
                    "cut": cut,
                    "metrics": numbers,
                    "device": device_name(device),
                    "architecture": architecture(model),
                    "parameters": sum(part.numel() for part in model.parameters()),
                }
            )
            setproctitle(f"trial {name}")
            # Only what is on record need not be done again, and by now this report is.
            if cut or (more and unfinished.due()):
                unfinished.write({**epoch.state(), "best": best})
            if cut:
                return


def initial_model(config: Config, setting: Setting, weights: Path | None) -> Model:
    """The model of a configuration at its initial weights: a backbone's, or (source) all of it."""
    torch.manual_seed(config["seed"])
    model = model_for(setting.task, config, setting.data)
    if weights is not None:
        stored = store.open_stored(weights)
        whole = stored.record["kind"] == "source"
        stored.load_into(model if whole else model.backbone.network)
    return model


def score_on_test(config: Config, setting: Setting, name: str, epoch: int) -> dict[str, float]:
    """The metrics, on test, of a trial's best `epoch`, and `latency_ms`; its tally goes beside it.

    Raises:
        ArchitectureChangedError: the weights that were kept are of other code.
        ValueError: they are of another epoch.
    """
    device = occupy(setting.slots)
    model = model_for(setting.task, config, setting.data)
    file = setting.trials / name / "weights.safetensors"
    kept = int(load_same(model, file)["epoch"])
    if kept != epoch:
        raise ValueError(f"{file} is of epoch {kept}, but {epoch} is on record as the best")
    test = _split(setting.data, "test")
    scored = score(model.to(device), TASKS[setting.task], test, config["batch_size"], device)
    with whole_file(file.with_name("test.npz")) as partial, partial.open("wb") as opened:
        np.savez_compressed(opened, **scored.tally())  # type: ignore[arg-type]
    return scored.metrics | {"latency_ms": latency(model, test, device)}


@lru_cache(maxsize=6)
def _split_at(folder: Path, name: str) -> Split:
    return open_split(folder, name)


def _split(data: Prepared, name: str) -> Split:
    """A split, mapped once a worker: workers outlive trials."""
    return _split_at(data.folder, name)


def _save_weights(model: nn.Module, file: Path, epoch: int) -> None:
    state = {
        name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()
    }
    with whole_file(file) as partial:
        metadata = {"epoch": str(epoch), ARCHITECTURE: architecture(model)}
        save_file(state, partial, metadata=metadata)
