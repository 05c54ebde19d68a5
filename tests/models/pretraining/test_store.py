from pathlib import Path

import pytest
import torch
from torch import nn

from models.pretraining import store

RECORD = {"stage": "mae", "epochs": [{"epoch": 1, "loss": 0.5}]}


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4))


def test_key_knows_every_part_and_no_order():
    parts = {"backbone": "resnet18", "recipe": {"lr": 1e-3, "epochs": 2}}
    key = store.weights_key(parts)
    assert key == store.weights_key(dict(reversed(parts.items()))) and len(key) == 16
    assert key != store.weights_key(parts | {"recipe": {"lr": 1e-3, "epochs": 3}})


def test_saved_weights_come_back_whole(tmp_path: Path):
    store.save(tmp_path, "mae", "0123", network().state_dict(), RECORD)
    found = store.find(tmp_path, "mae", "0123")
    assert found and found.record == RECORD
    target = network(seed=1)
    found.load_into(target)
    original = network().state_dict()
    assert all(torch.equal(tensor, original[name]) for name, tensor in target.state_dict().items())
    assert store.find(tmp_path, "mae", "4567") is None


def test_shared_and_strided_tensors_are_kept(tmp_path: Path):
    base = torch.arange(6.0).view(2, 3)
    state = {"tied": base, "alias": base, "transposed": base.T, "row": base[1]}
    saved = store.save(tmp_path, "odd", "0", state, RECORD)
    module = nn.Module()
    for name, tensor in state.items():
        module.register_buffer(name, torch.zeros_like(tensor))
    saved.load_into(module)
    assert all(torch.equal(getattr(module, name), tensor) for name, tensor in state.items())


def test_loading_is_strict(tmp_path: Path):
    state = network().state_dict()
    del state["1.running_var"]
    with pytest.raises(RuntimeError, match="running_var"):
        store.save(tmp_path, "mae", "0", state, RECORD).load_into(network())


@pytest.mark.parametrize("last_step", ["save_tensors", "Path.rename"])
def test_an_interrupted_save_is_not_found(tmp_path: Path, monkeypatch, last_step):
    real = store.save_tensors

    def killed(*arguments: object) -> None:
        if last_step == "save_tensors":
            real(*arguments)
        raise KeyboardInterrupt

    target = store if last_step == "save_tensors" else Path
    monkeypatch.setattr(target, last_step.removeprefix("Path."), killed)
    monkeypatch.setattr(store.shutil, "rmtree", lambda *_, **__: None)  # a kill cleans nothing up
    with pytest.raises(KeyboardInterrupt):
        store.save(tmp_path, "mae", "0", network().state_dict(), RECORD)
    assert store.find(tmp_path, "mae", "0") is None
    assert not list((tmp_path / "weights").glob("[!.]*"))


def test_damaged_weights_are_not_found_and_can_be_replaced(tmp_path: Path):
    saved = store.save(tmp_path, "mae", "0", network().state_dict(), RECORD)
    file = saved.folder / store.WEIGHTS
    file.write_bytes(file.read_bytes()[:-1])
    assert store.find(tmp_path, "mae", "0") is None
    store.save(tmp_path, "mae", "0", network().state_dict(), RECORD).load_into(network(1))


def test_the_loser_of_a_race_gets_the_winners_weights(tmp_path: Path):
    store.save(tmp_path, "mae", "0", network(0).state_dict(), {"by": "winner"})
    late = store.save(tmp_path, "mae", "0", network(1).state_dict(), {"by": "loser"})
    assert late.record == {"by": "winner"}
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["mae-0"]
