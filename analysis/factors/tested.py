"""The arms of a run that were trained to their end and scored on test, and how sure that is."""

from dataclasses import dataclass
from math import nan

import numpy as np

from analysis.loading import AnalysisError, Run, once_a_run
from analysis.ranking.uncertainty import sample_of
from analysis.standings import models_of_arms, ranked_arms
from analysis.statistics.bootstrap import Bootstrap, Drawn
from analysis.statistics.intervals import interval
from analysis.statistics.seeds import SeedNoise, seed_noise
from analysis.unfinished import unfinished_arms
from runs.arms import Arm


@dataclass(frozen=True, eq=False)
class TestedArm:
    """An arm on test; the numbers are those of the ranking.

    Attributes:
        arm: its position in `run.record.arms`.
        values: of its factors.
        score: the mean over its repeats, or that of its best trial.
        std: standard deviation over its repeats; NaN without them.
        seeds: how many models were scored.
        sample: what the bootstrap knows; None where the test images were not tallied.
        low, high: the 95 % interval of `score`; NaN without one.
        latency_ms: median milliseconds of a batch of one image; NaN if unknown.
        images_per_s: at a full batch; NaN if unknown.
        seconds: of one training, mean over its models.
    """

    __test__ = False  # no test, whatever pytest makes of the name

    arm: int
    values: Arm
    score: float
    std: float
    seeds: int
    sample: Bootstrap | None
    low: float
    high: float
    latency_ms: float
    images_per_s: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Tested:
    """The tested arms, in the order of the ranking.

    Attributes:
        arms: those that were trained to their end and scored on test.
        others: positions of those that got a trial and are not among them.
        noise: what is known of the variance between seeds.
    """

    __test__ = False

    arms: tuple[TestedArm, ...]
    others: tuple[int, ...]
    noise: SeedNoise

    @property
    def drawn(self) -> Drawn | None:
        """The test images; None if they were not tallied."""
        return next((one.sample.drawn for one in self.arms if one.sample), None)

    @property
    def no_intervals(self) -> str | None:
        """Why there are none; None if there are."""
        samples = [one.sample for one in self.arms if one.sample]
        if not samples:
            return "the test images were not tallied one by one"
        return next((sample.obstacle for sample in samples if sample.obstacle), None)


@once_a_run
def arms_on_test(run: Run) -> Tested:
    """What was scored on test, by the metric that the sweep selects by.

    Raises:
        AnalysisError: nothing was.
    """
    metric = run.record.metric
    models = models_of_arms(run, metric).dropna(subset="test")
    early = unfinished_arms(run, metric)
    ranked = [one.arm for one in ranked_arms(run, metric) if one.arm not in early]
    by_arm = {arm: models[models["arm"] == arm] for arm in ranked}
    by_arm = {arm: own for arm, own in by_arm.items() if len(own)}
    if not by_arm:
        raise AnalysisError("no arm has a finished training and a score on test yet")
    samples = {
        arm: sample_of(run, tuple(own["name"]), metric, run.record.seed)
        for arm, own in by_arm.items()
    }
    noise = seed_noise([one for one in samples.values() if one and not one.obstacle])
    arms = []
    for arm, own in by_arm.items():
        sample = samples[arm]
        low, high = (sample and interval(sample, noise)) or (nan, nan)
        arms.append(
            TestedArm(
                arm=arm,
                values=run.record.arms[arm],
                score=float(own["test"].mean()),
                std=float(own["test"].std()),
                seeds=len(own),
                sample=sample,
                low=low,
                high=high,
                latency_ms=_mean(own["latency_ms"].to_numpy("float64")),
                images_per_s=_mean(own["images_per_s"].to_numpy("float64")),
                seconds=_mean(own["seconds"].to_numpy("float64")),
            )
        )
    others = sorted(set(run.trials["arm"]) - set(by_arm))
    return Tested(tuple(arms), tuple(others), noise)


def _mean(values: np.ndarray) -> float:
    return float(values.mean())
