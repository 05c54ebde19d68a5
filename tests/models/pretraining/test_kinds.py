"""What every kind of initial weights promises, whichever there are."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
from safetensors.torch import save_file

from datasets import Prepared
from models.pretraining import KINDS, SCRATCH
from models.pretraining.stage import Request, Stage

CONFIG = {
    "backbone": "test_resnet",
    "head": "faster_rcnn",
    "pretraining": "source",
    "lr": 1e-3,
    "lr_decay": "cosine",
    "epochs": 1,
    "batch_size": 8,
    "optimizer": "adamw",
    "weight_decay": 0.05,
    "warmup_epochs": 0.5,
    "clip_norm": 5.0,
    "augment": True,
    "frozen": False,
    "seed": 0,
}
SECTIONS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "imagenet": lambda folder: {"folder": folder},
    "default": lambda folder: {"folder": folder},
    "distillation": lambda _: {"teacher": {"backbone": "test_vit", "pretraining": SCRATCH}},
    "source": lambda _: {"dataset": {"name": "landslide4sense", "image_size": 32}, "lr": 1e-3},
}
"""A section for the kinds that need one."""


@pytest.fixture
def ask(tiny_data: Prepared, tmp_path: Path) -> Callable[[str], Request]:
    published = timm.get_pretrained_cfg("test_resnet")
    assert published is not None
    file = tmp_path / f"test_resnet.{published.tag}.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), file)

    def request(name: str) -> Request:
        section = SECTIONS.get(name, lambda _: {})(tmp_path)
        return Request(
            name=name,
            backbone="test_resnet",
            options=KINDS[name].options.model_validate(section),
            data=tiny_data,
            epochs=1,
            seed=0,
            task="detection",
            config=CONFIG,
            prepare=lambda _options: tiny_data,
            start=lambda _backbone, _pretraining, _data: None,
        )

    return request


@pytest.mark.parametrize("name", KINDS)
def test_stage_can_be_made_and_its_key_holds_what_shapes_the_weights(
    name: str, ask: Callable[[str], Request]
) -> None:
    request = ask(name)
    assert not list(request.options.faults())
    stage = KINDS[name].stage(request)
    for one in stage.lineage():
        assert (one.train is None) != (one.load is None)
        assert one.parts["kind"] == one.kind
    if stage.train is not None:
        assert KINDS[name].stage(replace(request, epochs=2)).key != stage.key
    # Ray sends it to a worker.
    sent: Stage = pickle.loads(pickle.dumps(stage))
    assert sent.key == stage.key


@pytest.mark.parametrize("name", KINDS)
def test_each_start_is_a_key_of_the_section(name: str, ask: Callable[[str], Request]) -> None:
    options = ask(name).options
    starts = list(options.starts())
    assert bool(starts) == KINDS[name].nested
    for start in starts:
        for key, value in zip(start.keys, (start.backbone, start.pretraining), strict=True):
            found: Any = options
            for part in key:
                found = getattr(found, str(part))
            assert value is None or found == value


def test_a_fault_in_a_section_is_named(ask: Callable[[str], Request], tmp_path: Path) -> None:
    options = ask("imagenet").options.model_copy(update={"folder": tmp_path / "nowhere"})
    (fault,) = options.faults()
    assert fault.key == ("folder",)
    assert "nowhere" in fault.message
