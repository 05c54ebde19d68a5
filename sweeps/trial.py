"""One trial: trains a flat configuration, reporting each epoch. Runs in a Ray worker."""

import gc
import time
from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from datasets import Prepared, Split, seen_by
from datasets.batches import batch_of
from datasets.seen import open_seen
from models.architecture import ARCHITECTURE, architecture, load_same
from models.build import model_for, recipe_of
from models.features import FEATURES, FeatureStore
from models.latency import batch_times
from models.model import Model
from models.pretraining.loading import load_initial
from models.pretraining.store import open_stored
from models.tasks import TASKS
from models.tensors import save_tensors
from models.training import score, train, training_batches
from runs.directory import WEIGHTS, Group, RunDirectory
from runs.predictions import write_predictions
from runs.records import Latency, TrialRecord
from runs.tallies import write_tally
from sweeps.board import Board
from sweeps.gpu_load import LoadLog, instrument_of
from sweeps.reports import Report
from sweeps.resuming import RESUME_FILE, ResumeFile, time_for_another
from sweeps.slots import Slot, device_name, limit_to_slot
from sweeps.space import Config

PICTURES = 4
"""Validation images whose predictions TensorBoard shows."""


@dataclass(frozen=True)
class TrialContext:
    """What the trials of a run have in common, beside their configurations.

    Attributes:
        metric: the one that trials are ranked by.
        metrics: all that validation is scored by.
        whole_scenes: they count the pixels of scenes, and not of tiles.
        cache: where a node keeps what can be made again.
        varied: the settings that differ between trials: compared and tuned.
        slot: what the trial holds.
        directory: of the run, by its absolute path.
        deadline: unix time in seconds at which trials stop at a checkpoint; None for never.
    """

    task: str
    metric: str
    metrics: tuple[str, ...]
    whole_scenes: bool
    data: Prepared
    cache: Path
    slot: Slot
    varied: tuple[str, ...]
    directory: RunDirectory
    deadline: float | None


@dataclass(frozen=True)
class Training:
    """A stretch of a trial or repeat.

    Attributes:
        weights: the folder of its initial weights; None for scratch.
        until: the epoch after which it pauses or ends.
        recorded: the last epoch that is on record; 0 before the first.
    """

    name: str
    number: int
    group: Group
    config: Config
    weights: Path | None
    until: int
    recorded: int


def train_trial(training: Training, context: TrialContext) -> Generator[Report]:
    """Train a trial or repeat up to a rung or to its end; yields a report after each epoch.

    In its folder it writes the weights of its best epoch, TensorBoard events and, while it is
    unfinished, what it resumes from. Out of time, it ends before that; at least one epoch is
    trained, so that every time slice makes progress.
    """
    held_since = time.perf_counter()
    # Optimiser and schedule refer to each other: without this, a worker keeps the models of
    # earlier trials until Python next collects reference cycles.
    gc.collect()
    config, name = training.config, training.name
    device = limit_to_slot(context.slot)
    folder = context.directory.folder_of(training.group, name)
    folder.mkdir(parents=True, exist_ok=True)
    data = seen_by(config, context.data)
    train_split, validation = _split(data, "train"), _split(data, "val")
    pictures = batch_of(validation, validation.first_with(TASKS[context.task].needs, PICTURES))
    unfinished = ResumeFile(folder / RESUME_FILE)
    resume = unfinished.read()
    reports = list(resume["reports"]) if resume else []
    for report in reports:
        # The run ended before it was told of these epochs, or its last records are lost.
        if report["epoch"] > training.recorded:
            last = report["epoch"] == training.until
            yield Report(report, last=last)
            if last:
                return
    # What it resumes from holds every weight: the initial ones are not read again.
    model = initial_model(config, context.task, data, None if resume else training.weights)
    best = resume["best"] if resume else -1.0
    done = resume["epoch"] if resume else 0
    varied = {name: config[name] for name in context.varied if name in config}
    metrics, rgb = context.metrics, data.rgb
    board_of = Board(folder, varied, context.task, metrics, rgb, done)
    with board_of as board, LoadLog(instrument_of(device)) as load:
        recipe = recipe_of(config)
        epochs = train(
            *(model, TASKS[context.task], train_split, validation, recipe, device),
            resume,
            whole_scenes=context.whole_scenes,
            features=FeatureStore(context.cache / FEATURES, data.fingerprint),
        )
        for epoch in epochs:
            if epoch.number == 1:
                trained_on = next(training_batches(train_split, recipe, 1, device))
                board.draw_training(trained_on.to("cpu"), data)
            reached = epoch.metrics.get(context.metric, best)
            if reached > best:
                best = reached
                _save_weights(epoch.model, folder / WEIGHTS, epoch.number)
                board.draw(epoch.model, epoch.number, pictures, device, data)
            # An epoch costs the time that the slot was held, loading and saving included.
            seconds = {"seconds": time.perf_counter() - held_since}
            numbers = epoch.metrics | seconds | load.epoch()
            held_since = time.perf_counter()
            board.epoch(epoch.number, numbers)
            ended = epoch.diverged or epoch.number == config["epochs"]
            late = not time_for_another(context.deadline, numbers["seconds"])
            cut = late and not ended and epoch.number < training.until
            report = {
                "epoch": epoch.number,
                "diverged": epoch.diverged,
                "metrics": numbers | {"time": time.time()},
                "device": device_name(device),
                "architecture": architecture(model),
                "parameters": sum(part.numel() for part in model.parameters()),
            }
            reports.append(report)
            pauses = cut or epoch.number == training.until
            if not ended and (pauses or unfinished.due()):
                unfinished.write({**epoch.state(), "best": best, "reports": reports})
            yield Report(report, last=ended or pauses)
            if ended or pauses:
                return


def initial_model(config: Config, task: str, data: Prepared, weights: Path | None) -> Model:
    """The model of a configuration at its initial weights: of its backbone, or of all its parts."""
    torch.manual_seed(config["seed"])
    model = model_for(task, config, data)
    if weights is not None:
        load_initial(open_stored(weights), model)
    return model


def score_on_test(record: TrialRecord, context: TrialContext) -> Generator[Report]:
    """Score a trial or repeat on test; its tally and predictions are written into its folder.

    Yields one report: the metrics.

    Raises:
        ArchitectureChangedError, ValueError: as `trained_model`.
    """
    device = limit_to_slot(context.slot)
    data = seen_by(record.config, context.data)
    model = trained_model(record, context, data).to(device)
    directory = context.directory
    task, test = TASKS[context.task], _split(data, "test")
    with write_predictions(directory.predictions_file(record)) as predictions:
        scored = score(
            *(model, task, test, record.images_at_once, device, predictions.add),
            whole_scenes=context.whole_scenes,
        )
    tally = replace(scored.tally, scenes=np.array(test.scenes))
    write_tally(directory.tally_file(record), tally)
    yield Report(scored.metrics, last=True)


def time_model(record: TrialRecord, context: TrialContext) -> Generator[Report]:
    """Time the model of a trial, for a batch of one image and for one of its batch size.

    Yields one report: the `latency`.

    Raises:
        ArchitectureChangedError, ValueError: as `trained_model`.
    """
    device = limit_to_slot(context.slot)
    data = seen_by(record.config, context.data)
    model = trained_model(record, context, data).to(device)
    test = _split(data, "test")
    one, full = (
        batch_times(model, test, images, device) for images in (1, record.config["batch_size"])
    )
    latency = Latency(one=one, full=full, device=device_name(device))
    yield Report({"latency": latency}, last=True)


def trained_model(record: TrialRecord, context: TrialContext, data: Prepared) -> Model:
    """The model of a trial or repeat with the weights of its best epoch.

    Raises:
        ArchitectureChangedError: the code now builds another model than the weights are of.
        ValueError: the weights are not of the trial's best epoch.
    """
    model = model_for(context.task, record.config, data)
    file = context.directory.weights_file(record)
    epoch = int(load_same(model, file)["epoch"])
    if epoch != record.best_epoch:
        raise ValueError(f"{file} is of epoch {epoch}, but the best epoch is {record.best_epoch}")
    return model


def _split(data: Prepared, name: str) -> Split:
    """A split. A worker runs many trials and maps the file once."""
    return _split_at(data.folder, name, data.view)


_split_at = lru_cache(maxsize=9)(open_seen)


def _save_weights(model: nn.Module, file: Path, epoch: int) -> None:
    metadata = {"epoch": str(epoch), ARCHITECTURE: architecture(model)}
    save_tensors(file, model.state_dict(), metadata)
