import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.backbones import Backbone
from models.pretraining.audit import WeightsDoNotFitError
from models.pretraining.checkpoint import load_checkpoint, locate
from models.pretraining.hub import WeightsUnavailableError

RESNET, VIT, SWIN = "resnet18", "vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"


def network(name: str, bands: int = 5, size: int = 64, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return Backbone(name, bands, size).network


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    return network(RESNET).state_dict()


def assert_same(loaded: nn.Module, weights: dict[str, Tensor]) -> None:
    state = loaded.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in weights.items())


@pytest.mark.parametrize(
    "prefix",
    ["", "module.", "backbone.", "encoder.model.", "module.backbone.body.", "q.image_encoder."],
)
def test_prefixes_are_found_in_safetensors(tmp_path: Path, weights, prefix):
    path = tmp_path / "weights.safetensors"
    head = {"head.weight": torch.ones(1), f"{prefix}fc.bias": torch.ones(1)}
    save_file({f"{prefix}{name}": tensor for name, tensor in weights.items()} | head, path)
    target = network(RESNET, seed=1)
    audit = load_checkpoint(target, path, rgb=None)
    assert (audit.fraction, len(audit.unexpected)) == (1.0, 2)
    assert_same(target, weights)


@pytest.mark.parametrize("container", ["state_dict", "model", "model_state_dict", "student"])
def test_containers_are_found_in_torch_files(tmp_path: Path, weights, container):
    path = tmp_path / "weights.pth"
    prefixed = {f"module.{name}": tensor for name, tensor in weights.items()}
    adam = {"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 0.1}]}
    torch.save({"epoch": 3, "optimizer": adam, container: prefixed}, path)
    target = network(RESNET, seed=1)
    audit = load_checkpoint(target, path, rgb=None)
    assert audit.fraction == 1.0 and container in audit.source
    assert_same(target, weights)


def test_a_teacher_goes_before_its_student(tmp_path: Path, weights):
    path = tmp_path / "dino.pth"
    torch.save({"student": network(RESNET, seed=2).state_dict(), "teacher": weights}, path)
    target = network(RESNET, seed=1)
    load_checkpoint(target, path, rgb=None)
    assert_same(target, weights)


@pytest.mark.parametrize(("name", "resampled"), [(VIT, "pos_embed"), (SWIN, "position_bias_table")])
def test_another_image_size_is_resampled(tmp_path: Path, name, resampled):
    path = tmp_path / "larger.safetensors"
    save_file(network(name, size=224).state_dict(), path)
    audit = load_checkpoint(network(name, size=64, seed=1), path, rgb=None)
    assert audit.fraction == 1.0
    assert audit.resized and all(resampled in text for text in audit.resized)


def reversed_name(name: str) -> str:
    return name[::-1]


def misspelt(name: str) -> str:
    return name.replace(".", "_.")


@pytest.mark.parametrize("garble", [reversed_name, misspelt])
@pytest.mark.parametrize("name", [RESNET, SWIN])
def test_garbled_names_fail_rather_than_load(tmp_path: Path, name, garble):
    path = tmp_path / "garbled.safetensors"
    save_file({garble(key): t for key, t in network(name).state_dict().items()}, path)
    with pytest.raises(WeightsDoNotFitError, match=r"garbled\.safetensors does not fit: 0 of"):
        load_checkpoint(network(name), path, rgb=None)


def test_another_familys_weights_fail(tmp_path: Path, weights):
    path = tmp_path / "resnet.safetensors"
    save_file(weights, path)
    with pytest.raises(WeightsDoNotFitError):
        load_checkpoint(network(VIT), path, rgb=None)


def test_an_rgb_stem_is_adapted_and_another_one_refused(tmp_path: Path):
    rgb, four = tmp_path / "rgb.safetensors", tmp_path / "four.safetensors"
    save_file(network(RESNET, bands=3).state_dict(), rgb)
    save_file(network(RESNET, bands=4).state_dict(), four)
    target = network(RESNET, bands=5, seed=1)
    audit = load_checkpoint(target, rgb, rgb=(3, 2, 1))
    assert audit.resized == ("conv1.weight 64×3×7×7 to 64×5×7×7",)
    torch.testing.assert_close(
        target.state_dict()["conv1.weight"][:, 3] * 5 / 3,
        network(RESNET, bands=3).state_dict()["conv1.weight"][:, 0],
    )
    with pytest.raises(WeightsDoNotFitError, match="conv1"):
        load_checkpoint(target, four, rgb=(3, 2, 1))


def test_three_bands_are_permuted_only_for_weights_known_to_be_rgb(tmp_path: Path):
    path = tmp_path / "weights.safetensors"
    state = network(RESNET, bands=3).state_dict()
    save_file(state, path)
    target = network(RESNET, bands=3, seed=1)
    load_checkpoint(target, path, rgb=(2, 1, 0))
    assert torch.equal(target.state_dict()["conv1.weight"], state["conv1.weight"])
    load_checkpoint(target, path, rgb=(2, 1, 0), made_for_rgb=True)
    assert torch.equal(target.state_dict()["conv1.weight"], state["conv1.weight"].flip(1))


class Trap:
    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.sprung),)


def test_a_file_that_could_run_code_is_refused_unrun(tmp_path: Path):
    sprung = tmp_path / "sprung"
    for path, write in ((tmp_path / "a.pth", torch.save), (tmp_path / "b.pth", dump)):
        write({"state_dict": {"conv1.weight": torch.zeros(1)}, "extra": Trap(sprung)}, path)
        with pytest.raises(WeightsUnavailableError, match="could run code"):
            load_checkpoint(network(RESNET), path, rgb=None)
    assert not sprung.exists()


def dump(content: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))


def test_damaged_and_missing_files_are_named(tmp_path: Path, weights):
    path = tmp_path / "cut.safetensors"
    save_file(weights, path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WeightsUnavailableError, match=r"cut\.safetensors cannot be read"):
        load_checkpoint(network(RESNET), path, rgb=None)
    with pytest.raises(WeightsUnavailableError, match=r"there is no checkpoint .*absent\.pth"):
        locate(str(tmp_path / "absent.pth"))
    with pytest.raises(WeightsUnavailableError, match=r"no checkpoint weights/absent\.pth"):
        locate("weights/absent.pth")
