"""The estimate of the time left is honest about what runs, what waits, and what is not known."""

import pytest

from sweeps.views import duration, seconds_left


def test_nothing_is_said_before_a_trial_has_ended() -> None:
    assert seconds_left([], [(30.0, 60.0)], trials=4, slots=2) is None


def test_waiting_trials_take_the_mean_and_share_the_slots() -> None:
    # six wait for 20 s each, two run: one without a pace yet, 5 s into its 20, one with 25 to go
    left = seconds_left([10.0, 30.0], [(5.0, None), (15.0, 25.0)], trials=10, slots=2)
    assert left == pytest.approx((6 * 20 + 15 + 25) / 2)


def test_last_trial_is_not_divided_among_idle_slots() -> None:
    assert seconds_left([10.0] * 11, [(40.0, 30.0)], trials=12, slots=4) == 30.0


@pytest.mark.parametrize(
    ("seconds", "text"), [(45.4, "45 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")]
)
def test_duration_reads_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text
