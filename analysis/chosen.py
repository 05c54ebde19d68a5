"""The models that speak for the arms: their repeats, or their best trials."""

import pandas as pd

from analysis.ranking import best_epochs
from analysis.runs import Run


def chosen_models(run: Run, metric: str) -> pd.DataFrame:
    """A row a model: each repeat of an arm that has some, else the arm's best trial.

    Columns: those of ``run.trials``, ``validation`` and ``test`` (the scores by ``metric``; NaN
    where there is none) and ``latency_ms``. Repeats are of the best trial by the metric that the
    sweep selects by; by another metric, the best trials speak for all arms.
    """
    value = best_epochs(run, metric).set_index("number")[metric]
    trials = run.trials.assign(validation=run.trials["number"].map(value))
    ranked = trials.sort_values("validation", ascending=False, kind="stable")
    models = ranked.dropna(subset="validation").drop_duplicates("arm")
    if metric == run.info["metric"] and len(run.repeats):
        repeats = run.repeats.assign(validation=run.repeats["score"])
        alone = models[~models["arm"].isin(set(repeats["arm"]))]
        models = pd.concat([alone, repeats], ignore_index=True)
    for column, key in (("test", metric), ("latency_ms", "latency_ms")):
        found = {name: scores.get(key) for name, scores in run.test.items()}
        models[column] = models["name"].map(found).astype("float64")
    return models


def best_first(models: pd.DataFrame) -> pd.DataFrame:
    """Rows of ``chosen_models`` in the order of the ranking, of each arm the best one first.

    Arms with repeats go by the mean over them, before all others; those go by their best trials.
    """
    models = models.sort_values("arm", kind="stable")
    keys = pd.DataFrame(
        {
            "repeated": models["of"].notna() if "of" in models else False,
            "mean": models.groupby("arm")["validation"].transform("mean"),
            "validation": models["validation"],
        },
        index=models.index,
    )
    order = keys.sort_values(["repeated", "mean", "validation"], ascending=False, kind="stable")
    return models.loc[order.index]


def best_scores(run: Run, metric: str) -> pd.Series:
    """The best validation score of each arm that has one, best first, by the arm's position."""
    value = best_epochs(run, metric).set_index("number")[metric]
    scores = run.trials["number"].map(value).groupby(run.trials["arm"]).max().dropna()
    return scores.sort_values(ascending=False, kind="stable")
