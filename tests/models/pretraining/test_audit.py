import pytest
import timm
import torch
from torch import nn

from models.pretraining.audit import WeightsDoNotFitError, load_audited


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3))


def test_audit_accounts_for_every_tensor():
    state = {name: torch.full_like(tensor, 7) for name, tensor in network().state_dict().items()}
    state["2.weight"] = torch.zeros(5, 4)
    del state["0.bias"]
    state["head.weight"] = torch.zeros(1)

    target = network()
    audit = load_audited(target, state, source="hand-made", threshold=0.5)

    # Eight tensors, the batch norm's integer counter not among them.
    assert (audit.matched, audit.expected) == (6, 8)
    assert audit.missing == ("0.bias",)
    assert audit.unexpected == ("head.weight",)
    assert audit.wrong_shape == ("2.weight 5×4, needed 3×4",)
    assert audit.fraction == 6 / 8
    assert "hand-made: 6 of 8 tensors matched" in audit.sentence()
    loaded = target.state_dict()
    assert (loaded["0.weight"] == 7).all() and (loaded["1.running_var"] == 7).all()
    assert torch.equal(loaded["0.bias"], network().state_dict()["0.bias"])


def test_counters_of_batch_norm_do_not_hide_a_misfit():
    deep = nn.Sequential(*(nn.BatchNorm2d(4) for _ in range(30)))
    counters = {name: tensor for name, tensor in deep.state_dict().items() if "num_batches" in name}
    with pytest.raises(WeightsDoNotFitError, match="0 of 120"):
        load_audited(deep, counters, source="counters", threshold=0.1)


def test_a_misfit_names_ten_culprits_and_changes_nothing():
    deep = nn.Sequential(*(nn.Linear(3, 3) for _ in range(8)))
    before = {name: tensor.clone() for name, tensor in deep.state_dict().items()}
    state = {f"block{name}": torch.ones_like(tensor) for name, tensor in before.items()}
    state["0.weight"] = torch.ones(3, 3)

    with pytest.raises(WeightsDoNotFitError) as raised:
        load_audited(deep, state, source="renamed.pth")

    message = str(raised.value)
    assert "renamed.pth" in message and "1 of 16" in message and "first 10 of 31" in message
    assert message.count("missing ") == 5 and message.count("unexpected ") == 5
    assert "missing 0.bias; unexpected block0.weight" in message
    assert all(torch.equal(tensor, before[name]) for name, tensor in deep.state_dict().items())


def test_an_essential_tensor_must_match_whatever_the_share():
    deep = nn.Sequential(*(nn.Linear(3, 3) for _ in range(8)))
    state = deep.state_dict() | {"0.weight": torch.ones(3, 4)}
    with pytest.raises(WeightsDoNotFitError, match=r"0\.weight 3×4, needed 3×3"):
        load_audited(deep, state, source="other bands", essential=["0.weight"])


def test_weights_of_a_deeper_network_do_not_pass_for_a_shallower_one():
    """Every tensor of a ResNet-18 is in a ResNet-34, so that the share alone says 100 %."""
    shallow, deep = timm.create_model("resnet18"), timm.create_model("resnet34")
    with pytest.raises(WeightsDoNotFitError, match=r"more blocks than the network.*layer1\.2\."):
        load_audited(shallow, deep.state_dict(), source="resnet34")
