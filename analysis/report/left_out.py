"""What was skipped, what failed, and why: a row a reason, since many tend to share one."""

from collections.abc import Iterator

import pandas as pd

from analysis.arms import label
from analysis.ranking import STATUS_COLUMNS
from analysis.report.grids import grid_of
from analysis.report.sections import Section
from analysis.report.words import count, listed
from analysis.runs import Run

NAMED = 6
"""Arms, trials or files that a row names."""


def left_out(run: Run) -> Section:
    """The section; one that has nothing to tell says so."""
    rows = [*_arms(run), *_trials(run), *_files(run)]
    frame = pd.DataFrame(rows, columns=["what", "count", "why", "which"]).astype({"count": "int64"})
    caption = "What is missing from the tables above, and why"
    pruned = int((run.trials["status"] == "pruned").sum())
    early = f"{count(pruned, 'trial was', 'trials were')} stopped early, as not promising."
    return Section(
        anchor="left-out",
        title="What was skipped, and what failed",
        paragraphs=(
            *(("Nothing was skipped, and nothing failed.",) if not rows else ()),
            *((early,) if pruned else ()),
        ),
        grids=(grid_of(frame, "left-out-table", caption, ("what",)),) if rows else (),
    )


def _arms(run: Run) -> Iterator[tuple[str, int, str, str]]:
    skipped = pd.DataFrame(
        [(label(run, one["arm"]), one["reason"]) for one in run.info["skipped"]],
        columns=["arm", "reason"],
    )
    for reason, arms in skipped.groupby("reason", sort=False)["arm"]:
        yield "arms skipped", len(arms), str(reason), listed(arms.tolist(), NAMED)
    tried = set(run.trials["arm"])
    idle = [label(run, arm) for at, arm in enumerate(run.info["arms"]) if at not in tried]
    if untried := [arm for arm in idle if arm not in set(skipped["arm"])]:
        which = listed(untried, NAMED)
        yield "arms without a trial", len(untried), "their turn did not come", which


def _trials(run: Run) -> Iterator[tuple[str, int, str, str]]:
    for kind, trained in (("trials", run.trials), ("repeats", run.repeats)):
        for status in ("failed", "diverged", "running"):
            those = trained[trained["status"] == status]
            reasons = those["reason"].fillna("" if status == "running" else "no reason on record")
            for reason, names in those["name"].groupby(reasons, sort=False):
                why = reason or "running, or cut short: --resume goes on with it"
                which = listed(names.tolist(), NAMED)
                yield f"{kind} {STATUS_COLUMNS[status]}", len(names), str(why), which


def _files(run: Run) -> Iterator[tuple[str, int, str, str]]:
    skipped = pd.DataFrame(run.info["data"].get("skipped_files", []), columns=["file", "reason"])
    for reason, files in skipped.groupby("reason", sort=False)["file"]:
        yield "files of the data skipped", len(files), str(reason), listed(files.tolist(), NAMED)
