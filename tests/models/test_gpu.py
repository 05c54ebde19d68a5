"""What a GPU would only emulate, it is not asked for."""

import contextlib

import pytest
import torch

from models.gpu import autocast, computes_bfloat16
from sweeps.slots import device_name

GPU = torch.device("cuda", 0)


@pytest.fixture
def turing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that emulates bfloat16."""
    monkeypatch.setattr(torch.cuda, "device", lambda _: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla T4")
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation
    )


@pytest.mark.usefixtures("turing")
def test_a_gpu_without_bfloat16_computes_float32_and_its_records_say_so() -> None:
    assert not computes_bfloat16(GPU)
    assert device_name(GPU) == "Tesla T4, float32"


def test_a_cpu_computes_float32() -> None:
    with autocast(torch.device("cpu")):
        assert torch.nn.Linear(2, 2)(torch.ones(1, 2)).dtype == torch.float32
    assert device_name(torch.device("cpu")) == "cpu"
