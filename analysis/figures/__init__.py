"""The figures of a run: one file each, and one line here.

Each is drawn by a function that takes a run and the looks of its arms, and raises ``AnalysisError``
with the reason where it does not apply to the run.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib import rc_context

from analysis.figures.arms import draw_arms
from analysis.figures.best_after import draw_best_after
from analysis.figures.confusion import draw_confusion
from analysis.figures.effects import draw_effects
from analysis.figures.files import FORMATS, Figure, FigureFormat, write_figure
from analysis.figures.importance import draw_importance
from analysis.figures.learning import draw_learning
from analysis.figures.packing import draw_packing
from analysis.figures.parallel import draw_parallel
from analysis.figures.pareto import draw_pareto
from analysis.figures.precision_recall import draw_precision_recall
from analysis.figures.style import RC, Look, Sketch, looks_of
from analysis.runs import AnalysisError, Run

__all__ = [
    "FIGURES",
    "FORMATS",
    "Figure",
    "FigureFormat",
    "draw_figures",
    "sketch_figures",
    "write_figure",
]

FIGURES: dict[str, Callable[[Run, dict[int, Look]], Sketch]] = {
    "arms": draw_arms,
    "best_after": draw_best_after,
    "pareto": draw_pareto,
    "effects": draw_effects,
    "importance": draw_importance,
    "parallel": draw_parallel,
    "learning": draw_learning,
    "confusion": draw_confusion,
    "precision_recall": draw_precision_recall,
    "packing": draw_packing,
}
"""By name, in the order in which they tell of a run."""


MARK = "SAMPLE, synthetic data:"
"""What stands before the words of a figure of the embedded sample."""


def draw_figures(run: Run, folder: Path, formats: Sequence[FigureFormat]) -> list[Figure]:
    """Draw every figure that applies to a run, and write it as ``folder/name.format``.

    The same run gives the same files, byte for byte. ``sketch_figures`` tells what is left out.

    Raises:
        AnalysisError: the folder cannot be written.
    """
    sketches, _ = sketch_figures(run)
    return [write_figure(name, sketch, folder, formats) for name, sketch in sketches.items()]


def sketch_figures(run: Run) -> tuple[dict[str, Sketch], dict[str, str]]:
    """The figures that apply to a run, by name, and why each of the others does not.

    They can be written by ``write_figure``; nothing is on disk yet.
    """
    looks = looks_of(run)
    sketches, left_out = {}, {}
    with rc_context(RC):
        for name, draw in FIGURES.items():
            try:
                sketch = draw(run, looks)
            except AnalysisError as error:
                left_out[name] = str(error)
            else:
                sketches[name] = _marked(sketch) if run.info["sample"] else sketch
    return sketches, left_out


def _marked(sketch: Sketch) -> Sketch:
    """With what its scores are worth, in words as well."""
    return replace(sketch, caption=f"{MARK} {sketch.caption}", alt=f"{MARK} {sketch.alt}")
