"""What a sweep found, read from its run directory alone: no Ray, no torch, nothing is trained.

From a shell, ``python -m analysis rank results/landslide_backbones``; from a notebook::

    run = analysis.load(Path("results/landslide_backbones"))
    analysis.rank_arms(run)               # a pandas DataFrame, a row an arm
    run.epochs.query("number == 3")       # the learning curve of trial 3
    print(analysis.show_ranking(run, metric="AP75", format="latex"))

Where the sweep tallied its test images, scores are bounded and compared by resampling them::

    tally = analysis.read_tally(run, run.trials["name"][0])
    tally.scores("AP50", analysis.resamples(len(tally.names), seed=0))     # a score a resample
    best, other = (analysis.bootstrap([...], "AP50", weights) for ...)     # a tally a seed
    analysis.interval(best)                                                # 95 % CI
    analysis.compare_with(best, [other])                                   # tied, or p
"""

from analysis.arms import Ranking, rank_arms, rank_runs
from analysis.classes import class_scores, show_classes
from analysis.intervals import Bootstrap, bootstrap, interval, resamples
from analysis.ranking import rank_trials
from analysis.references import read_references
from analysis.runs import AnalysisError, Run, load
from analysis.summary import show_comparison, show_paper_table, show_ranking
from analysis.tallies import Tally, read_tally
from analysis.ties import Comparison, compare_with

__all__ = [
    "AnalysisError",
    "Bootstrap",
    "Comparison",
    "Ranking",
    "Run",
    "Tally",
    "bootstrap",
    "class_scores",
    "compare_with",
    "interval",
    "load",
    "rank_arms",
    "rank_runs",
    "rank_trials",
    "read_references",
    "read_tally",
    "resamples",
    "show_classes",
    "show_comparison",
    "show_paper_table",
    "show_ranking",
]
