"""The loop of the stages steps its schedule: steps of a constant gradient shrink to nothing."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from models.pretraining.training import Recipe, run_epochs


def test_learning_rate_rises_and_falls_over_all_epochs() -> None:
    """AdamW moves a weight under a constant gradient by the learning rate, whatever it is."""
    module = nn.Linear(1, 1, bias=False)
    recipe = Recipe(epochs=10, steps_per_epoch=4, lr=0.1, weight_decay=0.0)
    weights = [module.weight.item()]

    def losses(batch: Tensor) -> dict[str, Tensor]:
        return {"loss": (module.weight * batch).sum()}

    for _ in run_epochs(module, lambda _: [torch.ones(1)] * 4, losses, recipe, torch.device("cpu")):
        weights.append(module.weight.item())

    moved = [before - after for before, after in pairwise(weights)]
    assert max(moved[:3]) > 0.9 * 4 * recipe.lr
    assert moved[-1] < 0.1 * max(moved)
