"""The rule of the winner; that all callers follow it is tested with each of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.factory import trial_record
from runs.winner import Scored, first, rank_records, standings

A, B, C = ({"backbone": name} for name in "abc")


def test_of_equal_scores_the_trial_that_was_proposed_first_wins() -> None:
    trials = [trial_record(0, A, 0.3), trial_record(1, B, 0.5), trial_record(2, A, 0.5)]
    ranked = rank_records(trials)
    assert [one.arm for one in ranked] == [B, A]
    assert [one.trial.number for one in ranked] == [1, 2]
    assert ranked[0].model.number == 1


def test_arms_with_repeats_come_first_by_their_mean_and_give_their_best_repeat() -> None:
    trials = [trial_record(0, A, 0.6), trial_record(1, B, 0.7), trial_record(2, C, 0.9)]
    scores = {0: (0.2, 0.8), 1: (0.4, 0.5)}
    repeats = [
        trial_record(10 * of + seed, trials[of].arm, score, of=trials[of], config={"seed": seed})
        for of, pair in scores.items()
        for seed, score in enumerate(pair)
    ]
    ranked = rank_records(trials, repeats)
    assert [one.arm for one in ranked] == [A, B, C]
    assert ranked[0].model is repeats[1]
    assert ranked[2].model is trials[2]


def test_repeats_of_a_trial_that_is_no_longer_its_arms_first_do_not_count() -> None:
    old, other, better = (
        trial_record(0, A, 0.5),
        trial_record(1, B, 0.6),
        trial_record(2, A, 0.7),
    )
    repeats = [trial_record(seed, A, 0.9, of=old, config={"seed": seed}) for seed in (0, 1)]
    ranked = rank_records([old, other, better], repeats)
    assert ranked[0].trial is better
    assert ranked[0].model is better
    assert not ranked[0].repeats


def test_arms_with_equal_means_are_in_the_order_of_their_first_trials() -> None:
    trials = [trial_record(n, arm, 0.8 - 0.1 * (n == 0)) for n, arm in enumerate((A, B, C))]
    repeats = [trial_record(n, one.arm, 0.5, of=one) for n, one in enumerate(trials)]
    assert [one.arm for one in rank_records(trials, repeats)] == [B, C, A]


def test_of_equal_repeats_the_first_gives_the_model() -> None:
    trial = trial_record(0, A, 0.9)
    repeats = [
        trial_record(n, A, score, of=trial, config={"seed": n})
        for n, score in enumerate((0.5, 0.6, 0.6))
    ]
    (only,) = rank_records([trial], repeats[::-1])
    assert only.model is repeats[1]
    assert list(only.repeats) == repeats


def test_what_has_no_score_is_not_in_the_order() -> None:
    failed = trial_record(0, A, None)
    repeat = trial_record(0, B, None, of=trial_record(1, B, 0.5), config={"seed": 1})
    (only,) = rank_records([failed, trial_record(1, B, 0.5)], [repeat])
    assert only.arm == B
    assert not only.repeats
    with pytest.raises(ValueError, match="empty"):
        first([])


@given(st.data())
def test_the_order_of_records_does_not_matter(data: Any) -> None:
    scores = data.draw(st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=1, max_size=8))
    trials = [Scored(number % 3, number, score) for number, score in enumerate(scores)]
    of = data.draw(st.lists(st.integers(0, len(trials) - 1), max_size=6))
    repeats = [
        Scored(trials[one].arm, number, data.draw(st.sampled_from([0.1, 0.2])), one)
        for number, one in enumerate(of)
    ]
    ranked = standings(trials, repeats)
    shuffled = standings(data.draw(st.permutations(trials)), data.draw(st.permutations(repeats)))
    assert shuffled == ranked
    assert len({one.order for one in ranked}) == len(ranked), "no two arms are equal"


@given(st.data())
def test_records_are_ranked_by_the_same_rule(data: Any) -> None:
    scores = st.none() | st.sampled_from([0.1, 0.2, 0.3])
    proposed = st.lists(st.tuples(st.sampled_from([A, B, C]), scores), min_size=1, max_size=8)
    trials = [trial_record(number, *one) for number, one in enumerate(data.draw(proposed))]
    repeated = st.lists(st.tuples(st.sampled_from(trials), scores), max_size=6)
    repeats = [
        trial_record(number, of.arm, score, of=of, config={"seed": 100 + number})
        for number, (of, score) in enumerate(data.draw(repeated))
    ]
    numbers = {one.name: one.number for one in trials}
    plain = standings(
        [Scored(one.arm, one.number, one.score) for one in trials if one.score is not None],
        [
            Scored(one.arm, one.number, one.score, numbers[str(one.of)])
            for one in repeats
            if one.score is not None
        ],
    )
    shuffled = data.draw(st.permutations(trials)), data.draw(st.permutations(repeats))
    for own, standing in zip(rank_records(*shuffled), plain, strict=True):
        assert own.arm == standing.arm
        assert own.trial is trials[standing.trial.number]
        assert [one.number for one in own.repeats] == [one.number for one in standing.repeats]
        kind = repeats if standing.repeats else trials
        assert own.model is kind[standing.model.number]
