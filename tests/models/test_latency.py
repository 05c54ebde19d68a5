"""What is timed is the batch that was asked for, often enough, and after a warm-up."""

import time

import pytest
import torch
from torch import Tensor

from datasets import Prepared, open_split
from models.latency import ENOUGH_S, FEWEST, MOST, WARM_UP, batch_times

CPU = torch.device("cpu")


class Clocked:
    """A model that moves the clock on: by `warm` seconds in the warm-up, then by `each`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, warm: float, each: list[float]) -> None:
        self.left = [*[warm] * WARM_UP, *each]
        self.shapes: list[tuple[int, ...]] = []
        self.now = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def eval(self) -> None: ...

    def predict(self, images: Tensor) -> list[dict[str, Tensor]]:
        self.shapes.append(tuple(images.shape))
        self.now += self.left.pop(0)
        return []


def test_quartiles_are_in_milliseconds_and_without_the_warm_up(
    tiny_data: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert FEWEST == 10
    model = Clocked(monkeypatch, 1000.0, [10.0, 2.0, 9.0, 4.0, 5.0, 6.0, 7.0, 8.0, 3.0, 1.0])
    found = batch_times(model, open_split(tiny_data, "test"), 4, CPU)
    assert (found.low, found.median, found.high) == (3250.0, 5500.0, 7750.0)
    assert found.runs == 10
    assert found.images_per_s == pytest.approx(4 / 5.5)


def test_a_fast_model_is_run_more_often_until_it_is_enough(
    tiny_data: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = open_split(tiny_data, "test")
    for each, expected in ((1e-3, MOST), (ENOUGH_S / 16, 16), (60.0, FEWEST)):
        model = Clocked(monkeypatch, 0.0, [each] * MOST)
        assert batch_times(model, test, 1, CPU).runs == expected


def test_a_full_batch_is_full_although_the_split_has_fewer_images(
    tiny_data: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    test = open_split(tiny_data, "test")
    model = Clocked(monkeypatch, 0.0, [1.0] * FEWEST)
    images = len(test) + 3
    assert batch_times(model, test, images, CPU).images == images
    assert {shape[0] for shape in model.shapes} == {images}
