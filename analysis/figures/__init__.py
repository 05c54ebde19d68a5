"""The figures of a run: one file each, and one line in `FIGURES`.

Each is drawn by a function that takes a run and the looks of its arms, and raises `AnalysisError`
with the reason where it does not apply to the run.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

from matplotlib import rc_context

from analysis.figures.ablation import draw_augment, draw_bands, draw_stretch
from analysis.figures.arms import draw_arms
from analysis.figures.best_after import draw_best_after
from analysis.figures.confusion import draw_confusion
from analysis.figures.effects import draw_effects
from analysis.figures.files import FORMATS, Figure, FigureFormat, write_figure
from analysis.figures.gpus import draw_gpus
from analysis.figures.importance import draw_importance
from analysis.figures.labels import draw_labels
from analysis.figures.learning import draw_learning
from analysis.figures.packing import draw_packing
from analysis.figures.parallel import draw_parallel
from analysis.figures.pareto import draw_pareto
from analysis.figures.precision_recall import draw_precision_recall
from analysis.figures.resolution import draw_resolution
from analysis.figures.style import RC, Look, Sketch, looks_of
from analysis.loading import Run
from runs.errors import EosweepError

__all__ = [
    "FIGURES",
    "FORMATS",
    "Figure",
    "FigureFormat",
    "draw_figures",
    "sketch_figures",
    "write_figure",
]

Section = Literal["ranking", "factors", "budget", "mattered", "tradeoff", "errors", "cost"]
"""A section of the report that shows figures."""


class Registered(NamedTuple):
    """A kind of figure.

    Attributes:
        draw: makes it.
        section: of the report that shows it.
        what: it shows, as a sentence names it.
        tasks: those that have it; () if all have it.
        factor: that a run must compare to have it; "" if all have it.
        gpu: only runs have it whose trials held a share of a GPU.
    """

    draw: Callable[[Run, dict[int, Look]], Sketch]
    section: Section
    what: str
    tasks: tuple[str, ...] = ()
    factor: str = ""
    gpu: bool = False


FIGURES: dict[str, Registered] = {
    "arms": Registered(draw_arms, "ranking", "the arms with their intervals"),
    "bands": Registered(draw_bands, "factors", "what each choice of bands adds", factor="bands"),
    "augment": Registered(draw_augment, "factors", "what each augmentation adds", factor="augment"),
    "stretch": Registered(draw_stretch, "factors", "what each stretch adds", factor="stretch"),
    "labels": Registered(
        draw_labels, "factors", "the score against labels", factor="train_fraction"
    ),
    "resolution": Registered(
        draw_resolution, "factors", "the score against resolution", factor="image_size"
    ),
    "best_after": Registered(draw_best_after, "budget", "the best score after n trials"),
    "pareto": Registered(draw_pareto, "tradeoff", "quality against cost"),
    "effects": Registered(draw_effects, "mattered", "the effects of the factors"),
    "importance": Registered(draw_importance, "mattered", "which hyperparameters mattered"),
    "parallel": Registered(draw_parallel, "mattered", "the trials in parallel coordinates"),
    "learning": Registered(draw_learning, "budget", "the learning curves"),
    "confusion": Registered(
        draw_confusion, "errors", "the confusion matrix", ("segmentation", "classification")
    ),
    "precision_recall": Registered(
        draw_precision_recall, "errors", "precision against recall", ("detection",)
    ),
    "packing": Registered(draw_packing, "cost", "what ran when"),
    "gpus": Registered(draw_gpus, "cost", "what the GPUs did", gpu=True),
}
"""By name, in the order in which they are read."""


def figures_of(
    task: str, factors: Sequence[str] = (), *, gpu: bool = False
) -> dict[str, Registered]:
    """The figures that runs of a task may have that compare these factors, perhaps on a GPU."""
    return {
        name: figure
        for name, figure in FIGURES.items()
        if task in (figure.tasks or (task,)) and figure.factor in ("", *factors)
        if gpu or not figure.gpu
    }


MARK = "SAMPLE, synthetic data:"
"""What stands before the words of a figure of the embedded sample."""


def draw_figures(run: Run, folder: Path, formats: Sequence[FigureFormat]) -> list[Figure]:
    """Draw every figure that applies to a run, and write it as `folder/name.format`.

    The same run gives the same files, byte for byte. `sketch_figures` also gives what is left out.

    Raises:
        AnalysisError: the folder cannot be written.
    """
    sketches, _ = sketch_figures(run)
    return [write_figure(name, sketch, folder, formats) for name, sketch in sketches.items()]


def sketch_figures(run: Run) -> tuple[dict[str, Sketch], dict[str, str]]:
    """The figures that apply to a run, by name, and why each of the others does not.

    Those of other tasks and of factors that it does not compare are in neither. They can be written
    by `write_figure`; nothing is on disk yet.
    """
    looks = looks_of(run)
    sketches, left_out = {}, {}
    with rc_context(RC):
        record = run.record
        had = figures_of(record.task, record.factors, gpu=record.slots.gpu > 0)
        for name, figure in had.items():
            try:
                sketch = figure.draw(run, looks)
            except EosweepError as error:
                left_out[name] = str(error)
            else:
                sketches[name] = _marked(sketch) if run.record.sample else sketch
    return sketches, left_out


def _marked(sketch: Sketch) -> Sketch:
    """The figure, with what its scores are worth in its words as well."""
    return replace(sketch, caption=f"{MARK} {sketch.caption}", alt=f"{MARK} {sketch.alt}")
