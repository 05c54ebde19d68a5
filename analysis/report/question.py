"""What was asked: what was compared, on which data, ranked by what; and how far the sweep is."""

from analysis.report.sections import Section
from analysis.report.words import count, listed
from analysis.runs import Run


def question(run: Run) -> Section:
    """The first section of the report."""
    info = run.info
    return Section(
        anchor="question",
        title="The question",
        lead=_asked(run),
        facts=(
            *((factor, listed(_levels(run, factor))) for factor in info["factors"]),
            ("data", _data(run)),
            ("searched", _searched(run)),
            ("ranked by", f"{info['metric']} on the validation split; higher is better"),
            ("reported", "on the test split, which is scored once, when the search is over"),
        ),
    )


def unfinished(run: Run) -> tuple[str, ...]:
    """What is still to come, a sentence each; nothing once the sweep is done."""
    planned = run.info.get("budget", {}).get("trials")
    ended = int((run.trials["status"] != "running").sum())
    missing = []
    # A search may end below its budget, such as one of all combinations; what is tested has ended.
    searching = ended < len(run.trials) or not run.test
    if planned and searching and ended < planned:
        missing.append(f"{ended} of {count(planned, 'trial')} have ended.")
    elif ended < len(run.trials):
        missing.append(f"{count(len(run.trials) - ended, 'trial')} have not ended.")
    if repeats := _repeats_missing(run):
        missing.append(repeats)
    if not run.test and run.trials["score"].notna().any():
        missing.append("There are no scores on test yet.")
    if missing:
        missing.append("All that follows is of what is on record so far.")
    return tuple(missing)


def _asked(run: Run) -> str:
    info, arms = run.info, len(run.info["arms"])
    best = f"the highest {info['metric']} on {info['data']['name']}"
    if arms == 1:
        return f"What is {best} that this one configuration reaches?"
    return f"Which of {arms} arms, {' × '.join(info['factors'])}, reaches {best}?"


def _levels(run: Run, factor: str) -> list[str]:
    return list(dict.fromkeys(str(arm[factor]) for arm in run.info["arms"]))


def _data(run: Run) -> str:
    data = run.info["data"]
    counts = data.get("counts", {})
    splits = {"train": "to train on", "val": "to choose by (validation)", "test": "to report on"}
    parts = [data["name"]]
    if counts:
        images = [f"{counts[split]} {use}" for split, use in splits.items() if split in counts]
        parts.append(f"images: {listed(images)}")
    if classes := data.get("classes"):
        parts.append(f"{count(len(classes), 'class', 'classes')}: {listed(classes)}")
    if bands := data.get("bands"):
        parts.append(f"{count(len(bands), 'band')}: {listed(bands)}")
    return "; ".join(parts)


def _searched(run: Run) -> str:
    budget = run.info.get("budget", {})
    trials, epochs = budget.get("trials", len(run.trials)), budget.get("epochs")
    effort = count(trials, "trial") + (
        f" of {count(epochs, 'epoch')}, where an arm sets no other number" if epochs else ""
    )
    if not run.tuned:
        return f"nothing; {effort}"
    return f"{listed(run.tuned)} within every arm, in {effort}"


def _repeats_missing(run: Run) -> str:
    repeats = run.info.get("repeats")
    if not repeats:
        return ""
    tried = len(set(run.trials.dropna(subset="score")["arm"]))
    planned = min(repeats["top"], tried) * repeats["seeds"]
    ended = int((run.repeats["status"] != "running").sum())
    return f"{ended} of {count(planned, 'seed repeat')} have ended." if ended < planned else ""
