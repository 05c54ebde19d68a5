"""A screen: which sweep the probes are, and which arms go on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from datasets.augment.augmentation import augmentation_of
from runs.directory import RunDirectory
from runs.factory import run_record, trial_record
from sweeps.check import keys_at_fault
from sweeps.plan import make_plan
from sweeps.schema import Sweep
from sweeps.screen import probes_of, screened
from sweeps.slots import Machine
from sweeps.space import arms_of, complete

ARMS = [{"backbone": name, "pretraining": "scratch"} for name in ("test_resnet", "test_vit")]


@pytest.fixture
def sweep(make_sweep: Callable[..., Sweep]) -> Sweep:
    compare = {"backbone": ["test_resnet", "test_vit"], "pretraining": ["scratch"]}
    fixed = {"augment": "light", "augment.noise": 0.1}
    screen = {"keep": 1, "trials": 2}
    return make_sweep(compare=compare, fixed=fixed, screen=screen, repeats={"top": 1})


def test_probes_are_frozen_and_every_arm_has_as_many(sweep: Sweep) -> None:
    probes = probes_of(sweep)
    assert probes.name == "tiny-screen" and probes.screen is None and probes.repeats is None
    assert (probes.budget.trials, probes.allocation) == (4, "equal")
    assert all(complete(probes, arm)["frozen"] for arm in arms_of(probes))
    assert not augmentation_of(complete(probes, arms_of(probes)[0])).changes_images
    assert not any(complete(sweep, arm)["frozen"] for arm in arms_of(sweep))


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    """Probes of two arms: the second is better."""
    run = RunDirectory(tmp_path / "results" / "tiny-screen")
    run.write_run(run_record(ARMS))
    for number, (arm, score) in enumerate(zip(ARMS * 2, (0.2, 0.5, 0.3, 0.1), strict=True)):
        run.write_training(trial_record(number, arm, score))
    return run


def test_the_best_go_on_and_the_others_are_skipped_with_their_rank(
    sweep: Sweep, directory: RunDirectory, tmp_path: Path, cache: Path
) -> None:
    screen = screened(directory, keep=1)
    assert [(dict(one.arm), one.score, one.kept) for one in screen.probes] == [
        (ARMS[1], 0.5, True),
        (ARMS[0], 0.3, False),
    ]
    plan = make_plan(sweep, tmp_path / "results", cache, [Machine(2, 0)], screen=screen)
    assert [dict(arm) for arm in plan.arms] == [ARMS[1]]
    assert [dict(one.arm) for one in plan.skipped] == [ARMS[0]]
    assert plan.skipped[0].reason == "its frozen probe came 2. of 2 in the screen (0.300)"
    assert plan.probes == screen.probes


def test_an_arm_without_a_score_comes_last_and_is_never_kept(directory: RunDirectory) -> None:
    for trial in directory.trials():
        if dict(trial.arm) == ARMS[1]:
            directory.write_training(trial.model_copy(update={"score": None}))
    screen = screened(directory, keep=2)
    assert [(one.score, one.kept) for one in screen.probes] == [(0.3, True), (None, False)]


@pytest.mark.parametrize(
    ("changes", "key", "said"),
    [
        ({"screen": {"keep": 4}}, "screen.keep", "there are 4 arms"),
        ({"fixed": {"frozen": True}}, "fixed.frozen", "freezes every arm first"),
    ],
)
def test_what_makes_no_sense_with_a_screen_is_refused(
    make_sweep: Callable[..., Sweep], changes: dict[str, object], key: str, said: str
) -> None:
    sweep = make_sweep(**{"screen": {"keep": 1}, **changes})
    (fault,) = keys_at_fault(sweep)
    assert ".".join(map(str, fault.key)) == key and said in fault.message
