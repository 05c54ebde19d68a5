"""The test tallies of the best arm."""

from analysis.chosen import best_first, chosen_models
from analysis.runs import AnalysisError, Run
from analysis.tallies import Tally, read_tally, tally_file


def best_tallies(run: Run) -> tuple[int, list[Tally]]:
    """Position of the arm with the best validation score, and a tally a seed of it.

    Raises:
        AnalysisError: nothing was tested, or without tallies, as in runs of older versions.
    """
    models = chosen_models(run, run.info["metric"])
    if models.empty:
        raise AnalysisError("No trial has a score yet.")
    arm = int(best_first(models)["arm"].iloc[0])
    names = models.loc[models["arm"] == arm, "name"].tolist()
    if not all(tally_file(run, name).is_file() for name in names):
        raise AnalysisError("The best arm has no tally of the test images (test.npz).")
    return arm, [read_tally(run, name) for name in names]
