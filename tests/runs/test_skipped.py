from runs.arms import Arm
from runs.records import SkippedArm
from runs.skipped import by_reason


def skipped(name: str, reason: str, **more: str) -> SkippedArm:
    return SkippedArm(arm=Arm({"backbone": name}), reason=reason, **more)


def test_arms_of_one_reason_are_one_entry_that_lists_what_each_lacks() -> None:
    load = {"remedy": "download NAME", "lacking": "weights"}
    far = "not here"
    first, second = by_reason(
        [skipped("a", far, **load), skipped("b", "too large"), skipped("c", far, **load)]
    )
    assert (first.who, first.why) == ("2 arms (a, c)", "not here; download NAME: weights")
    assert (second.who, second.why) == ("b", "too large")


def test_of_very_many_arms_the_first_are_named() -> None:
    (found,) = by_reason(skipped(str(at), "not here") for at in range(50))
    assert found.who == "50 arms (0, 1, 2, 3, 4, 5 and 44 more)"
