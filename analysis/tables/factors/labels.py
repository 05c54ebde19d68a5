"""The label-efficiency curve as a table."""

from analysis.factors.labels import FACTOR, SHARE, Labels, labels
from analysis.loading import Run
from analysis.tables.factors.rows import (
    is_repeated,
    left_out_notes,
    line_title,
    score_cells,
    score_notes,
    table_of,
)
from analysis.tables.formats import Format
from analysis.tables.table import Table
from analysis.wording import count


def labels_table(run: Run, format: Format) -> Table:
    """A row an arm, its fractions below each other; the best of each fraction is in bold.

    Raises:
        AnalysisError: as `labels`.
    """
    found = labels(run)
    repeated = is_repeated(found.tested)
    kept = [
        (line, fraction, images, arms[fraction])
        for line, arms in found.lines.items()
        for fraction, images in zip(found.fractions, found.images, strict=True)
        if fraction in arms
    ]
    rows = [
        {**line, FACTOR: fraction, "images": images, **score_cells(one, format, repeated)}
        for line, fraction, images, one in kept
    ]
    contest = [str(fraction) for _, fraction, _, _ in kept]
    return table_of(run, FACTOR, rows, ("test",), label_notes(run, found), contest)


def label_notes(run: Run, found: Labels) -> list[str]:
    """What the table answers, what it found, and how."""
    total = run.record.data.counts["train"]
    return [
        f"How does the score grow with labels? images is {FACTOR} of the "
        f"{count(total, 'training image')}; as whole scenes are taken, an arm may have had some "
        "more or fewer.",
        enough_sentence(found),
        "A larger fraction holds the smaller one. Each is one draw: which images were drawn is not "
        "in the intervals.",
        *score_notes(found.tested),
        *left_out_notes(run, found.tested),
    ]


def enough_sentence(found: Labels) -> str:
    """How many labels are enough for most of the score, or why that cannot be said."""
    share = f"{100 * SHARE:.0f} %"
    if found.enough is None:
        return f"How many labels are enough for {share} of the score cannot be said."
    enough, images = found.enough, dict(zip(found.fractions, found.images, strict=True))
    line = line_title(enough.line)
    score = f"the score of {line}" if line else "the score"
    goal = f"{share} of {score} with {images[enough.most]:,}"
    few = [fraction for fraction, reaches in enough.judged if reaches == "too few"]
    too_few = f"; {images[max(few)]:,} are too few" if few else ""
    if enough.least is None:
        return (
            f"No smaller number of images that was tried is shown to be enough for {goal}{too_few} "
            "(by the 95 % interval of the difference)."
        )
    return (
        f"{images[enough.least]:,} images ({FACTOR} {enough.least:g}) are enough for {goal}"
        f"{too_few} (by the 95 % interval of the difference; nothing is known between the numbers "
        "that were tried)."
    )
