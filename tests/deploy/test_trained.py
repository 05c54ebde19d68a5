"""A trained model is opened from files alone, and it is the one that was asked for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datasets import Prepared, open_split
from datasets.batches import batch_of
from deploy.errors import ModelError
from deploy.trained import open_trained
from runs.directory import RunDirectoryError
from runs.errors import EosweepError


@pytest.mark.parametrize("task", ["segmentation", "detection", "classification"])
def test_opens_the_model_that_was_kept(make_run: Callable[..., Any], task: str) -> None:
    run = make_run(task)
    kept = run.add("000-test_resnet", 0.5)
    trained = open_trained(run.folder)
    assert not trained.model.training
    assert (trained.name, trained.task, trained.score) == ("000-test_resnet", task, 0.5)
    assert trained.classes == ("landslide", "water")
    state = trained.model.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in kept.state_dict().items())


@pytest.mark.parametrize("stretch", [None, (2.0, 98.0)])
def test_images_are_standardised_as_in_training(
    make_run: Callable[..., Any],
    prepare_sample: Callable[..., Prepared],
    stretch: tuple[float, float] | None,
) -> None:
    data = prepare_sample(stretch)
    split = open_split(data, "test")
    limits = None if split.stretch is None else split.stretch.tolist()
    moments = {"mean": split.mean.tolist(), "std": split.std.tolist()}
    run = make_run(stretch=limits, dtype=split.images.dtype.name, **moments)
    model = run.add("000-test_resnet", 0.5)
    batch = batch_of(split, np.arange(2))
    expected = model.predict(batch.images)
    for found, truth in zip(open_trained(run.folder).find(split.images[:2]), expected, strict=True):
        assert torch.allclose(found["probabilities"], truth["probabilities"], atol=1e-5)


def test_without_a_name_it_is_the_winner(make_run: Callable[..., Any]) -> None:
    """Its rule is tested with `runs.winner`; here, that no other one is followed."""
    run = make_run()
    run.add("000-a", 0.3, seed=1)
    run.add("001-b", 0.5, seed=2)
    run.add("002-c", 0.5, seed=3)
    assert open_trained(run.folder).name == "001-b"
    assert open_trained(run.folder, "000-a").score == 0.3
    for seed, score in enumerate((0.1, 0.2)):
        run.add(f"001-b-seed{seed}", score, of="001-b", seed=seed)
    assert open_trained(run.folder).name == "001-b-seed1"


def test_a_training_without_weights_names_those_that_have_some(
    make_run: Callable[..., Any],
) -> None:
    run = make_run()
    run.add("000-a", 0.5)
    run.add("001-b", 0.6, weights=False)
    for name, fault in (("001-b", "001-b has no weights"), (None, "001-b, the winner, has no")):
        with pytest.raises(ModelError, match=rf"{fault}.*; there are weights of 000-a$"):
            open_trained(run.folder, name)


def test_an_unknown_name_is_refused_with_the_nearest(make_run: Callable[..., Any]) -> None:
    run = make_run()
    run.add("000-a", 0.5)
    with pytest.raises(RunDirectoryError, match="no trial or repeat '000-b'; did you mean '000-a'"):
        open_trained(run.folder, "000-b")


def _damage_weights(run: Any) -> None:
    (run.folder / "trials/000-a/weights.safetensors").write_bytes(b"nothing")


def _edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(file.read_text())
    del content["digest"]  # as of an earlier version
    change(content)
    file.write_text(json.dumps(content))


def _change_head(run: Any) -> None:
    file = run.folder / "trials/000-a/trial.json"
    _edit(file, lambda record: record["config"].update(head="unet"))


def _later_epoch(run: Any) -> None:
    _edit(run.folder / "trials/000-a/trial.json", lambda record: record.update(best_epoch=2))


def _run_lacks_a_field(run: Any) -> None:
    _edit(run.folder / "run.json", lambda info: info["data"].pop("window"))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_damage_weights, "weights.safetensors is damaged"),
        (_change_head, "is of architecture .* but the code now builds"),
        (_later_epoch, "is of epoch 1, but 2 is on record"),
        (_run_lacks_a_field, r"run.json is damaged .*data.window: Field required"),
    ],
)
def test_what_is_not_the_trained_model_is_refused(
    make_run: Callable[..., Any], damage: Callable[[Any], None], sentence: str
) -> None:
    run = make_run()
    run.add("000-a", 0.5)
    damage(run)
    with pytest.raises(EosweepError, match=sentence):
        open_trained(run.folder)
