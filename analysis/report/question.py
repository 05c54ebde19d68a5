"""What was asked: what was compared, on which data, ranked by what; and how far the sweep is."""

from analysis.loading import Run
from analysis.report.parts import Section
from analysis.wording import count, listed
from runs.records import ENDED
from runs.skipped import by_reason

SCENES = "whole scenes: tiles are stitched over their overlap, and each pixel is counted once"


def question(run: Run) -> Section:
    """The first section of the report."""
    return Section(
        anchor="question",
        title="The question",
        lead=_asked(run),
        facts=(
            *((factor, listed(_levels(run, factor))) for factor in run.record.factors),
            *(
                ("skipped", f"{one.who}: {one.reason} (see What was skipped, and what failed)")
                for one in by_reason(run.record.skipped)
            ),
            ("data", _data(run)),
            ("searched", _searched(run)),
            ("ranked by", f"{run.record.metric} on the validation split; higher is better"),
            ("reported", "on the test split, which is scored once, after the search"),
            *((("counted", SCENES),) if run.record.metric_over == "scenes" else ()),
        ),
    )


def unfinished(run: Run) -> tuple[str, ...]:
    """What is still to come, a sentence each; nothing once the sweep is done."""
    planned = run.record.budget.trials
    ended = int(run.trials["status"].isin(ENDED).sum())
    missing = []
    # A search may end below its budget, as one of all combinations does; a tested one has ended.
    searching = ended < len(run.trials) or not run.test
    if searching and ended < planned:
        missing.append(f"{ended} of {count(planned, 'trial')} have ended.")
    elif ended < len(run.trials):
        missing.append(f"{count(len(run.trials) - ended, 'trial has', 'trials have')} not ended.")
    if repeats := _repeats_missing(run):
        missing.append(repeats)
    if not run.test and run.trials["score"].notna().any():
        missing.append("There are no scores on test yet.")
    if missing:
        missing.append("All that follows is of the results so far.")
    return tuple(missing)


def _asked(run: Run) -> str:
    record, arms = run.record, len(run.record.arms)
    best = f"the highest {record.metric} on {record.data.name}"
    if arms == 1:
        return f"What is {best} that this one configuration reaches?"
    return f"Which of {arms} arms, {' × '.join(record.factors)}, reaches {best}?"


def _levels(run: Run, factor: str) -> list[str]:
    return list(dict.fromkeys(str(arm[factor]) for arm in run.record.arms))


def _data(run: Run) -> str:
    data = run.record.data
    uses = {"train": "to train on", "val": "to choose by (validation)", "test": "to report on"}
    images = [f"{data.counts[split]} {use}" for split, use in uses.items() if split in data.counts]
    parts = [data.name, f"images: {listed(images)}"]
    parts.append(f"{count(len(data.classes), 'class', 'classes')}: {listed(data.classes)}")
    parts.append(f"{count(len(data.bands), 'band')}: {listed(data.bands)}")
    return "; ".join(parts)


def _searched(run: Run) -> str:
    budget = run.record.budget
    effort = (
        f"{count(budget.trials, 'trial')} of at most {count(budget.epochs, 'epoch')}, unless an "
        "arm sets another number"
    )
    return (
        f"{listed(run.tuned)} within every arm, in {effort}" if run.tuned else f"nothing; {effort}"
    )


def _repeats_missing(run: Run) -> str:
    repeats = run.record.repeats
    if repeats is None:
        return ""
    tried = len(set(run.trials.dropna(subset="score")["arm"]) - run.stopped)
    planned = min(repeats.top, tried) * repeats.seeds
    ended = int(run.repeats["status"].isin(ENDED).sum())
    return f"{ended} of {count(planned, 'seed repeat')} have ended." if ended < planned else ""
