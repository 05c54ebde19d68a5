"""What each choice of bands (or of augmentation, or of the stretch) adds to the first one."""

from analysis.factors.ablation import Ablation, ablation
from analysis.factors.pairs import Gain
from analysis.loading import Run
from analysis.tables.factors.rows import (
    MEAN,
    gain_cells,
    gain_notes,
    gain_sentence,
    left_out_notes,
    others_of,
    table_of,
    value_text,
)
from analysis.tables.formats import Format
from analysis.tables.table import Table


def ablation_table(factor: str, run: Run, format: Format) -> Table:
    """A row a choice, the mean over its pairs, and below it a row a pair.

    Raises:
        AnalysisError: as `ablation`.
    """
    found = ablation(run, factor)
    others = others_of(run, factor)
    rows = [
        {
            factor: one.level,
            **{name: MEAN if one.line is None else one.line[name] for name in others},
            "pairs": one.pairs,
            **gain_cells(one, format),
        }
        for one in found.gains
    ]
    base = value_text(found.base)
    return table_of(
        run, factor, rows, ("test", f"test of {base}", "adds"), ablation_notes(run, found)
    )


def ablation_notes(run: Run, found: Ablation) -> list[str]:
    """What the table answers, what it found, and how."""
    factor, base = found.factor, value_text(found.base)
    others = others_of(run, factor)
    alike = f" and are alike in {', '.join(others)}" if others else ""
    return [
        f"What does each choice of {factor} add to {base}, the first one listed? A pair is two "
        f"arms that differ in {factor}{alike}.",
        *(gain_sentence(one, factor) for one in means_of(found.gains)),
        *gain_notes(found.tested, found.gains),
        *left_out_notes(
            run, found.tested, found.alone, f"an arm of {factor} {base} that is alike otherwise"
        ),
    ]


def means_of(gains: tuple[Gain, ...]) -> list[Gain]:
    """The first row of each level: the mean over its pairs, or its only pair."""
    return list({one.level: one for one in reversed(gains)}.values())[::-1]
