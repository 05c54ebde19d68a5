"""Halving against the paper's rule, written a second time and slowly."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.arms import Arm
from sweeps.halving import Race, rungs_of
from sweeps.schema import Scheduler

A, B = Arm({"backbone": "a"}), Arm({"backbone": "b"})
THREE_RUNGS = (1, 3, 9)


def race_of(planned: int, *, factor: int = 3, finish: int = 0) -> Race:
    return Race(Scheduler(factor=factor, finish=finish), {None: planned})


@given(st.integers(1, 5), st.integers(2, 5), st.integers(1, 300))
def test_rungs_of_the_longest_training_are_grace_times_powers_of_the_factor(
    grace: int, factor: int, epochs: int
) -> None:
    rungs = rungs_of(Scheduler(grace_epochs=grace, factor=factor), epochs, epochs)
    assert rungs[-1] == epochs
    assert set(rungs[:-1]) == {grace * factor**k for k in range(10)} & set(range(1, epochs))


@given(st.integers(1, 3), st.integers(2, 4), st.integers(1, 60), st.integers(1, 60))
def test_rungs_of_a_shorter_training_are_the_same_shares(
    grace: int, factor: int, epochs: int, longest: int
) -> None:
    epochs, longest = min(epochs, longest), max(epochs, longest)
    rule = Scheduler(grace_epochs=grace, factor=factor)
    long, short = (rungs_of(rule, of, longest) for of in (longest, epochs))
    assert short == tuple(math.ceil(rung * epochs / longest) for rung in long)


def test_what_is_scored_untrained_has_no_rungs() -> None:
    assert rungs_of(Scheduler(), 0, 9) == (0,)
    assert rungs_of(Scheduler(name="none"), 9, 9) == (9,)


def promoted_by_the_paper(reached: dict[int, float], promoted: set[int], factor: int) -> list[int]:
    """Li et al. 2020, algorithm 2, get_job: the top 1/factor of a rung that are not promoted."""
    order = sorted(reached, key=lambda number: (-reached[number], number))
    return [number for number in order[: len(order) // factor] if number not in promoted]


@given(st.lists(st.integers(0, 9), max_size=40), st.integers(2, 4))
def test_the_best_of_a_rung_continue_as_soon_as_they_are_known(
    scores: list[int], factor: int
) -> None:
    race = race_of(0, factor=factor)
    reached: dict[int, float] = {}
    promoted: set[int] = set()
    for number, score in enumerate(scores):
        race.enter(number, A, None, (1, 2))
        race.reach(number, float(score))
        reached[number] = float(score)
        while (chosen := race.promote()) is not None:
            assert chosen == promoted_by_the_paper(reached, promoted, factor)[0]
            promoted.add(chosen)
        assert not promoted_by_the_paper(reached, promoted, factor)


def test_where_a_promoted_trial_was_stopped_another_is_promoted() -> None:
    race = race_of(3)
    for number, score in enumerate([0.9, 0.5, 0.4]):
        race.enter(number, A, None, THREE_RUNGS)
        race.reach(number, score)
    assert (race.promote(), race.promote()) == (0, None)
    race.withdraw(0)
    assert (race.promote(), race.promote()) == (1, None)
    assert race.finish() is None, "the second one runs to the end"


@pytest.mark.parametrize(("planned", "continue_at"), [(0, 2), (8, 4), (9, 5), (20, 10)])
def test_nobody_continues_before_half_of_those_expected_have_come(
    planned: int, continue_at: int
) -> None:
    race = race_of(planned, factor=2)
    for number in range(continue_at):
        assert race.promote() is None
        race.enter(number, A, None, THREE_RUNGS)
        race.reach(number, 0.5)
    assert race.promote() == 0


def test_when_all_is_settled_a_rung_waits_for_nobody() -> None:
    race = race_of(100, factor=2)
    for number in range(2):
        race.enter(number, A, None, THREE_RUNGS)
        race.reach(number, 0.5)
    assert race.promote() is None
    assert race.promote(settled=True) == 0


def test_upper_rungs_come_first() -> None:
    race = race_of(6, factor=2)
    for number, score in enumerate([0.9, 0.8, 0.7, 0.6]):
        race.enter(number, A, None, THREE_RUNGS)
        race.reach(number, score)
    for number in (0, 1):
        assert race.promote() == number
    race.reach(0, 0.1)
    race.reach(1, 0.05)
    for number in (4, 5):
        race.enter(number, A, None, THREE_RUNGS)
        race.reach(number, 0.99)
    assert race.promote() == 0, "it is on the second rung, although 4 is better on the first"
    assert race.promote() == 4


def test_who_waits_continues_when_later_ones_are_worse() -> None:
    race = race_of(6, factor=2)
    for number, score in enumerate([0.9, 0.5, 0.1]):
        race.enter(number, A, None, (1, 2))
        race.reach(number, score)
    assert [race.promote(), race.promote()] == [0, None]
    race.enter(3, A, None, (1, 2))
    race.reach(3, 0.2)
    assert race.promote() == 1


def test_a_diverged_trial_counts_as_the_worst_and_a_failed_one_does_not() -> None:
    for end, continues in ((Race.diverge, 0), (Race.fail, None)):
        race = race_of(2, factor=2)
        for number in (0, 1):
            race.enter(number, A, None, (1, 2))
        race.reach(0, 0.1)
        end(race, 1)
        assert race.promote() == continues


def test_pools_are_compared_within_themselves() -> None:
    race = Race(Scheduler(factor=2, finish=0), {A: 2, B: 2})
    for number, (arm, score) in enumerate([(A, 0.9), (A, 0.8), (B, 0.2), (B, 0.1)]):
        race.enter(number, arm, arm, (1, 2))
        race.reach(number, score)
    assert {race.promote(), race.promote(), race.promote()} == {0, 2, None}


@pytest.mark.parametrize(("finish", "continuing"), [(0, [0]), (1, [0, 2]), (2, [0, 1, 2, 3])])
def test_of_every_arm_so_many_are_trained_to_their_end(finish: int, continuing: list[int]) -> None:
    race = race_of(5, factor=9, finish=finish)
    for number, (arm, score) in enumerate([(A, 0.9), (A, 0.8), (B, 0.2), (B, 0.1), (B, 0.0)]):
        race.enter(number, arm, None, (1, 2))
        race.reach(number, score)
    assert race.promote() is None
    found = []
    while (number := race.finish()) is not None:
        found.append(number)
    assert sorted(found) == continuing


def test_if_the_best_of_an_arm_fails_the_next_one_is_finished() -> None:
    race = race_of(2, factor=9, finish=1)
    for number, score in enumerate([0.9, 0.8]):
        race.enter(number, A, None, (1, 2))
        race.reach(number, score)
    assert race.finish() == 0
    race.fail(0)
    assert race.finish() == 1


def test_beaten_are_those_whose_rank_no_later_trial_can_raise() -> None:
    race = race_of(6, factor=3)
    beaten: list[int] = []
    for number, score in enumerate([0.5, 0.4, 0.3, 0.6, 0.1, 0.2]):
        race.enter(number, A, None, THREE_RUNGS)
        race.reach(number, score)
        beaten += race.beaten(number)
    assert list(dict.fromkeys(beaten)) == [2, 1, 4, 5], "two of the six continue"


def test_the_best_of_an_arm_is_not_beaten_while_it_must_be_finished() -> None:
    race = race_of(4, factor=4, finish=1)
    for number, (arm, score) in enumerate([(A, 0.9), (A, 0.8), (B, 0.2), (B, 0.1)]):
        race.enter(number, arm, None, (1, 2))
        race.reach(number, score)
    assert [race.beaten(number) for number in range(4)] == [[1], [1], [1], [1, 3]]
