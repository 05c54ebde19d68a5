"""Whether every arm fits a GPU, as the plan says it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from sweeps.cards import CARDS, Card, UnknownCardError, card_named
from sweeps.faults import SweepError
from sweeps.plan import Plan, make_plan
from sweeps.schema import Sweep
from sweeps.show import show_plan
from sweeps.slots import Machine

ONE_GPU = [Machine(cpus=4, gpus=1)]
HALF = {"gpu": 0.5}


@pytest.fixture(autouse=True)
def _tensors_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is added to tensors is larger than models of tests."""
    monkeypatch.setattr("models.memory.prediction.CONTEXT", 0)
    monkeypatch.setattr("models.memory.prediction.SLACK", 1)


@pytest.fixture
def planned(
    make_sweep: Callable[..., Sweep], tmp_path: Path, cache: Path
) -> Callable[[Card | None], Plan]:
    """The plan of two arms of batches of 8 or 16, in slots of half a card."""
    sweep = make_sweep(
        compare={"backbone": ["test_resnet", "test_efficientnet"], "pretraining": ["scratch"]},
        tune={"lr": {"log_uniform": [1e-4, 1e-2]}, "batch_size": {"choice": [8, 16]}},
        resources=HALF,
    )
    return lambda card: make_plan(sweep, tmp_path, cache, ONE_GPU, card=card)


def needs(planned: Callable[[Card | None], Plan]) -> int:
    """Bytes of the arm that needs most."""
    memory = planned(CARDS["h100"]).memory
    assert memory is not None
    return max(peak.tensors for peak in memory.peaks.values())


def test_the_plan_says_what_trainings_need_and_hold(
    planned: Callable[[Card | None], Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    show_plan(planned(CARDS["h100"]), Console(width=100_000))
    (line,) = (one for one in capsys.readouterr().out.splitlines() if one.startswith("memory"))
    assert re.search(r"needs 0\.\d GB \(.* · scratch\) to 0\.\d GB \(.* · scratch\), as pred", line)
    assert "a slot has 42.5 GB, 0.5 of the H100" in line


def test_without_a_card_nothing_is_predicted(
    planned: Callable[[Card | None], Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    show_plan(planned(None), Console(width=100_000))
    assert "\nmemory" not in capsys.readouterr().out


def test_an_arm_that_needs_more_than_its_slot_is_refused_with_the_share_that_does(
    planned: Callable[[Card | None], Plan],
) -> None:
    card = Card("small card", round(1.5 * needs(planned)))
    with pytest.raises(SweepError, match=r"arm test_\w+ · scratch: .* and a slot has") as caught:
        planned(card)
    assert "write resources.gpu: 1, or a smaller batch_size with effective_batch: 16" in str(
        caught.value
    )


def test_an_arm_that_needs_more_than_a_card_is_told_the_largest_batch_that_fits(
    planned: Callable[[Card | None], Plan],
) -> None:
    card = Card("tiny card", needs(planned) - 1)
    said = r"batch_size: 8 with effective_batch: 16 \(BatchNorm\w* then see 8 images at once\)"
    with pytest.raises(SweepError, match=said):
        planned(card)


def test_a_card_is_found_by_its_name_and_an_unknown_one_is_refused() -> None:
    assert card_named("H100") is CARDS["h100"]
    with pytest.raises(UnknownCardError, match="no card 'h10' is known; did you mean 'h100'"):
        card_named("h10")
