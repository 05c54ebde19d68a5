"""What the report says: every section, in the order in which it is read."""

from dataclasses import dataclass
from datetime import datetime

from analysis.arms import rank_runs
from analysis.report import findings
from analysis.report.answer import answer
from analysis.report.drawn import draw
from analysis.report.left_out import left_out
from analysis.report.mattered import mattered
from analysis.report.question import question, unfinished
from analysis.report.rebuild import rebuild
from analysis.report.sections import Section
from analysis.report.spending import spending
from analysis.report.trials import trials
from analysis.runs import Run
from analysis.summary import SAMPLE_WARNING


@dataclass(frozen=True)
class Report:
    """A report before it is set as a page.

    Attributes:
        name: of the sweep.
        warning: what must not be overlooked; "" if nothing.
        unfinished: what is still to come, a sentence each.
        written: when, and of what.
        sections: as they are read.
    """

    name: str
    warning: str
    unfinished: tuple[str, ...]
    written: str
    sections: tuple[Section, ...]


def contents(run: Run, now: datetime) -> Report:
    """Gather all that is to be said of a run; its figures and pictures are drawn on the way."""
    ranking, drawn = rank_runs([run]), draw(run)
    return Report(
        name=run.info["name"],
        warning=SAMPLE_WARNING if run.info["sample"] else "",
        unfinished=unfinished(run),
        written=f"Written {now:%Y-%m-%d %H:%M} UTC, from the files of the run alone.",
        sections=(
            question(run),
            answer(run, ranking),
            findings.ranking(run, ranking, drawn),
            findings.budget(run, drawn),
            mattered(run, drawn),
            findings.tradeoff(run, drawn),
            findings.errors(run, drawn),
            findings.pictures(drawn),
            left_out(run),
            spending(run, drawn),
            trials(run),
            rebuild(run),
        ),
    )
