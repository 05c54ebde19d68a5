"""What a sweep found, read from its run directory alone: no Ray, no torch, nothing is trained.

From a shell, `python -m analysis rank results/landslide_backbones`; from a notebook::

    run = analysis.load(Path("results/landslide_backbones"))
    analysis.rank_arms(run)               # a pandas DataFrame, a row an arm
    run.epochs.query("number == 3")       # the learning curve of trial 3
    print(analysis.show_ranking(run, metric="AP75", format="latex"))

Scores on test have intervals and are compared by resampling the scenes of the test images::

    tally = analysis.read_tally(run, "003-resnet18-mae")
    weights = analysis.scene_resamples(tally.scenes.tolist(), seed=0)
    tally.scores("AP50", weights)                                          # a score a resample
    best, other = (analysis.bootstrap([...], "AP50", weights) for ...)     # a tally a seed
    noise = analysis.seed_noise([best, other])                             # of all arms together
    analysis.interval(best, noise)                                         # 95 % CI
    analysis.compare_with(best, [other], noise)                            # tied, or p
"""

from analysis.loading import AnalysisError, Run, load
from analysis.ranking.arms import Ranking, rank_arms, rank_runs
from analysis.ranking.trials import rank_trials
from analysis.statistics.bootstrap import Bootstrap, bootstrap, resamples, scene_resamples
from analysis.statistics.intervals import interval
from analysis.statistics.seeds import seed_noise
from analysis.statistics.tallies import Tally, read_tally
from analysis.statistics.ties import Comparison, compare_with
from analysis.tables.classes import class_scores, show_classes
from analysis.tables.ranking import show_comparison, show_paper_table, show_ranking
from analysis.tables.references import read_references

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
    "scene_resamples",
    "seed_noise",
    "show_classes",
    "show_comparison",
    "show_paper_table",
    "show_ranking",
]
