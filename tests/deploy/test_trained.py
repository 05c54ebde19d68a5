"""A trained model is opened from files alone, and it is the one that was asked for."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from datasets import Prepared, open_split
from datasets.batches import batch_of
from deploy.faults import ModelError
from deploy.trained import open_trained


@pytest.mark.parametrize("task", ["segmentation", "detection"])
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


def test_winner_is_the_best_on_validation_whose_weights_are_kept(
    make_run: Callable[..., Any],
) -> None:
    run = make_run()
    run.add("000-test_resnet", 0.5, seed=1)
    run.add("001-test_resnet", 0.7, seed=2)
    run.add("002-test_resnet", 0.9, weights=False)
    assert open_trained(run.folder).name == "001-test_resnet"
    assert open_trained(run.folder, "000-test_resnet").score == 0.5


def test_with_repeats_the_winner_is_of_the_configuration_that_is_best_on_average(
    make_run: Callable[..., Any],
) -> None:
    run = make_run()
    for trial, first, scores in (("000-a", 0.95, (0.3, 0.4)), ("001-b", 0.9, (0.6, 0.8))):
        run.add(trial, first)
        for seed, score in enumerate(scores):
            run.add(f"{trial}-seed{seed}", score, of=trial, seed=seed)
    assert open_trained(run.folder).name == "001-b-seed1"
    assert open_trained(run.folder, "000-a-seed0").score == 0.3


def test_a_trial_without_weights_names_those_that_have_some(make_run: Callable[..., Any]) -> None:
    run = make_run()
    run.add("000-a", 0.5)
    run.add("001-b", 0.6, weights=False)
    for name, fault in (("001-b", "001-b has no weights"), ("7", "has no trial '7'")):
        with pytest.raises(ModelError, match=rf"{fault}; there are weights of 000-a$"):
            open_trained(run.folder, name)


def _damage_weights(run: Any) -> None:
    (run.folder / "trials/000-a/weights.safetensors").write_bytes(b"nothing")


def _change_head(run: Any) -> None:
    file = run.folder / "trials/000-a/trial.json"
    record = json.loads(file.read_text())
    record["config"]["head"] = "unet"
    file.write_text(json.dumps(record))


def _later_epoch(run: Any) -> None:
    file = run.folder / "trials/000-a/trial.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"best_epoch": 2}))


def _older_run(run: Any) -> None:
    file = run.folder / "run.json"
    info = json.loads(file.read_text())
    del info["data"]["window"]
    file.write_text(json.dumps(info))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_damage_weights, "weights.safetensors cannot be read"),
        (_change_head, "is of architecture .* but the code now builds"),
        (_later_epoch, "is of epoch 1, but 2 is on record"),
        (_older_run, r"run.json is damaged or of another version .*data.window: Field required"),
    ],
)
def test_what_is_not_the_trained_model_is_refused(
    make_run: Callable[..., Any], damage: Callable[[Any], None], sentence: str
) -> None:
    run = make_run()
    run.add("000-a", 0.5)
    damage(run)
    with pytest.raises(ModelError, match=sentence):
        open_trained(run.folder)
