"""How fast the models of arms are, and how that was measured."""

import pandas as pd

from analysis.loading import Run
from analysis.standings import SPEEDS, models_of_arms
from analysis.wording import count, listed


def speeds_of(run: Run, metric: str) -> pd.DataFrame:
    """The columns of `SPEEDS` by the arm's position in `run.record.arms`; those that are known."""
    models = models_of_arms(run, metric)
    return models.groupby("arm")[list(SPEEDS)].mean().dropna(axis="columns", how="all")


def latency_notes(run: Run) -> list[str]:
    """How it was measured; nothing if it was not."""
    if run.latencies:
        return [_alone(run)]
    if not any(scores.get("latency_ms") for scores in run.test.values()):
        return []
    slots = run.record.slots.count
    beside = f" while up to {slots} trials ran at once, which may have slowed it" * (slots > 1)
    return [f"Latency: one image, median of 5 runs, by an earlier version{beside}."]


def _alone(run: Run) -> str:
    latencies = run.latencies.values()
    runs = sorted({one.one.runs for one in latencies})
    times = f"{runs[0]}" if len(runs) == 1 else f"{runs[0]} to {runs[-1]}"
    cores = count(run.record.slots.cpu, "CPU core")
    devices = sorted({cores if one.device == "cpu" else one.device for one in latencies})
    full = listed([str(images) for images in sorted({one.full.images for one in latencies})])
    return (
        f"Latency: a batch of one image, with nothing else of the sweep running, on "
        f"{listed(devices)}; median (quartiles) of {times} runs after a warm-up. images_per_s: of "
        f"full batches ({full} images)."
    )
