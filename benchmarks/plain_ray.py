"""Identical trials as a plain Ray Tune script; `overhead.py --beside` writes SETTINGS.json.

    .venv/bin/python benchmarks/plain_ray.py SETTINGS.json

Each epoch's metrics are reported. No weights are kept, unlike in a sweep.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import ray
import torch
from ray import tune

from datasets import Prepared, open_split
from datasets.options import Dataset, prepare_dataset
from models.build import model_for, recipe_of
from models.tasks import TASKS
from models.training import train

ROOT = Path(__file__).resolve().parent.parent


def trial(config: dict[str, Any], settings: dict[str, Any], data: Prepared) -> None:
    torch.set_num_threads(settings["cpu"])
    torch.manual_seed(config["seed"])
    device = torch.device("cuda" if settings["gpu"] else "cpu")
    splits = open_split(data, "train"), open_split(data, "val")
    model = model_for(settings["task"], config, data)
    for epoch in train(model, TASKS[settings["task"]], *splits, recipe_of(config), device):
        tune.report(epoch.metrics)


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    data = prepare_dataset(Dataset(**settings["dataset"]), Path(settings["cache"]))
    os.environ["PYTHONPATH"] = str(ROOT)  # of the workers
    ray.init(num_cpus=settings["slots"] * settings["cpu"])
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_resources(
                tune.with_parameters(trial, settings=settings, data=data),
                {"cpu": settings["cpu"], "gpu": settings["gpu"]},
            ),
            param_space={
                **settings["config"],
                "number": tune.grid_search(list(range(settings["trials"]))),
            },
            tune_config=tune.TuneConfig(
                metric=settings["metric"],
                mode="max",
                reuse_actors=True,
                max_concurrent_trials=settings["slots"],
            ),
            run_config=tune.RunConfig(name="plain", storage_path=folder),
        )
        results = tuner.fit()
    assert len(results) == settings["trials"]
    assert not results.errors
    print(results.get_best_result().metrics)


if __name__ == "__main__":
    main()
