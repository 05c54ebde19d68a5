from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import analysis
from analysis.statistics.packing import packing
from runs.arms import Scalar
from tests.analysis.made import SLOTS, Made, make_run, trial

ARM: dict[str, Scalar] = {"backbone": "vgg11"}
START = 1_795_000_000.0


def trained(*spans: tuple[float, float], arm: dict[str, Scalar] = ARM) -> Made:
    """A trial of epochs that held a slot from one second to another."""
    rows = [
        {"epoch": at, "mIoU": 0.1, "seconds": end - start, "time": START + end}
        for at, (start, end) in enumerate(spans, 1)
    ]
    return trial(arm, 0.1, epochs=rows)


def test_trials_that_ran_at_once_lie_in_different_lanes(tmp_path: Path) -> None:
    run = make_run(
        tmp_path / "run",
        [trained((0, 50), (50, 100)), trained((10, 60)), trained((70, 90))],
        slots=SLOTS | {"count": 3},
    )
    found = packing(run)
    assert found.spans[["number", "lane", "start", "end"]].to_numpy().tolist() == [
        [0, 0, 0, 100],
        [1, 1, 10, 60],
        [2, 1, 70, 90],
    ]
    assert (found.lanes, found.slots, found.seconds) == (2, 3, 100)
    assert found.idle == pytest.approx(1 - (100 + 50 + 20) / 300)


def test_lanes_are_as_few_as_ran_at_once_and_do_not_overlap(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    starts, lengths = rng.uniform(0, 1000, 80), rng.uniform(20, 90, 80)
    run = make_run(
        tmp_path / "run",
        [trained((a, a + b)) for a, b in zip(starts, lengths, strict=True)],
    )
    found = packing(run)
    at_once = max(int(((starts <= t) & (starts + lengths > t)).sum()) for t in starts)
    assert abs(found.lanes - at_once) <= 1  # a slot counts as free a second early
    for _, lane in found.spans.groupby("lane"):
        assert (lane["start"].to_numpy()[1:] >= lane["end"].to_numpy()[:-1] - 1).all()


def test_paused_trial_frees_its_lane(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [trained((0, 10), (60, 70)), trained((15, 55))])
    found = packing(run)
    assert found.lanes == 1
    assert found.spans["number"].tolist() == [0, 1, 0]


def test_time_in_which_the_sweep_was_stopped_is_cut_out(tmp_path: Path) -> None:
    again = datetime.fromtimestamp(START + 5000, UTC).isoformat(timespec="seconds")
    run = make_run(tmp_path / "run", [trained((0, 100)), trained((5020, 5100))], resumed=[again])
    found = packing(run)
    assert found.spans["start"].tolist() == [0, 120]
    assert (found.seconds, found.resumed) == (200, (100,))
    assert found.idle == pytest.approx(1 - 180 / 200)


@given(
    stretches=st.lists(
        st.tuples(
            st.lists(st.integers(5, 60), min_size=1, max_size=4),  # epochs, in seconds
            st.lists(st.integers(5, 4000), max_size=3),  # from the last one to each resumption
        ),
        min_size=1,
        max_size=4,
    )
)
def test_nothing_but_epochs_and_the_waits_after_resumptions_counts(
    stretches: list[tuple[list[int], list[int]]],
) -> None:
    """Whatever was resumed, and however often before an epoch ended: a slot that always trained
    was idle only from the last resumption to the epoch after it.
    """
    clock, spans, resumed, waits = 0, [], [], 0
    for lengths, resumptions in stretches:
        for length in lengths:
            spans.append((clock, clock + length))
            clock += length
        if resumptions:
            resumed += [clock + sum(resumptions[: at + 1]) for at in range(len(resumptions))]
            clock, waits = resumed[-1] + 7, waits + 7
    times = [datetime.fromtimestamp(START + at, UTC).isoformat() for at in resumed]
    with TemporaryDirectory() as folder:
        found = packing(make_run(Path(folder) / "run", [trained(*spans)], resumed=times))
    busy = sum(end - start for start, end in spans)
    waits -= 7 if stretches[-1][1] else 0  # no epoch came after the last one
    assert found.seconds == pytest.approx(busy + waits)
    assert found.idle == pytest.approx(waits / (busy + waits))


def test_epochs_without_a_time_are_refused(folder: Path) -> None:
    with pytest.raises(analysis.AnalysisError, match="does not say when its epochs ended"):
        packing(analysis.load(folder))


def test_slot_is_free_between_rungs_however_short_the_wait(tmp_path: Path) -> None:
    """Another trial fits in between, and the wait does not count as busy."""
    waits = trained((0, 50), (60, 110))
    run = make_run(tmp_path / "run", [waits, trained((51, 59))])
    found = packing(run)
    assert found.spans["number"].tolist() == [0, 1, 0]
    assert (found.lanes, found.slots) == (1, 1)
    assert found.idle == pytest.approx(2 / 110)


def test_epochs_below_a_second_do_not_hide_the_wait(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [trained((0, 0.2), (0.8, 1)), trained((0.25, 0.75))])
    found = packing(run)
    assert found.spans["number"].tolist() == [0, 1, 0]


def test_epochs_that_follow_each_other_at_once_are_one_stretch(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [trained((0, 50), (50.02, 100), (99.99, 150))])
    assert packing(run).spans[["start", "end"]].to_numpy().tolist() == [[0, 150]]
