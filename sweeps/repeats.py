"""Seed repeats: the best trials, trained again under other seeds, to tell merit from luck.

Only the seed of training changes: data, their split and initial weights are those of the trial.
"""

from collections.abc import Container, Sequence

from runs.arms import Arm
from runs.records import TrialRecord
from sweeps.ledger import Ledger
from sweeps.schema import Sweep


def repeats_planned(sweep: Sweep, arms: Sequence[Arm]) -> int:
    """The number of repeats of a sweep over `arms`."""
    return min(sweep.repeats.top, len(arms)) * sweep.repeats.seeds if sweep.repeats else 0


def open_repeats(
    sweep: Sweep, trials: Ledger, repeats: Ledger, stopped: Container[Arm]
) -> list[TrialRecord]:
    """The repeats of the first trials of the best arms, in the order of `runs.winner`.

    Arms that were stopped by hand have none.

    Those that are not on record yet are opened in `repeats`. A repeat on record whose arm has a
    better trial by now stays as it is, and is not among those returned.
    """
    if sweep.repeats is None:
        return []
    known = {record.name: record for record in repeats.records.values()}
    wanted = []
    running = [one for one in trials.standings() if one.arm not in stopped]
    for standing in running[: sweep.repeats.top]:
        best = standing.trial
        for seed in range(sweep.seed + 1, sweep.seed + 1 + sweep.repeats.seeds):
            name = f"{best.name}-seed{seed}"
            if name not in known:
                number = len(repeats.records)
                known[name] = TrialRecord(
                    number=number,
                    name=name,
                    arm=best.arm,
                    config={**best.config, "number": number, "seed": seed},
                    tuned=best.tuned,
                    of=best.name,
                )
                repeats.open(known[name])
            wanted.append(known[name])
    return wanted
