"""An arm is its values, and nothing else."""

import pickle
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from runs.arms import Arm, arm_slugs

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.one_of(st.booleans(), st.integers(-9, 9), FLOATS, st.text())
ARMS = st.dictionaries(st.sampled_from("abc"), SCALARS, min_size=1).map(Arm)


class Holder(BaseModel):
    arm: Arm


def test_arms_whose_values_join_to_one_text_are_two_arms() -> None:
    one = Arm({"pretraining": "none-mae", "lr": "low"})
    other = Arm({"pretraining": "none", "lr": "mae-low"})
    assert one.slug == other.slug
    assert one != other
    assert {one: 1, other: 2} == {one: 1, other: 2}
    assert len({one, other}) == 2
    slugs = arm_slugs([one, other])
    assert len(set(slugs.values())) == 2
    assert arm_slugs([one, one]) == {one: "none-mae-low"}


def test_values_of_other_types_are_other_values() -> None:
    assert len({Arm({"x": value}) for value in (1, 1.0, True, "1")}) == 4


def test_equal_to_a_mapping_in_any_order() -> None:
    assert Arm({"a": 1, "b": "x"}) == {"b": "x", "a": 1}
    assert Arm({"a": 1}) != {"a": True}


@given(ARMS)
def test_an_arm_survives_json_and_pickle(arm: Arm) -> None:
    copies: list[Any] = [
        Holder.model_validate_json(Holder(arm=arm).model_dump_json()).arm,
        pickle.loads(pickle.dumps(arm)),
    ]
    for copy in copies:
        assert copy == arm
        assert hash(copy) == hash(arm)
        assert list(copy) == list(arm)
        assert copy.digest == arm.digest


@given(st.lists(ARMS, unique=True, min_size=1))
def test_slugs_are_unique_names_of_files(arms: list[Arm]) -> None:
    slugs = arm_slugs(arms)
    assert list(slugs) == arms
    assert len(set(slugs.values())) == len(arms)
    assert not any("/" in slug for slug in slugs.values())
