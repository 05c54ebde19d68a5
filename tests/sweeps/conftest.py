from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sweeps.cluster import cluster
from sweeps.schema import Sweep
from sweeps.slots import Machine

TINY = """\
name: tiny
task: detection
metric: AP50
dataset:
  name: landslide4sense
  image_size: 32
  min_area: 2
compare:
  backbone: [test_resnet, test_vit]
  pretraining: [scratch, distillation]
tune:
  lr: {log_uniform: [1.0e-4, 1.0e-2]}
  loss_weights.roi_box: {uniform: [0.5, 4.0]}
weights:
  distillation: {teacher: {backbone: test_vit, pretraining: mae}}
budget: {trials: 6, epochs: 3, pretraining_epochs: 1}
scheduler: {name: asha, grace_epochs: 1, factor: 2}
seed: 3
"""


@pytest.fixture(scope="session")
def tiny_text() -> str:
    """A sweep file of four arms, so small that a trial takes seconds."""
    return TINY


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[Machine]:
    """Ray on two cores and a logical GPU, for all tests of this process; gives its one machine."""
    machine = Machine(cpus=2, gpus=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweeps.cluster.this_machine", lambda: machine)
        with cluster():
            yield machine


@pytest.fixture
def sweep_file(tmp_path: Path, tiny_text: str) -> Path:
    """The tiny sweep in a folder of its own."""
    file = tmp_path / "tiny.yaml"
    file.write_text(tiny_text)
    return file


@pytest.fixture
def make_sweep() -> Callable[..., Sweep]:
    """A sweep of two backbones and two initial weights, with sections replaced."""

    def make(**sections: Any) -> Sweep:
        base: dict[str, Any] = {
            "name": "tiny",
            "task": "detection",
            "metric": "AP50",
            "dataset": {"name": "landslide4sense", "image_size": 32, "min_area": 2},
            "compare": {
                "backbone": ["test_resnet", "test_vit"],
                "pretraining": ["scratch", "mae"],
            },
            "tune": {
                "lr": {"log_uniform": [1e-4, 1e-2]},
                "loss_weights.roi_box": {"uniform": [0.5, 4.0]},
            },
            "budget": {"trials": 12, "epochs": 9},
            "scheduler": {"name": "asha", "grace_epochs": 1, "factor": 3},
        }
        return Sweep.model_validate({**base, **sections})

    return make
