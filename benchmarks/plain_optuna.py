"""Identical trials with Optuna alone, in threads; `overhead.py --beside` writes SETTINGS.json.

    .venv/bin/python benchmarks/plain_optuna.py SETTINGS.json

Each epoch's best score is reported. No weights are kept, unlike in a sweep.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import optuna
import torch

from datasets import open_split
from datasets.options import Dataset, prepare_dataset
from models.build import model_for, recipe_of
from models.tasks import TASKS
from models.training import train


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    config, task = settings["config"], settings["task"]
    data = prepare_dataset(Dataset(**settings["dataset"]), Path(settings["cache"]))
    splits = open_split(data, "train"), open_split(data, "val")
    device = torch.device("cuda" if settings["gpu"] else "cpu")
    torch.set_num_threads(settings["cpu"])

    def objective(trial: optuna.Trial) -> float:
        torch.manual_seed(config["seed"])
        model = model_for(task, config, data)
        best = 0.0
        for epoch in train(model, TASKS[task], *splits, recipe_of(config), device):
            best = max(best, epoch.metrics[settings["metric"]])
            trial.report(best, epoch.number)
        return best

    study = optuna.create_study(direction="maximize")
    study.optimize(objective, n_trials=settings["trials"], n_jobs=settings["slots"])
    print(study.best_trial.number, study.best_value)


if __name__ == "__main__":
    main()
