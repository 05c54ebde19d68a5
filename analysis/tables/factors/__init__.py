"""The table of a single factor: what it brought on test. A file each, and a line in `TABLES`."""

from collections.abc import Callable
from functools import partial

from analysis.factors.ablation import ABLATED
from analysis.loading import AnalysisError, Run
from analysis.tables.factors.ablation import ablation_table
from analysis.tables.factors.labels import labels_table
from analysis.tables.factors.probes import probes_table
from analysis.tables.factors.resolution import resolution_table
from analysis.tables.formats import Format, write
from analysis.tables.table import Table
from analysis.wording import listed

TABLES: dict[str, Callable[[Run, Format], Table]] = {
    **{factor: partial(ablation_table, factor) for factor in ABLATED},
    "train_fraction": labels_table,
    "image_size": resolution_table,
    "frozen": probes_table,
}
"""By factor, in the order in which they are read."""


FACTOR_TITLES = {
    "bands": "What other bands add",
    "augment": "What augmentation adds",
    "stretch": "What the stretch adds",
    "train_fraction": "Score against labels",
    "image_size": "Score against resolution and cost",
    "frozen": "Frozen probe and fine-tuning",
}
"""What each table is called."""


def tables_of(run: Run) -> tuple[str, ...]:
    """The factors of a run that have a table."""
    return tuple(factor for factor in TABLES if factor in run.record.factors)


def factor_table(run: Run, factor: str, format: Format = "text") -> Table:
    """The table of a factor; the `csv` has every number in a column of its own.

    Raises:
        AnalysisError: the run does not compare it, or it cannot be answered; says why.
    """
    if factor not in tables_of(run):
        known = listed(tables_of(run)) or "none of its factors has one"
        raise AnalysisError(f"{run.path} has no table of the factor '{factor}': {known}")
    return TABLES[factor](run, format)


def show_factor(
    run: Run,
    factor: str,
    *,
    format: Format = "text",
    width: int | None = None,
    styled: bool = False,
) -> str:
    """The table of a factor, ready to print; arguments as of `show_ranking`.

    Raises:
        AnalysisError: as `factor_table`.
    """
    return write(factor_table(run, factor, format), format, width=width, styled=styled)
