import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.backbones import Backbone
from models.pretraining import hub, imagenet
from models.pretraining.hub import WeightsUnavailableError

FILE = "resnet18.a1_in1k.safetensors"


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path: Path):
    """No network, an empty hub cache, and no memory of an earlier probe."""
    calls: list[tuple[object, object]] = []

    def refuse(address: object, timeout: object = None) -> socket.socket:
        calls.append((address, timeout))
        raise OSError("no route")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(hub, "getproxies", dict)
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub.constants, "ENDPOINT", "https://hub.example:8443")
    hub._answers.cache_clear()
    yield calls
    hub._answers.cache_clear()


def test_a_local_folder_comes_first(tmp_path: Path, offline):
    (tmp_path / FILE).touch()
    assert imagenet.locate("resnet18", tmp_path) == tmp_path / FILE
    assert offline == []


def test_the_hubs_cache_is_used_offline(tmp_path: Path, offline):
    repository = tmp_path / "hub" / "models--timm--resnet18.a1_in1k"
    cached = repository / "snapshots" / "abc" / "model.safetensors"
    cached.parent.mkdir(parents=True)
    cached.touch()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc")
    assert imagenet.locate("resnet18", None) == cached
    assert offline == []


def test_without_network_the_error_says_which_file_goes_where(tmp_path: Path, offline):
    for backbone in ("resnet18", "efficientnet_b0"):
        with pytest.raises(WeightsUnavailableError) as raised:
            imagenet.locate(backbone, tmp_path)
    message = str(raised.value)
    assert f"of timm/NAME from the hub, and save it as NAME.safetensors in {tmp_path}" in message
    assert message.endswith("NAME: efficientnet_b0.ra_in1k")
    # Asked of the network once, with the agreed patience, however many backbones there are.
    assert offline == [(("hub.example", 8443), 3.0)]


def test_offline_mode_does_not_touch_the_network(monkeypatch, offline):
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsUnavailableError, match="cannot be reached"):
        imagenet.locate("resnet18", None)
    assert offline == []


def test_a_backbone_without_published_weights_is_refused():
    with pytest.raises(WeightsUnavailableError, match="publishes no"):
        imagenet.locate("vit_tiny_patch16_384_of_mine", None)


def test_published_weights_are_laid_on_bands_in_any_order(tmp_path: Path):
    published = Backbone("resnet18", 3, 64).network.state_dict()
    path = tmp_path / FILE
    save_file(published | {"fc.weight": torch.ones(1000, 512), "fc.bias": torch.ones(1000)}, path)
    network = Backbone("resnet18", 3, 64).network
    audit = imagenet.load_imagenet(network, path, rgb=(2, 1, 0))
    assert (audit.source, audit.fraction) == ("resnet18.a1_in1k", 1.0)
    assert audit.unexpected == ("fc.bias", "fc.weight")
    stem = network.state_dict()["conv1.weight"]
    assert torch.equal(stem, published["conv1.weight"].flip(1))
