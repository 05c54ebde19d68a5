"""Weights of code that has changed are refused with a sentence that names the change."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from models.architecture import ARCHITECTURE, ArchitectureChangedError, architecture, load_same


def saved(model: nn.Module, file: Path) -> Path:
    save_file(model.state_dict(), file, metadata={ARCHITECTURE: architecture(model), "epoch": "3"})
    return file


def test_same_code_loads_its_weights(tmp_path: Path) -> None:
    model, again = (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)) for _ in range(2))
    assert load_same(again, saved(model, tmp_path / "w.safetensors"))["epoch"] == "3"
    assert torch.equal(model[0].weight, again[0].weight)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (nn.Sequential(nn.Linear(3, 5)), r"0\.bias \(\[4\] in the file, \[5\] now\)"),
        (nn.Sequential(nn.ReLU(), nn.Linear(3, 4)), r"0\.bias \(\[4\] in the file, missing now\)"),
    ],
)
def test_changed_code_is_refused_and_the_tensors_named(
    tmp_path: Path, changed: nn.Module, named: str
) -> None:
    file = saved(nn.Sequential(nn.Linear(3, 4)), tmp_path / "w.safetensors")
    with pytest.raises(ArchitectureChangedError, match=named):
        load_same(changed, file)


def test_values_do_not_change_the_hash() -> None:
    model = nn.Linear(3, 4)
    before = architecture(model)
    nn.init.zeros_(model.weight)
    assert architecture(model) == before
