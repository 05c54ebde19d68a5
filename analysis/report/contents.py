"""What a page says, of one run or of several, in the order in which it is read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate
from pathlib import Path

from analysis.loading import Run
from analysis.ranking.arms import Ranking, rank_runs
from analysis.ranking.comparable import names_of
from analysis.report import appendix, findings
from analysis.report.answer import answer, certainty
from analysis.report.charts import Charts, arm_numbers, charts_of
from analysis.report.drawn import CHARTS, Drawn, draw
from analysis.report.parts import Plate, Section
from analysis.report.question import question, unfinished
from analysis.tables.ranking import SAMPLE_WARNING

UNDRAWN = Drawn(figures={}, reasons={}, files={}, pictures=(), layered=(), map=None, no_pictures="")
"""Of a page over several runs: their figures are in their own reports."""


@dataclass(frozen=True)
class Report:
    """A report before it is set as a page.

    Attributes:
        name: of the sweep, or of all.
        warning: what must not be overlooked; "" if nothing.
        unfinished: what is still to come, a sentence each.
        written: when, and from what.
        sections: in the order in which they are read.
        charts: what the charts show.
        files: the data of figures as CSV, by name.
    """

    name: str
    warning: str
    unfinished: tuple[str, ...]
    written: str
    sections: tuple[Section, ...]
    charts: Charts
    files: dict[str, str]


def reported(run: Run, pictures: Path, now: datetime) -> Report:
    """Everything that is said of a run; its pictures are drawn into the folder `pictures`."""
    rankings, drawn = _rankings([run]), draw(run, pictures)
    ranking = rankings[run.record.metric]
    (numbers,) = arm_numbers(ranking)
    return Report(
        name=run.record.name,
        warning=SAMPLE_WARNING if run.record.sample else "",
        unfinished=unfinished(run),
        written=f"Written {now:%Y-%m-%d %H:%M} UTC, from the files of the run alone.",
        sections=(
            answer(ranking),
            findings.ranking(rankings, drawn),
            certainty(ranking),
            question(run),
            *findings.factors(run, drawn),
            *findings.screen(run),
            findings.budget(drawn),
            findings.mattered(run, drawn),
            findings.tradeoff(run, numbers, drawn),
            findings.errors(run, numbers, drawn),
            findings.pictures(drawn),
            appendix.left_out(run),
            appendix.cost(run, numbers, drawn),
            appendix.trials(run, numbers),
            appendix.rebuild(run),
        ),
        charts=charts_of(rankings),
        files=drawn.files,
    )


def compared(runs: Sequence[Run], now: datetime, metric: str | None = None) -> Report:
    """What is said of several runs together, and then of each.

    Raises:
        AnalysisError: they cannot be compared; see `rank_runs`.
    """
    rankings = _rankings(runs, metric)
    ranking, names = next(iter(rankings.values())), names_of(runs)
    numbers = arm_numbers(ranking)
    before = [0, *accumulate(len(run.trials) + len(run.repeats) for run in runs)]
    charts = charts_of(rankings)
    still = [
        f"{name}: {sentence}"
        for name, run in zip(names, runs, strict=True)
        for sentence in unfinished(run)
    ]
    own = [
        _of_run(section, at, name)
        for at, (name, run) in enumerate(zip(names, runs, strict=True))
        for section in (
            question(run),
            appendix.left_out(run),
            appendix.cost(run, numbers[at], UNDRAWN),
            appendix.trials(run, numbers[at], before[at]),
            appendix.rebuild(run),
        )
    ]
    return Report(
        name=", ".join(names),
        warning=SAMPLE_WARNING if any(run.record.sample for run in runs) else "",
        unfinished=tuple(still),
        written=f"Written {now:%Y-%m-%d %H:%M} UTC, from the files of {len(runs)} runs alone.",
        sections=(
            answer(ranking),
            findings.ranking(rankings, UNDRAWN),
            certainty(ranking),
            Section("charts", "All runs together", plates=tuple(_charts(charts))),
            *own,
        ),
        charts=charts,
        files={},
    )


def _rankings(runs: Sequence[Run], metric: str | None = None) -> dict[str, Ranking]:
    """By each metric that all runs have, and that is not of a single class; the first is chosen."""
    first = rank_runs(runs, metric)
    shared = [name for name in runs[0].record.metrics if "/" not in name]
    shared = [name for name in shared if all(name in run.record.metrics for run in runs)]
    return {first.metric: first} | {
        name: rank_runs(runs, name) for name in shared if name != first.metric
    }


def _charts(charts: Charts) -> list[Plate]:
    """The charts of several runs, which have no still figure beside them."""
    shown: Mapping[str, tuple[str, object]] = {
        "learning": ("Learning curves", charts.curves),
        "pareto": ("Quality against cost", charts.costs),
        "parallel": ("Trials in parallel coordinates", charts.trainings),
        "packing": ("What ran when", charts.timelines),
    }
    return [
        Plate(f"figure-{name}", title, "", title, chart=CHARTS[name])
        for name, (title, content) in shown.items()
        if content
    ]


def _of_run(section: Section, at: int, name: str) -> Section:
    """The section of one run among several: its ids and its title are its own."""
    return replace(
        section,
        anchor=f"{section.anchor}-{at + 1}",
        title=f"{section.title}: {name}",
        grids=tuple(
            replace(one, anchor=f"{one.anchor}-{at + 1}", caption=f"{name}: {one.caption}")
            for one in section.grids
        ),
    )
