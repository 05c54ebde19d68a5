"""The report as a file: one page that needs no other, written whole or not at all."""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.loading import AnalysisError, Run
from analysis.ranking.arms import rank_runs
from analysis.report import appendix, findings, viewer
from analysis.report.answer import answer
from analysis.report.drawn import draw
from analysis.report.parts import Section
from analysis.report.question import question, unfinished
from analysis.tables.ranking import SAMPLE_WARNING
from runs.files import write_text

PAGE = Path(__file__).parent / "page"
STYLES, SCRIPTS = ("page.css", "viewer.css"), ("page.js", "viewer.js")
NAME = "report.html"


@dataclass(frozen=True)
class Report:
    """A report before it is set as a page.

    Attributes:
        name: of the sweep.
        warning: what must not be overlooked; "" if nothing.
        unfinished: what is still to come, a sentence each.
        written: when, and from what.
        sections: in the order in which they are read.
    """

    name: str
    warning: str
    unfinished: tuple[str, ...]
    written: str
    sections: tuple[Section, ...]


def write_report(run: Run, folder: Path | None = None) -> Path:
    """Write `report.html`, and give its path.

    It holds its tables, figures and pictures, and needs no other file. A sweep that is still
    running, or was interrupted, is reported as far as it has come.

    Args:
        run: what `load` gave.
        folder: where the page goes, and the pictures/ that are drawn on the way; by default the
            run directory.

    Raises:
        EosweepError: a file of the run is damaged, or the report cannot be written.
    """
    folder = folder or run.path
    file = folder / NAME
    page = render(contents(run, folder, datetime.now(UTC)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(file, page)
    except OSError as error:
        raise AnalysisError(f"{file} cannot be written: {error.strerror}") from error
    return file


def contents(run: Run, folder: Path, now: datetime) -> Report:
    """Everything that is said of a run; its pictures are drawn into pictures/ of `folder`."""
    ranking, drawn = rank_runs([run]), draw(run, folder / "pictures")
    return Report(
        name=run.record.name,
        warning=SAMPLE_WARNING if run.record.sample else "",
        unfinished=unfinished(run),
        written=f"Written {now:%Y-%m-%d %H:%M} UTC, from the files of the run alone.",
        sections=(
            question(run),
            answer(run, ranking),
            findings.ranking(run, ranking, drawn),
            findings.budget(drawn),
            findings.mattered(run, drawn),
            findings.tradeoff(drawn),
            findings.errors(run, drawn),
            findings.pictures(drawn),
            appendix.left_out(run),
            appendix.cost(run, drawn),
            appendix.trials(run),
            appendix.rebuild(run),
        ),
    )


def render(report: Report) -> str:
    """The page. All that a run says is text in it; only the style and script of PAGE are not.

    The page tells the browser so as well: by its content security policy nothing is fetched, and
    no other style or script takes effect.
    """
    environment = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["foldable"] = foldable
    environment.globals |= {"arms_of": viewer.arms_of, "keys": viewer.keys}
    style, script = (
        "\n".join((PAGE / one).read_text() for one in parts) for parts in (STYLES, SCRIPTS)
    )
    return environment.get_template("page.html").render(
        report=report,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def foldable(name: str) -> Markup:
    """A name, which may be broken after its separators where the room is narrow."""
    return Markup("<wbr>").join(re.split(r"(?<=[_./-])(?=\w)", name))


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
