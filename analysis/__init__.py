"""What a sweep found, read from its run directory alone: no Ray, no torch, nothing is trained.

From a shell, ``python -m analysis rank results/landslide_backbones``; from a notebook::

    run = analysis.load(Path("results/landslide_backbones"))
    analysis.rank_arms(run)               # a pandas DataFrame, a row an arm
    run.epochs.query("number == 3")       # the learning curve of trial 3
    print(analysis.show_ranking(run, metric="AP75", format="latex"))
"""

from analysis.classes import class_scores, show_classes
from analysis.ranking import rank_arms, rank_trials
from analysis.runs import AnalysisError, Run, load
from analysis.summary import show_ranking

__all__ = [
    "AnalysisError",
    "Run",
    "class_scores",
    "load",
    "rank_arms",
    "rank_trials",
    "show_classes",
    "show_ranking",
]
