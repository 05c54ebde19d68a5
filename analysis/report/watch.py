"""The report of a sweep that still runs, written again and again."""

import time
from pathlib import Path

from analysis.loading import load
from analysis.report.question import unfinished
from analysis.report.write import write_report


def watch(path: Path, folder: Path | None, seconds: float) -> str:
    """Write the report of the run at `path` until its sweep is finished, or Ctrl-C; say which.

    Args:
        path: the run directory.
        folder: as of `write_report`.
        seconds: between two pages; an open one loads itself again as often.

    Raises:
        EosweepError: as `load` and `write_report`.
    """
    file = None
    try:
        while unfinished(run := load(path)):
            file = write_report(run, folder, again=seconds)
            print(f"{file} is written every {seconds:g} s; Ctrl-C ends this", flush=True)
            time.sleep(seconds)
    except KeyboardInterrupt:
        return (
            f"{file}: as far as the sweep had come" if file else "interrupted: nothing is written"
        )
    return str(write_report(run, folder))
