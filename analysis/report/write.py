"""The report as a file: one page that needs no other, written whole or not at all."""

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.loading import AnalysisError, Run
from analysis.report import viewer
from analysis.report.charts import PageData, as_json
from analysis.report.contents import Report, compared, reported
from runs.files import write_text

PAGE = Path(__file__).parent / "page"
NAME = "report.html"

STYLES = ("page.css", "viewer.css")

SCRIPTS = (
    "page.js",
    "tables.js",
    "arms.js",
    "ranking.js",
    "charts.js",
    "curves.js",
    "pareto.js",
    "parallel.js",
    "timeline.js",
    "files.js",
    "viewer.js",
    "start.js",
)
"""The page's own scripts, in the order in which they run: one script in the end."""


def write_report(run: Run, folder: Path | None = None, again: float | None = None) -> Path:
    """Write `report.html`, and give its path.

    It holds its tables, figures and pictures, and needs no other file. A sweep that is still
    running, or was interrupted, is reported as far as it has come.

    Args:
        run: what `load` gave.
        folder: where the page goes, and the pictures/ that are drawn on the way; by default the
            run directory.
        again: after how many seconds an open page loads itself again, while the sweep is not
            finished; by default never.

    Raises:
        EosweepError: a file of the run is damaged, or the report cannot be written.
    """
    folder = folder or run.path
    file = folder / NAME
    _write(file, render(reported(run, folder / "pictures", datetime.now(UTC)), again))
    return file


def write_comparison(runs: Sequence[Run], file: Path, metric: str | None = None) -> Path:
    """Write a page of the same kind over several runs, and give its path.

    Args:
        runs: on the same data.
        file: the page.
        metric: what arms are ranked by; by default what the sweeps select by.

    Raises:
        EosweepError: the runs cannot be compared, a file of them is damaged, or the page cannot be
            written.
    """
    _write(file, render(compared(runs, datetime.now(UTC), metric)))
    return file


def render(report: Report, again: float | None = None) -> str:
    """The page. All that a run says is text in it; only the style and scripts of PAGE are not.

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
    style = "\n".join((PAGE / name).read_text() for name in STYLES)
    library = (PAGE / "vendor/echarts.min.js").read_text()
    script = "\n".join((PAGE / name).read_text() for name in SCRIPTS)
    return environment.get_template("page.html").render(
        report=report,
        again=again if report.unfinished else None,
        data=Markup(as_json(PageData(report.charts, report.files))),
        style=Markup(style),
        scripts=[Markup(library), Markup(script)],
        style_hash=_hash(style),
        script_hashes=[_hash(library), _hash(script)],
    )


def foldable(name: str) -> Markup:
    """A name, which may be broken after its separators where the room is narrow."""
    return Markup("<wbr>").join(re.split(r"(?<=[_./-])(?=\w)", name))


def _write(file: Path, page: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_text(file, page)
    except OSError as error:
        raise AnalysisError(f"{file} cannot be written: {error.strerror}") from error


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
