"""What the arms of a sweep cost: their trials, and their shares of the stages they start from."""

import pandas as pd

from analysis.loading import Run
from analysis.wording import count, number
from runs.records import StageRecord


def costs_of(run: Run, devices_differ: bool = False) -> pd.DataFrame:
    """A row an arm that got a trial, by its position in `run.record.arms`.

    Columns: `device`, what its trials ran on, if that is not the same for all, has a price, or
    `devices_differ` from those of another run; and `usd` if it has a price: the seconds of its
    trials and its shares of stages at the price of a slot. Each stage's seconds are shared equally
    by the arms that start from it. Repeats, which only some arms have, are left out.
    """
    by_arm = run.trials.groupby("arm")
    costs = pd.DataFrame(index=by_arm.size().index)
    if run.record.cost or devices_differ or run.trials["device"].nunique() > 1:
        costs["device"] = by_arm["device"].agg(_joined)
    if run.record.cost:
        shares = pd.Series(_stage_seconds(run)).reindex(costs.index)
        held = (run.trials["seconds"] * run.trials["slots"]).groupby(run.trials["arm"]).sum()
        costs["usd"] = _usd(run, 1) * (held + shares)
    return costs


def cost_notes(run: Run) -> list[str]:
    """What seconds and `usd` are made of, each stage once, and what the repeats took."""
    notes = [*money_notes(run), *packing_notes(run)]
    if run.stages:
        stages = "; ".join(_stage_text(run, stage) for stage in run.stages)
        notes.append(f"Initial weights, which the column seconds leaves out: {stages}.")
    if len(run.repeats):
        notes.append(_repeats_note(run))
    return notes


def money_notes(run: Run) -> list[str]:
    """What `usd` is made of, if there is a price."""
    if run.record.cost is None:
        return []
    slots = count(run.record.slots.per_machine, "slot")
    shares = " and its shares of the initial weights below" if run.stages else ""
    return [
        f"usd is for the seconds of an arm's trials{shares}, at "
        f"{number(run.record.cost.usd_per_hour)} USD an hour for a machine of {slots}."
    ]


def packing_notes(run: Run) -> list[str]:
    """How many trials shared what the seconds are of, if they did."""
    slots = run.record.slots
    shares = run.trials["gpu"].fillna(slots.gpu).tolist() or [slots.gpu]
    least, most = min(shares), max(shares)
    together = slots.together(least)
    if together == 1:
        return []
    where = "one GPU" if least else "one machine"
    share = number(least) if least == most else f"{number(least)} to {number(most)}"
    each = f"{share} of it" if least else count(slots.cpu, "CPU core")
    what = "Seconds and usd" if run.record.cost else "Seconds"
    return [
        f"{what} are of trials that ran up to {together} at once on {where}, {each} each: "
        "alone, a trial would be faster."
    ]


def _repeats_note(run: Run) -> str:
    seconds = float(run.repeats["seconds"].sum())
    held = float((run.repeats["seconds"] * run.repeats["slots"]).sum())
    price = f" ({number(_usd(run, held))} USD)" if run.record.cost else ""
    return (
        f"{len(run.repeats)} repeats took {number(seconds)} s{price}; n and the columns of effort "
        "leave them out."
    )


def _stage_text(run: Run, stage: StageRecord) -> str:
    held = stage.seconds * run.record.slots.of(stage.gpu)
    price = f", {number(_usd(run, held))} USD" if run.record.cost else ""
    arms = len(stage.arms)
    shared = "for 1 arm" if arms == 1 else f"shared equally by {arms} arms"
    return f"{stage.name}, {number(stage.seconds)} s on {stage.device}{price}, {shared}"


def _stage_seconds(run: Run) -> dict[int, float]:
    """Each arm's shares of the stages, in seconds of a slot, by its position."""
    return {
        position: sum(
            stage.seconds * run.record.slots.of(stage.gpu) / len(stage.arms)
            for stage in run.stages
            if arm in stage.arms
        )
        for position, arm in enumerate(run.record.arms)
    }


def _usd(run: Run, seconds: float) -> float:
    assert run.record.cost is not None
    return seconds / 3600 * run.record.cost.usd_per_hour / run.record.slots.per_machine


def _joined(devices: pd.Series) -> str | None:
    return ", ".join(devices.dropna().unique()) or None
