"""The driver's work for a trial does not grow with the number of trials: counted, not timed."""

from pathlib import Path

import pytest

from benchmarks.simulation import Cluster, simulate


def operations(trials: int, run: Path) -> tuple[float, Cluster]:
    """Of this project's code, for a whole sweep."""
    cluster, parts = simulate(trials, 20, 4, "random", run, count_operations=True)
    begins = [0, *(part.events for part in parts)]
    counted = [
        part.operations * (part.events - begun) for part, begun in zip(parts, begins, strict=False)
    ]
    return sum(counted), cluster


@pytest.mark.slow
def test_a_trial_more_is_as_much_work_after_many_trials_as_after_few(tmp_path: Path) -> None:
    done = {trials: operations(trials, tmp_path / str(trials)) for trials in (100, 200, 400)}
    work = {trials: total for trials, (total, _) in done.items()}
    after_few, after_many = (work[200] - work[100]) / 100, (work[400] - work[200]) / 200
    assert after_many < 1.1 * after_few
    cluster = done[400][1]
    assert cluster.lost > 100, "nodes were lost all the time"
    ended = {record.status for record in cluster.agenda.trials.records.values()}
    assert ended == {"done", "pruned"}, "and no trial with them"
