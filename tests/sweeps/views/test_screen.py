"""The live view fits into any terminal, and shows the most important first."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

from runs.factory import trial_record
from sweeps.ledger import Ledger
from sweeps.plan import make_plan
from sweeps.schema import Sweep
from sweeps.slots import Machine
from sweeps.views import Screen
from sweeps.views.screen import seconds_left, share
from sweeps.views.wording import duration

MakeScreen = Callable[[int, int], Screen]


@pytest.fixture
def make_screen(make_sweep: Callable[..., Sweep], tmp_path: Path, cache: Path) -> MakeScreen:
    """The view of a run of 16 arms: some finished, some running, one failed, one stopped."""
    sweep = make_sweep(
        compare={"backbone": ["test_resnet", "test_vit"], "batch_size": [2, 3, 4, 5, 6, 7, 8, 9]},
        fixed={"pretraining": "scratch"},
        budget={"trials": 32, "epochs": 9},
        repeats={"top": 1, "seeds": 2},
    )
    plan = make_plan(sweep, tmp_path, cache, [Machine(8, 0)])
    states = ["done", "waiting", "failed", *["running"] * 8, "stopped"]

    def make(width: int, height: int) -> Screen:
        trials = Ledger(plan.directory, "AP50")
        console = Console(width=width, height=height, file=io.StringIO(), force_terminal=True)
        screen = Screen(plan, trials, Ledger(plan.directory, "AP50", "repeats"), console)
        for number, status in enumerate(states):
            epochs = 9 if status == "done" else 1
            rows = [
                {"epoch": epoch, "AP50": 0.5, "loss": 1.25, "seconds": 2.0}
                for epoch in range(1, epochs + 1)
            ]
            reason = "CUDA out of memory" * 20 if status == "failed" else None
            trials.records[number] = record = trial_record(
                number,
                plan.arms[number],
                None if status == "failed" else 0.3 + number / 100,
                metric="AP50",
                config={"epochs": 9, "lr": 0.00123456},
                tuned=["lr"],
                status=status,
                epochs=rows,
                reason=reason,
            )
            if status == "running":
                screen.trial_started(record)
        screen.arms_stopped({plan.arms[11]})
        screen.stage_started("mae-test_vit")
        return screen

    return make


def drawn(screen: Screen) -> list[str]:
    with screen.console.capture() as captured:
        screen.console.print(screen.render())
    return Text.from_ansi(captured.get().removesuffix("\n")).plain.split("\n")


@pytest.mark.parametrize("size", [(40, 8), (80, 24), (100, 30), (200, 50)], ids=str)
def test_nothing_wraps_and_the_last_line_stays_free(
    make_screen: MakeScreen, size: tuple[int, int]
) -> None:
    lines = drawn(make_screen(*size))
    assert len(lines) < size[1]
    assert max(map(len, lines)) <= size[0]
    assert "elapsed" in lines[0]
    assert "memory" in lines[-1] or size[0] == 40


def test_small_terminal_shows_the_best_arms_and_counts_the_others(make_screen: MakeScreen) -> None:
    told = "\n".join(drawn(make_screen(80, 24)))
    arms = told[told.index("arm ") :]
    assert arms.index("test_resnet · 2") < arms.index("more arms")
    assert "1 of 12 trials failed or diverged (8%)" in told


def test_large_terminal_shows_all(make_screen: MakeScreen) -> None:
    screen = make_screen(200, 50)
    told = "\n".join(drawn(screen))
    assert all(arm.title in told for arm in screen.plan.arms)
    for part in ("stopped by hand", "reached", "lr 0.00123", "1.25", "mae-test_vit", "CUDA"):
        assert part in told


def test_rows_go_to_what_is_needed_and_then_to_each_in_turn() -> None:
    assert share(10, [(1, 3), (4, 20), (3, 3)]) == [2, 5, 3]
    assert share(6, [(1, 3), (4, 20), (3, 3)]) == [2, 4, 0]
    assert share(20, [(1, 2), (4, 20), (3, 9)]) == [2, 10, 8]
    assert share(30, [(0, 0), (4, 20), (3, 3)]) == [0, 20, 3]


def test_time_left_is_measured_and_shared_by_the_slots() -> None:
    assert seconds_left(100.0, 0, 0.0, 0.0, 2) is None, "nothing is trained yet"
    assert seconds_left(100.0, 50, 10.0, None, 2) is None, "nothing is known of the stages"
    assert seconds_left(100.0, 50, 10.0, 6.0, 2) == pytest.approx((100 * 10 / 50 + 6) / 2)


@pytest.mark.parametrize(
    ("seconds", "text"), [(45.4, "45 s"), (185, "3 min 05 s"), (7620, "2 h 07 min")]
)
def test_duration_reads_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_is_timed_is_said_when_all_else_is_done(make_screen: MakeScreen) -> None:
    screen = make_screen(100, 30)
    screen.timing("003-a", 2)
    assert "timing" not in drawn(screen)[0], "trials are running"
    for record in list(screen.running.values()):
        screen.trial_ended(record)
    assert "timing 003-a, 2 more to do" in drawn(screen)[0]
