"""The report as a file: one page that needs no other, written whole or not at all."""

import base64
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.report.contents import Report, contents
from analysis.runs import AnalysisError, Run

PAGE = Path(__file__).parent / "page"
NAME = "report.html"


def write_report(run: Run) -> Path:
    """Write ``report.html`` into a run's directory, and give its path.

    It holds its tables, figures and pictures, and asks for no other file. A sweep that is still
    running, or was cut short, is reported as far as it is on record.

    Args:
        run: what ``load`` gave; its pictures/ are drawn anew on the way where that is possible.

    Raises:
        AnalysisError: a file of the run is damaged, or the report cannot be written.
    """
    page = render(contents(run, datetime.now(UTC)))
    file, partial = run.path / NAME, run.path / f".{NAME}.partial"
    try:
        partial.write_text(page, encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise AnalysisError(f"{file} cannot be written: {error.strerror}.") from error
    return file


def render(report: Report) -> str:
    """The page. Whatever a run says is text in it; only the style and script of PAGE are more.

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
    style, script = (PAGE / "page.css").read_text(), (PAGE / "page.js").read_text()
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
