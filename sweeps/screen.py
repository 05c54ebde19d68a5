"""A sweep's screen: all arms as frozen probes first, of which the best go on to the sweep.

The probes are a run of their own, `NAME-screen`, with its own ranking and report. Chosen is on
validation, as everywhere.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from datasets.augment import PREFIX
from runs.arms import Arm
from runs.directory import RunDirectory
from runs.records import ProbeRecord, RunRecord
from runs.winner import rank_records
from sweeps.schema import Sweep

Value = TypeVar("Value")
SUFFIX = "-screen"
"""Of the name of the probes' run."""


@dataclass(frozen=True)
class Screened:
    """What came of a screen.

    Attributes:
        probes: of all arms that were tried, the best first.
    """

    probes: tuple[ProbeRecord, ...]

    @property
    def dropped(self) -> dict[Arm, str]:
        """The arms that do not go on, and why."""
        count = len(self.probes)
        return {
            probe.arm: f"its frozen probe came {rank}. of {count} in the screen "
            f"({'no score' if probe.score is None else f'{probe.score:.3f}'})"
            for rank, probe in enumerate(self.probes, start=1)
            if not probe.kept
        }


def probes_of(sweep: Sweep) -> Sweep:
    """The sweep of the probes: every arm frozen, each with the same number of trials.

    Images are not augmented, unless arms differ in it: so a probe's features are computed once.
    """
    assert sweep.screen is not None
    arms = math.prod(len(choices) for choices in sweep.compare.values())
    plain = {} if "augment" in sweep.compare else {"augment": "none"}
    budget = sweep.budget.model_copy(update={"trials": arms * sweep.screen.trials})
    return sweep.model_copy(
        update={
            "name": f"{sweep.name}{SUFFIX}",
            "tune": _plain(sweep.tune),
            "fixed": {**_plain(sweep.fixed), "frozen": True, **plain},
            "budget": budget,
            "allocation": "equal",
            "repeats": None,
            "references": None,
            "screen": None,
        }
    )


def _plain(settings: Mapping[str, Value]) -> dict[str, Value]:
    """Without what augments images."""
    return {
        name: value
        for name, value in settings.items()
        if name != "augment" and not name.startswith(PREFIX)
    }


def screened(directory: RunDirectory, keep: int) -> Screened:
    """The probes of a finished run, of which the first `keep` are kept."""
    record: RunRecord = directory.run()
    standings = rank_records([trial for trial in directory.trials() if trial.ended])
    ranked: list[tuple[Arm, float | None]] = [(one.arm, one.trial.score) for one in standings]
    seen = {arm for arm, _ in ranked}
    ranked += [(arm, None) for arm in record.arms if arm not in seen]
    return Screened(
        tuple(
            ProbeRecord(arm=arm, score=score, kept=place < keep and score is not None)
            for place, (arm, score) in enumerate(ranked)
        )
    )
