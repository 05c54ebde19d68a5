"""Each loss term against its formula, pixel by pixel; ignored pixels never count."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from datasets.source import IGNORE
from models.losses import LOSSES
from models.losses.criterion import Criterion, output_channels
from models.losses.pixels import class_logits
from models.model import Classes

ONE = Classes(("building",), (950, 50), (1000, 1000))
THREE = Classes(("building", "wood", "water"), (500, 20, 300, 180), (1000,) * 4)
DATA = pytest.mark.parametrize("classes", [ONE, THREE], ids=["one class", "three classes"])


def criterion(classes: Classes, loss: str = "+".join(LOSSES), **options: Any) -> Criterion:
    return Criterion(classes, loss, **options)


def batch(classes: Classes, ignored: float = 0.2) -> tuple[Tensor, Tensor]:
    """Outputs [2, C, 6, 5] and masks uint8 [2, 6, 5] that hold every class."""
    generator = torch.Generator().manual_seed(0)
    outputs = 2 * torch.randn(2, output_channels(classes), 6, 5, generator=generator)
    masks = torch.arange(60).reshape(2, 6, 5) % (len(classes.names) + 1)
    masks[torch.rand(2, 6, 5, generator=generator) < ignored] = IGNORE
    return outputs.requires_grad_(), masks.to(torch.uint8)


def pixels(outputs: Tensor, masks: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Logits [N, K + 1] and truths [N] of the pixels that count, as numbers."""
    logits = class_logits(outputs).detach().double().movedim(1, -1).flatten(0, 2).numpy()
    truths = masks.flatten().numpy()
    return logits[truths != IGNORE], truths[truths != IGNORE].astype(int)


def softmax(logits: np.ndarray) -> np.ndarray:
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


FORMULAS = ("cross_entropy", "bce", "focal", "dice", "jaccard", "lovasz")


def reference(term: str, logits: np.ndarray, truths: np.ndarray, weights: np.ndarray) -> float:
    """Each term by its paper's formula; `logits` [N, K + 1], `truths` [N], `weights` [K + 1]."""
    found = softmax(logits)
    count = logits.shape[1]
    right = found[np.arange(len(truths)), truths]
    binary = count == 2
    if term in ("cross_entropy", "focal"):
        each = -np.log(right) * ((1 - right) ** 2 if term == "focal" else 1)
        return float((weights[truths] * each).sum() / weights[truths].sum())
    if term == "bce":
        channels = [1] if binary else list(range(count))
        each = np.zeros(len(truths))
        for c in channels:
            z = logits[:, 1] - logits[:, 0] if binary else logits[:, c]
            p = 1 / (1 + np.exp(-z))
            each -= np.where(truths == c, np.log(p), np.log(1 - p)) / len(channels)
        return float((weights[truths] * each).sum() / weights[truths].sum())
    if term == "lovasz" and binary:
        signs = 2 * truths - 1
        return lovasz_extension(np.maximum(0, 1 - (logits[:, 1] - logits[:, 0]) * signs), truths)
    per_class = []
    for c in [1] if binary else range(count):
        true, p = (truths == c).astype(float), found[:, c]
        both = (true * p).sum()
        match term:
            case "dice":
                per_class.append(1 - 2 * both / (true.sum() + p.sum()))
            case "jaccard":
                per_class.append(1 - both / (true.sum() + p.sum() - both))
            case "lovasz":
                per_class.append(lovasz_extension(np.abs(true - p), truths == c))
    return float(np.mean(per_class))


def lovasz_extension(errors: np.ndarray, truths: np.ndarray) -> float:
    """Σ over falling errors of error × rise of the Jaccard loss when that pixel goes wrong too."""
    wrong: set[int] = set()
    total, before = 0.0, 0.0
    true = set(np.flatnonzero(truths))
    for pixel in np.argsort(-errors):
        wrong.add(int(pixel))
        now = len(wrong) / len(true | wrong)
        total += errors[pixel] * (now - before)
        before = now
    return float(total)


@DATA
@pytest.mark.parametrize("term", FORMULAS)
def test_agrees_with_its_formula(term: str, classes: Classes) -> None:
    outputs, masks = batch(classes)
    found = criterion(classes, term, weighting="inverse")
    expected = reference(term, *pixels(outputs, masks), found.weight.double().numpy())
    assert found(outputs, masks)[term].item() == pytest.approx(expected, rel=1e-5)


@DATA
def test_agrees_with_torch_where_that_has_the_loss(classes: Classes) -> None:
    outputs, masks = batch(classes)
    ours = criterion(classes, "cross_entropy", weighting="inverse", label_smoothing=0.1)
    theirs = torch.nn.CrossEntropyLoss(ours.weight, ignore_index=IGNORE, label_smoothing=0.1)
    expected = theirs(class_logits(outputs), masks.long())
    assert ours(outputs, masks)["cross_entropy"].item() == pytest.approx(expected.item())


def test_of_one_class_cross_entropy_is_bce() -> None:
    outputs, masks = batch(ONE)
    terms = criterion(ONE, weighting="1, 3")(outputs, masks)
    assert terms["cross_entropy"].item() == pytest.approx(terms["bce"].item())


@DATA
@pytest.mark.parametrize("term", LOSSES)
def test_ignored_pixels_do_not_count(term: str, classes: Classes) -> None:
    outputs, masks = batch(classes)
    ours = criterion(classes, term, weighting="inverse", label_smoothing=0.1)
    loss = ours(outputs, masks)[term]
    ignored = (masks == IGNORE)[:, None].expand_as(outputs)
    changed = outputs.detach().clone()
    changed[ignored] = 50.0
    assert ours(changed, masks)[term].item() == loss.item()


@DATA
@pytest.mark.parametrize("term", LOSSES)
def test_a_batch_of_ignored_pixels_costs_nothing(term: str, classes: Classes) -> None:
    outputs, masks = batch(classes, ignored=1.1)
    loss = criterion(classes, term, label_smoothing=0.1)(outputs, masks)[term]
    loss.backward()
    assert (loss.shape, loss.item()) == ((), 0)
    assert outputs.grad is not None
    assert outputs.grad.count_nonzero() == 0


@pytest.mark.parametrize("term", ["cross_entropy", "bce", "focal"])
def test_a_batch_of_classes_of_weight_0_costs_nothing(term: str) -> None:
    outputs, _ = batch(ONE)
    background = torch.zeros(2, 6, 5, dtype=torch.uint8)
    loss = criterion(ONE, term, weighting="0, 1", label_smoothing=0.1)(outputs, background)
    assert loss[term].item() == 0


@DATA
def test_terms_are_float32_under_autocast(classes: Classes) -> None:
    outputs, masks = batch(classes)
    half = outputs.detach().bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = criterion(classes)(half, masks)
    expected = criterion(classes)(half.float(), masks)
    assert {name: term.dtype for name, term in found.items()} == dict.fromkeys(
        LOSSES, torch.float32
    )
    assert {name: t.item() for name, t in found.items()} == {
        n: t.item() for n, t in expected.items()
    }


@DATA
def test_right_and_confident_costs_nothing_and_wrong_costs_most(classes: Classes) -> None:
    _, masks = batch(classes, ignored=0)
    truth = torch.nn.functional.one_hot(masks.long(), len(classes.names) + 1).movedim(-1, 1)
    logits = 80 * truth - 40
    right = (logits[:, 1:] - logits[:, :1] if classes is ONE else logits).float()
    for term, loss in criterion(classes)(right, masks).items():
        assert loss.item() == pytest.approx(0, abs=1e-6), term
    wrong = criterion(classes)(-right, masks)
    assert all(loss.item() > 0.5 for loss in wrong.values())
    assert all(math.isfinite(loss.item()) for loss in wrong.values())


def test_class_weights_are_not_part_of_the_state() -> None:
    """They follow from the data: a model that is moved to other data takes the weights of those."""
    assert not criterion(ONE, weighting="inverse").state_dict()


def test_pixel_counts_must_fit_the_classes() -> None:
    with pytest.raises(ValueError, match="3 pixel counts for 1 classes"):
        criterion(Classes(("building",), (1, 2, 3), (6, 6, 6)))
