"""Arms without a finished training: how far they were trained, and in which words that is said.

A search that stops trials early may leave an arm with no trial that was trained to its end. Such
an arm has no score that can be set beside those of the others, and none on test.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from analysis.loading import Run, once_a_run
from analysis.standings import ranked_arms
from analysis.wording import listed
from runs.records import ENDED

How = Literal["dropped out", "was stopped by hand", "diverged", "not finished yet"]

_ENDED_AS: dict[str, How] = {"diverged": "diverged", "stopped": "was stopped by hand"}


class Unfinished(NamedTuple):
    """How far an arm's first trial was trained.

    Attributes:
        how: what became of the arm. It `dropped out` if none of its trials is still to continue.
        epoch: such as `6 of 30`.
    """

    how: How
    epoch: str

    @property
    def reason(self) -> str:
        """Why the arm is not compared, as a part of a sentence."""
        if self.how == "not finished yet":
            return f"its training is not finished yet, at epoch {self.epoch}"
        return f"it {self.how} at epoch {self.epoch}"


@once_a_run
def unfinished_arms(run: Run, metric: str) -> dict[int, Unfinished]:
    """The arms whose first trial was not finished and has no repeats, best first.

    By their positions in `run.record.arms`.
    """
    trials = run.trials.set_index("number")
    continuing = set(trials.loc[~trials["status"].isin(ENDED), "arm"])
    found: dict[int, Unfinished] = {}
    for one in ranked_arms(run, metric):
        if one.repeats or one.trial.reached == 1:
            continue
        how: How = _ENDED_AS.get(trials["status"].loc[one.trial.number], "dropped out")
        if one.arm in run.stopped:
            how = "was stopped by hand"
        elif one.arm in continuing:
            how = "not finished yet"
        found[one.arm] = Unfinished(how, epoch_reached(run, one.trial.number))
    return found


def epoch_reached(run: Run, number: int) -> str:
    """How far a trial was trained, and scored: `6 of 30`."""
    trial = run.trials[run.trials["number"].eq(number)].iloc[0]
    planned = trial["config/epochs"]
    return f"{trial['reached'] * planned:.0f} of {planned:.0f}"


def unfinished_notes(arms: Iterable[tuple[str, Unfinished]]) -> list[str]:
    """A sentence for each way in which arms were left without a finished training.

    Args:
        arms: their titles, and how far they were trained.
    """
    by_way: dict[How, list[str]] = {}
    for title, one in arms:
        by_way.setdefault(one.how, []).append(f"{title} (epoch {one.epoch})")
    notes: dict[How, str] = {
        "dropped out": "Dropped out before the end of training, and not compared on test: "
        "{}. With scheduler.finish=1 the best configuration of every arm is trained to its end.",
        "was stopped by hand": "Stopped by hand before the end of training, and not compared on "
        "test: {}.",
        "diverged": "Diverged before the end of training, and not compared on test: {}.",
        "not finished yet": "Not trained to the end yet, and not compared on test: {}.",
    }
    return [notes[how].format(listed(by_way[how])) for how in notes if how in by_way]
