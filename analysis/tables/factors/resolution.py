"""Score against resolution and cost as a table."""

from analysis.factors.resolution import FACTOR, Resolution, resolution
from analysis.latency import latency_notes
from analysis.loading import Run
from analysis.statistics.costs import packing_notes
from analysis.tables.factors.ablation import means_of
from analysis.tables.factors.rows import (
    gain_notes,
    gain_sentence,
    is_repeated,
    left_out_notes,
    score_cells,
    score_notes,
    table_of,
)
from analysis.tables.formats import Format
from analysis.tables.table import Table

OPERATIONS = "GFLOP/epoch"


def resolution_table(run: Run, format: Format) -> Table:
    """A row an arm, its sizes below each other; the best of each size is in bold.

    Raises:
        AnalysisError: as `resolution`.
    """
    found = resolution(run)
    repeated = is_repeated(found.tested)
    kept = [
        (line, size, arms[size])
        for line, arms in found.lines.items()
        for size in found.sizes
        if size in arms
    ]
    rows = [
        {
            **line,
            FACTOR: size,
            **score_cells(one, format, repeated),
            OPERATIONS: found.operations[one.arm],
            "seconds": one.seconds,
            "latency_ms": one.latency_ms,
            **({"images_per_s": one.images_per_s} if run.latencies else {}),
        }
        for line, size, one in kept
    ]
    contest = [str(size) for _, size, _ in kept]
    return table_of(run, FACTOR, rows, ("test",), resolution_notes(run, found), contest)


def resolution_notes(run: Run, found: Resolution) -> list[str]:
    """What the table answers, what it found, and how."""
    frame = run.record.data.image_size
    return [
        f"Is a higher resolution worth its cost? {FACTOR} is the side, in px, at which the model "
        f"sees an image; all arms are scored at {frame} px. {OPERATIONS}: 10⁹ floating-point "
        "operations of an epoch, counted before the first trial; seconds: of one training.",
        *latency_notes(run),
        *packing_notes(run),
        *(gain_sentence(one, FACTOR) + _price(found, one.level) for one in means_of(found.gains)),
        *gain_notes(found.tested, found.gains),
        *score_notes(found.tested),
        *left_out_notes(run, found.tested),
    ]


def _price(found: Resolution, size: object) -> str:
    """How many times the operations of the smallest size this one takes, over the pairs."""
    ratios = [
        found.operations[arms[size].arm] / found.operations[arms[found.sizes[0]].arm]
        for arms in found.lines.values()
        if size in arms and found.sizes[0] in arms
    ]
    low, high = f"{min(ratios):.3g}", f"{max(ratios):.3g}"
    times = low if low == high else f"{low} to {high}"
    return f" It takes {times} times the operations."
