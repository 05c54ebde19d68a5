"""What the sweep cost: time in slots, money, and the stages that made initial weights."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.arms import label
from analysis.costs import cost_notes, costs_of
from analysis.report.drawn import Drawn
from analysis.report.grids import Grid, grid_of
from analysis.report.sections import Section
from analysis.report.words import count, duration, listed
from analysis.runs import Run
from analysis.tables import number


def spending(run: Run, drawn: Drawn) -> Section:
    """The section: sums, a row an arm, a row a stage, and what ran when."""
    return Section(
        anchor="cost",
        title="What it cost",
        facts=_sums(run),
        grids=(_arms(run), *((_stages(run),) if run.stages else ())),
        plates=drawn.plates("packing"),
        absent=drawn.absent("packing"),
    )


def _sums(run: Run) -> tuple[tuple[str, str], ...]:
    trials, repeats = run.trials["seconds"].sum(), run.repeats["seconds"].sum()
    stages = sum(stage["seconds"] for stage in run.stages)
    sums = [("trials", f"{duration(trials)} of slot time for {count(len(run.trials), 'trial')}")]
    if len(run.repeats):
        repeated = count(len(run.repeats), "seed repeat")
        sums.append(("seed repeats", f"{duration(repeats)} of slot time for {repeated}"))
    if run.stages:
        stages_of = count(len(run.stages), "stage")
        sums.append(("initial weights", f"{duration(stages)} of slot time for {stages_of}"))
    if slots := run.info.get("slots"):
        sums.append(("slots", _slots(run, slots)))
    costs = costs_of(run)
    if "usd" in costs:
        sums.append(("money", f"{number(costs['usd'].sum())} USD for the arms below"))
    return tuple(sums)


def _slots(run: Run, slots: Mapping[str, Any]) -> str:
    devices = listed(run.trials["device"].dropna().unique().tolist())
    held = [f"{number(slots[kind])} {kind.upper()}" for kind in ("cpu", "gpu") if slots.get(kind)]
    parts = [count(int(slots["count"]), "slot") + " at a time"] if "count" in slots else []
    parts += [f"each {' and '.join(held)}"] if held else []
    parts += [f"on {devices}"] if devices else []
    return ", ".join(parts)


def _arms(run: Run) -> Grid:
    by_arm = run.trials.groupby("arm")
    costs = pd.DataFrame({"trials": by_arm.size(), "epochs": by_arm["epochs"].sum()})
    costs["trials' seconds"] = by_arm["seconds"].sum()
    if len(run.repeats):
        costs["repeats' seconds"] = run.repeats.groupby("arm")["seconds"].sum()
    costs = costs.join(costs_of(run))
    costs.insert(0, "arm", [label(run, run.info["arms"][arm]) for arm in costs.index])
    by = "usd" if "usd" in costs else "trials' seconds"
    costs = costs.sort_values(by, ascending=False, kind="stable", ignore_index=True)
    of_money = cost_notes(run)[:1] if "usd" in costs else ()
    return grid_of(costs, "costs", "What each arm took", ("arm",), of_money)


def _stages(run: Run) -> Grid:
    rows = [
        (stage["name"], stage["kind"], stage["seconds"], stage["device"], len(stage["arms"]))
        for stage in run.stages
    ]
    columns = ["stage", "kind", "seconds", "device", "shared by arms"]
    caption = "Initial weights that were made for this sweep, or found as an earlier one left them"
    return grid_of(pd.DataFrame(rows, columns=columns), "stages", caption, ("stage",))
