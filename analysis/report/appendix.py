"""The sections at the end: what is missing, what it cost, every trial, how to rebuild the run."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pandas as pd

from analysis.determinism import determinism_notes
from analysis.loading import Run
from analysis.ranking.trials import STATUS_COLUMNS, rank_trials
from analysis.report.drawn import Drawn
from analysis.report.parts import Grid, Listing, Section, grid, grid_of
from analysis.statistics.costs import costs_of, money_notes, packing_notes
from analysis.statistics.gpus import memory_of_arms
from analysis.tables.ranking import (
    finished_alone,
    stopped_arms,
    trial_order,
    tried_again,
    untried_arms,
)
from analysis.tables.table import Table
from analysis.wording import command, count, duration, listed, number
from runs.skipped import by_reason

NAMED = 6
"""Arms, trials or files that a row names."""

MOST_TRIALS = 100
"""Trials that have a row: with more the page is slow."""

_REASONS = {
    "failed": "no reason on record",
    "diverged": "no reason on record",
    "stopped": "by hand",
    "running": "running, or interrupted: --resume continues it",
    "waiting": "waiting for a slot, or for what others reach: --resume continues it",
}
"""What is listed beside what was skipped, and the reason where none is on record."""


def left_out(run: Run) -> Section:
    """What was skipped and what failed; the section says so if nothing was."""
    rows = [*_missing_arms(run), *_failed(run), *_files(run)]
    again = [
        f"{what}: {listed(names, NAMED)}. Nothing is missing of them."
        for what, names in tried_again(run).items()
    ]
    frame = pd.DataFrame(rows, columns=["what", "count", "why", "which"]).astype({"count": "int64"})
    caption = "What is missing from the tables above, and why"
    pruned = int((run.trials["status"] == "pruned").sum())
    stopped = count(pruned, "trial was", "trials were")
    early = f"{stopped} stopped early, because other trials were better."
    return Section(
        anchor="left-out",
        title="What was skipped, and what failed",
        paragraphs=(
            *(("Nothing was skipped, and nothing failed.",) if not rows else ()),
            *((early,) if pruned else ()),
            *again,
        ),
        grids=(grid_of(frame, "left-out-table", caption, ("what",)),) if rows else (),
    )


def cost(run: Run, numbers: Mapping[int, int], drawn: Drawn) -> Section:
    """What the sweep cost: sums, a row an arm, a row a stage, and what ran when.

    Args:
        run: what `load` gave.
        numbers: positions of its arms on the page.
        drawn: its figures.
    """
    return Section(
        anchor="cost",
        title="What it cost",
        facts=_sums(run),
        grids=(_arm_costs(run, numbers), *((_stages(run),) if run.stages else ())),
        plates=drawn.plates("cost"),
        absent=drawn.absent("cost"),
    )


def trials(run: Run, numbers: Mapping[int, int], before: int = 0) -> Section:
    """The best trials, with their hyperparameters and scores.

    Args:
        run: what `load` gave.
        numbers: positions of its arms on the page.
        before: how many trainings of other runs the page has before those of this one.
    """
    ranked = rank_trials(run)
    metric, measured = run.record.metric, run.record.metrics
    metrics = [name for name in measured if "/" not in name or name == metric]
    shown = ranked.head(MOST_TRIALS).drop(columns=[one for one in measured if one not in metrics])
    all_trials = command("rank", run.path, "--trials")
    if (hidden := len(ranked) - len(shown)) > 0:
        rest = f"The {count(hidden, 'trial')} below these are left out; all of them: {all_trials}"
    else:
        rest = f"In the terminal, and as CSV or LaTeX: {all_trials}"
    table = Table("", None, shown, tuple(metrics), (), {}, finished_alone(shown))
    caption = f"Trials on validation, each at its best epoch by {metric}"
    names = ("number", *(name for name in run.record.factors if name in shown))
    made = grid(table, "trials-table", caption, names, (trial_order(metric), rest))
    at = {number: place for place, number in enumerate(run.trials["number"])}
    arms = run.trials["arm"].map(numbers)
    rows = tuple(
        replace(row, arm=int(arms[at[number]]), training=before + at[number])
        for row, number in zip(made.rows, shown["number"], strict=True)
    )
    return Section("trials", "The trials", grids=(replace(made, rows=rows),))


def rebuild(run: Run) -> Section:
    """How the run can be made again: command, code, data, seeds, and the sweep itself."""
    record = run.record
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    return Section(
        anchor="rebuild",
        title="How to rebuild it",
        paragraphs=(
            "Check out the revision, install the versions (requirements.lock has all of them), and "
            "run the command; the sweep as it was resolved is below.",
            *determinism_notes(run),
        ),
        facts=(
            ("command", record.command),
            ("git revision", _revision(run)),
            ("versions", versions),
            ("processor", f"{record.machine.processor}, {count(record.machine.cores, 'core')}"),
            *((("GPUs", listed(record.machine.gpus)),) if record.machine.gpus else ()),
            ("data", _data(run)),
            ("seeds", _seeds(run)),
            ("started", ", then resumed ".join([record.started, *record.resumed])),
            ("run directory", str(run.path)),
        ),
        listings=(*_weights(run), *_sweep(run)),
    )


def _missing_arms(run: Run) -> Iterator[tuple[str, int, str, str]]:
    for one in by_reason(run.record.skipped):
        yield "arms skipped", len(one.arms), one.why, listed(one.arms, NAMED)
    if untried := untried_arms(run):
        yield "arms without a trial", len(untried), "not tried yet", listed(untried, NAMED)
    if stopped := stopped_arms(run):
        yield "arms stopped", len(stopped), "by hand", listed(stopped, NAMED)


def _failed(run: Run) -> Iterator[tuple[str, int, str, str]]:
    for kind, trained in (("trials", run.trials), ("repeats", run.repeats)):
        for status, unsaid in _REASONS.items():
            those = trained[trained["status"] == status]
            for reason, names in those["name"].groupby(those["reason"].fillna(unsaid), sort=False):
                which = listed(names.tolist(), NAMED)
                yield f"{kind} {STATUS_COLUMNS[status]}", len(names), str(reason), which


def _files(run: Run) -> Iterator[tuple[str, int, str, str]]:
    skipped = pd.DataFrame(run.record.data.skipped_files, columns=["file", "reason"])
    for reason, files in skipped.groupby("reason", sort=False)["file"]:
        yield "files of the data skipped", len(files), str(reason), listed(files.tolist(), NAMED)


def _sums(run: Run) -> tuple[tuple[str, str], ...]:
    trials, repeats = run.trials["seconds"].sum(), run.repeats["seconds"].sum()
    stages = sum(stage.seconds for stage in run.stages)
    sums = [("trials", f"{duration(trials)} of slot time for {count(len(run.trials), 'trial')}")]
    if len(run.repeats):
        repeated = count(len(run.repeats), "seed repeat")
        sums.append(("seed repeats", f"{duration(repeats)} of slot time for {repeated}"))
    if run.stages:
        stages_of = count(len(run.stages), "stage")
        sums.append(("initial weights", f"{duration(stages)} of slot time for {stages_of}"))
    sums.append(("slots", _slots(run)))
    costs = costs_of(run)
    if "usd" in costs:
        sums.append(("money", f"{number(costs['usd'].sum())} USD for the arms below"))
    return tuple(sums)


def _slots(run: Run) -> str:
    slots = run.record.slots
    devices = listed(run.trials["device"].dropna().unique().tolist())
    held = f"{slots.cpu} CPU" + (f" and {number(slots.gpu)} GPU" if slots.gpu else "")
    parts = [f"{count(slots.count, 'slot')} at a time", f"each {held}"]
    return ", ".join([*parts, *([f"on {devices}"] if devices else [])])


def _arm_costs(run: Run, numbers: Mapping[int, int]) -> Grid:
    by_arm = run.trials.groupby("arm")
    costs = pd.DataFrame({"trials": by_arm.size(), "epochs": by_arm["epochs"].sum()})
    costs["trials' seconds"] = by_arm["seconds"].sum()
    if len(run.repeats):
        costs["repeats' seconds"] = run.repeats.groupby("arm")["seconds"].sum()
    costs = costs.join(costs_of(run))
    memory = memory_of_arms(run).dropna(axis="columns", how="all") / 1e9
    costs = costs.join(memory.rename(columns="GPU memory {}, GB".format))
    costs.insert(0, "arm", [run.record.arms[arm].title for arm in costs.index])
    by = "usd" if "usd" in costs else "trials' seconds"
    costs = costs.sort_values(by, ascending=False, kind="stable")
    arms = [numbers[arm] for arm in costs.index]
    notes = [*money_notes(run), *packing_notes(run), *_memory_notes(memory)]
    return grid_of(costs, "costs", "What each arm took", ("arm",), notes, arms)


def _memory_notes(memory: pd.DataFrame) -> tuple[str, ...]:
    if memory.empty:
        return ()
    return (
        "GPU memory: the most that PyTorch held in a training, without what CUDA takes beside.",
    )


def _stages(run: Run) -> Grid:
    rows = [
        (stage.name, stage.kind, stage.seconds, stage.device, len(stage.arms))
        for stage in run.stages
    ]
    columns = ["stage", "kind", "seconds", "device", "shared by arms"]
    caption = "Initial weights that were made for this sweep or an earlier one"
    return grid_of(pd.DataFrame(rows, columns=columns), "stages", caption, ("stage",))


def _revision(run: Run) -> str:
    revision = run.record.git or "not in a git repository"
    if revision.endswith("+changes"):
        return f"{revision} (the code differed from the commit: it cannot be rebuilt for certain)"
    return revision


def _data(run: Run) -> str:
    data = run.record.data
    where = "the embedded sample" if run.record.sample else data.root
    return f"{data.name}, {where}, fingerprint {data.fingerprint}"


def _seeds(run: Run) -> str:
    seeds = f"{run.record.seed} (search, and training of every trial)"
    if len(run.repeats):
        repeats = sorted(set(run.repeats["seed"]))
        seeds += f"; {listed([str(seed) for seed in repeats])} (repeats)"
    return seeds


def _weights(run: Run) -> tuple[Listing, ...]:
    weights = zip(run.record.arms, run.record.weights, strict=True)
    lines = [f"{arm.title}: {key}" for arm, key in weights if key]
    if not lines:
        return ()
    title = f"Initial weights of {count(len(lines), 'arm')}, by the hash of what shaped them"
    licences = [f"{stage}: {licence}" for stage, licence in run.record.licences.items()]
    about = [Listing("Licences of the published weights among them", "\n".join(licences))]
    return (Listing(title, "\n".join(lines)), *(about if licences else ()))


def _sweep(run: Run) -> tuple[Listing, ...]:
    file = run.directory.sweep_file
    if not file.is_file():
        return ()
    return (Listing("sweep.yaml, as it was resolved", file.read_text(encoding="utf-8")),)
