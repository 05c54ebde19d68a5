"""The screen before a run: every arm as a frozen probe, and how those that went on did."""

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from analysis.factors.probes import FEWEST_ARMS
from analysis.loading import AnalysisError, Run
from analysis.standings import ranked_arms
from analysis.tables.ranking import SAMPLE_WARNING, context_of
from analysis.tables.table import Table
from analysis.wording import MISSING


def screen_table(run: Run) -> Table:
    """A row an arm, the best probe first: both scores on validation, and both ranks.

    Raises:
        AnalysisError: the run had no screen.
    """
    probes = run.record.probes
    if not probes:
        raise AnalysisError(f"{run.path} had no screen")
    ranked = ranked_arms(run, run.record.metric)
    trained = {run.record.arms[one.arm]: (place, one) for place, one in enumerate(ranked, start=1)}
    rows: list[dict[str, object]] = []
    both: list[tuple[float, float]] = []
    for place, probe in enumerate(probes, start=1):
        rank, standing = trained.get(probe.arm, (None, None))
        if standing is not None and probe.score is not None:
            both.append((probe.score, standing.trial.score))
        rows.append(
            {
                **probe.arm,
                "probe": np.nan if probe.score is None else probe.score,
                "rank of probe": place,
                "trained": np.nan if standing is None else standing.trial.score,
                "rank": MISSING if rank is None else str(rank),
            }
        )
    return Table(
        title=f"{run.record.name}: its screen, {run.record.metric} on validation of "
        f"{run.record.data.name}",
        warning=SAMPLE_WARNING if run.record.sample else None,
        frame=pd.DataFrame(rows),
        scores=("probe", "trained"),
        notes=tuple(_notes(run, both)),
        context=context_of([run], run.record.metric),
    )


def _notes(run: Run, both: list[tuple[float, float]]) -> list[str]:
    kept = sum(probe.kept for probe in run.record.probes)
    notes = [
        f"Did the frozen probe predict the sweep? Of {len(run.record.probes)} arms the best {kept} "
        "probes went on. Both scores are of the arm's best trial on validation."
    ]
    if len(both) < FEWEST_ARMS:
        notes.append(f"No rank correlation: an order needs at least {FEWEST_ARMS} arms.")
    else:
        tau, p = kendalltau(*zip(*both, strict=True))
        notes.append(
            f"Kendall's τ-b of the two scores is {tau:.2f} (n = {len(both)}, p = {p:.2g}). Over "
            "the best probes it is lower than over all arms, and how the others would have done is "
            "not known."
        )
    return notes
