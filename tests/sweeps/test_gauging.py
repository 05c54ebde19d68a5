"""Trainings are measured alone and beside copies, once, and what was measured is kept."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from models.gauge import Taken
from runs.shown import Shown
from sweeps.cards import Card
from sweeps.failures import failure_of
from sweeps.gauges import Gauge, keep, kept
from sweeps.gauging import CopyFailedError, NoGpuError, gauge, measured
from sweeps.packing import sentences, slot_for, slots_of
from sweeps.plan import Plan, make_plan
from sweeps.schema import Sweep
from sweeps.show import show_plan
from sweeps.slots import Machine, Slot

GB = 10**9
CARD = Card("a card", 80 * GB, driver="1.0")
FULL = failure_of(torch.OutOfMemoryError("CUDA out of memory"))


@dataclass
class Simulated:
    """Copies that are together so fast, by how many there are; with `room` for some of them."""

    rates: dict[int, float]
    room: int = 99
    reserved: int = GB
    began: list[int] = field(default_factory=list)

    def grow(self, copies: int) -> list[Taken]:
        if copies > self.room:
            raise CopyFailedError(FULL)
        self.began.append(copies)
        return [Taken(self.reserved, GB)] * (copies - (self.began[-2] if self.began[:-1] else 0))

    def turn(self) -> float:
        return self.rates[self.began[-1]]


FASTER = {1: 10.0, 2: 19.0, 4: 30.0, 8: 32.0, 16: 60.0}


@pytest.mark.parametrize(
    ("copies", "most", "began", "pay"),
    [
        (Simulated(FASTER), 16, [1, 2, 4, 8], 4),  # 8 are less than a tenth faster
        (Simulated(FASTER), 2, [1, 2], 2),  # there are no cores for more
        (Simulated(FASTER, reserved=30 * GB), 16, [1, 2], 2),  # 4 × 31 GB are more than 80
        (Simulated(FASTER, room=2), 16, [1, 2], 2),  # a copy runs out of memory: that is all
        (Simulated(FASTER, room=1), 16, [1], 1),
    ],
)
def test_copies_are_doubled_as_long_as_it_pays(
    copies: Simulated, most: int, began: list[int], pay: int
) -> None:
    found = gauge(copies, CARD.memory, most)
    assert (copies.began, found.copies) == (began, pay)


def test_a_training_that_fails_alone_is_not_measured() -> None:
    with pytest.raises(CopyFailedError, match="out of memory"):
        gauge(Simulated(FASTER, room=0), CARD.memory, 16)


@pytest.mark.parametrize(
    ("reserved", "cpus", "slot"),
    [
        (GB, 16, Slot(2, 0.125)),
        (9 * GB, 16, Slot(2, 0.1428)),  # 1.1 × 9 + 1 GB: seven fit, where eight pay
        (90 * GB, 16, Slot(16, 1.0)),
        (GB, 3, Slot(1, 0.3333)),  # a core each
    ],
)
def test_the_share_is_as_small_as_pays_and_has_room(reserved: int, cpus: int, slot: Slot) -> None:
    found = Gauge({1: 1.0, 2: 2.0, 4: 4.0, 8: 8.0}, reserved, GB)
    assert slot_for(found, CARD, [Machine(cpus, 1), Machine(64, 0)]) == slot


@pytest.fixture
def plan(make_sweep: Callable[..., Sweep], tmp_path: Path, cache: Path) -> Plan:
    """Two arms on a machine with a GPU, of which two weights share a training."""
    sweep = make_sweep(
        compare={"backbone": ["test_resnet", "test_vit"], "lr": [1e-3, 1e-4]},
        fixed={"pretraining": "scratch", "batch_size": 4},
        tune={},
    )
    plan = make_plan(sweep, tmp_path / "results", cache, [Machine(2, 1)])
    return replace(plan, cache=tmp_path / "kept")


def test_arms_that_are_alike_share_a_training(plan: Plan) -> None:
    assert len(plan.arms) == 4
    assert len(set(plan.shapes.values())) == 2


def test_what_was_measured_is_kept_for_the_same_card_driver_and_torch(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, other = set(plan.shapes.values())
    found = Gauge({1: 1.0, 2: 1.9}, GB, GB)
    keep(plan.cache, shape, CARD, found)
    assert kept(plan.cache, [shape, other], CARD) == {shape: found}
    assert kept(plan.cache, [shape], replace(CARD, driver="2.0")) == {}
    shape.file(plan.cache, CARD).write_text("half a fi")
    assert kept(plan.cache, [shape], CARD) == {}, "it is measured again"
    keep(plan.cache, shape, CARD, found)
    monkeypatch.setattr(torch, "__version__", "99")
    assert kept(plan.cache, [shape], CARD) == {}


def test_on_several_kinds_of_card_an_arm_gets_what_does_on_all(plan: Plan) -> None:
    small = replace(CARD, name="small", memory=10 * GB)
    known = dict.fromkeys(plan.shapes.values(), Gauge({1: 1.0, 2: 2.0, 4: 4.0}, 3 * GB, GB))
    held = slots_of(plan.shapes, {CARD: known, small: known}, [Machine(8, 1)])
    assert set(held.values()) == {Slot(4, 0.5)}
    assert slots_of(plan.shapes, {CARD: known, small: {}}, [Machine(8, 1)]) == {}


def test_the_plan_says_what_the_arms_get_and_what_is_not_known(
    plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *others = plan.arms
    show_plan(replace(plan, measured={first: Slot(2, 0.0833)}), Console(width=1000))
    said = capsys.readouterr().out
    assert f"1/12 of a GPU and 2 cores for a trial, 12 at once on a GPU: {first.title}" in said
    assert "is measured before the trials; to be measured: 2" in said
    together = dict.fromkeys(others, Slot(1, 1.0))
    (line,) = sentences(together)
    assert line.startswith("a whole GPU and 1 core for a trial, 1 at once on a GPU: ")


@pytest.mark.parametrize("resources", [{"gpu": 0.5}, {"gpu": 0}])
def test_with_a_share_in_the_sweep_nothing_is_measured(
    resources: dict, make_sweep: Callable[..., Sweep], tmp_path: Path, cache: Path
) -> None:
    plan = make_plan(make_sweep(resources=resources), tmp_path, cache, [Machine(2, 1)])
    assert not plan.shapes


def a_card() -> Card:
    return CARD


def no_card() -> None:
    return None


@pytest.mark.slow
def test_real_copies_are_measured_once(plan: Plan, ray_cluster: Machine) -> None:
    told = io.StringIO()
    with Shown(Console(file=told, width=200)) as progress:
        found = measured(plan, progress, a_card)
        assert found.measured.keys() == set(plan.arms), found.unmeasured
        assert {slot.gpu for slot in found.measured.values()} <= {0.5, 1.0}
        assert "measuring on the a card, 2 of 2: " in told.getvalue()
        assert ", 2 at once" in told.getvalue()
        files = list((plan.cache / "gauges").iterdir())
        said = told.getvalue()
        assert measured(plan, progress, a_card) == found
    assert len(files) == 2
    assert told.getvalue() == said, "it was known"


@pytest.mark.slow
def test_a_training_that_cannot_be_measured_gets_a_whole_gpu_and_the_plan_says_why(
    plan: Plan, ray_cluster: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {arm: replace(data, folder=Path("/nowhere")) for arm, data in plan.seen.items()}
    with Shown(Console(quiet=True)) as progress:
        found = measured(replace(plan, seen=broken), progress, a_card)
    assert found.unmeasured.keys() == set(plan.arms)
    assert found.slot_of(plan.arms[0]) == plan.slots.each
    show_plan(found, Console(width=1000))
    said = capsys.readouterr().out
    assert "1 GPU and 1 CPU core for a trial, because measuring failed: " in said
    assert "/nowhere" in said


@pytest.mark.slow
def test_a_gpu_that_pytorch_does_not_see_is_refused(plan: Plan, ray_cluster: Machine) -> None:
    with (
        pytest.raises(NoGpuError, match="install a PyTorch with CUDA there"),
        Shown(Console(quiet=True)) as progress,
    ):
        measured(plan, progress, no_card)
