from collections.abc import Callable
from pathlib import Path

import pytest

import analysis
from runs.arms import Arm
from runs.directory import RunDirectory
from runs.records import StageRecord
from tests.analysis.conftest import RESNET, SWIN, UNTRIED, VIT
from tests.analysis.made import SLOTS, edit

# A second costs 0.001 USD.
COST = {"cost": {"usd_per_hour": 7.2}, "slots": SLOTS | {"count": 4, "per_machine": 2}}

Changed = Callable[..., analysis.Run]


def write_stages(folder: Path) -> None:
    swin, _, *others = (Arm(arm) for arm in (SWIN, RESNET, VIT, UNTRIED))
    RunDirectory(folder).write_stages(
        [
            StageRecord(name="mae-ab", kind="mae", seconds=90, device="cuda", arms=(swin,)),
            StageRecord(
                name="teacher-cd", kind="teacher", seconds=60, device="cpu", arms=(swin, *others)
            ),
        ]
    )


def write_devices(folder: Path, devices: list[str | None]) -> None:
    files = sorted(folder.glob("trials/*/trial.json"))
    for file, device in zip(files, devices, strict=True):
        edit(file, device=device)


def shown(run: analysis.Run) -> str:
    return analysis.show_ranking(run, width=1000)


def test_run_without_a_price_has_no_columns_of_cost(folder: Path) -> None:
    run = analysis.load(folder)
    assert not {"device", "usd"} & set(analysis.rank_arms(run))
    assert "Stage" not in shown(run)
    assert "USD" not in shown(run)


def test_device_has_a_column_only_if_devices_differ(folder: Path) -> None:
    write_devices(folder, [*["cpu"] * 5, None])
    assert "device" not in analysis.rank_arms(analysis.load(folder))
    write_devices(folder, ["A", "B", "B", "A", "A", None])
    devices = analysis.rank_arms(analysis.load(folder))["device"]
    assert devices.tolist() == ["A", "B, A", "B"]


def test_price_is_of_the_slots_time_in_the_arms_own_trials(changed: Changed) -> None:
    arms = analysis.rank_arms(changed(**COST))
    assert arms["seconds"].tolist() == [39.0, 32.5, 3.0]
    assert arms["usd"].tolist() == pytest.approx([0.039, 0.0325, 0.003])
    assert arms["device"].tolist() == ["cpu"] * 3


def test_stages_are_shared_equally_by_the_arms_that_start_from_them(
    folder: Path, changed: Changed
) -> None:
    write_stages(folder)
    arms = analysis.rank_arms(changed(**COST))
    assert arms["seconds"].tolist() == [39.0, 32.5, 3.0]  # only the arm's own trials
    assert arms["usd"].tolist() == pytest.approx([0.039 + 0.09 + 0.02, 0.0325, 0.003 + 0.02])


def test_every_stage_is_told_once_with_or_without_a_price(folder: Path, changed: Changed) -> None:
    write_stages(folder)
    below = shown(analysis.load(folder))
    stages = "mae-ab, 90 s on cuda, for 1 arm; teacher-cd, 60 s on cpu, shared equally by 3 arms"
    assert f"Initial weights, which the column seconds leaves out: {stages}." in below
    assert below.count("mae-ab") == below.count("teacher-cd") == 1
    assert "USD" not in below
    below = shown(changed(**COST))
    assert "at 7.2 USD an hour for a machine of 2 slots." in below
    assert "mae-ab, 90 s on cuda, 0.09 USD, for 1 arm;" in below
    assert "teacher-cd, 60 s on cpu, 0.06 USD, shared equally by 3 arms." in below
    assert below.count("mae-ab") == below.count("teacher-cd") == 1


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        (
            {"count": 8, "gpu": 0.25, "per_machine": 8},
            "up to 4 at once on one GPU, 0.25 of it",
        ),
        ({"count": 2, "gpu": 0.1, "per_machine": 2}, "up to 2 at once on one GPU, 0.1 of it"),
        ({"count": 4, "per_machine": 2}, "up to 2 at once on one machine, 1 CPU core each"),
        ({"count": 4, "gpu": 1.0, "per_machine": 4}, None),
        ({"count": 4, "per_machine": 1}, None),
    ],
)
def test_how_many_trials_shared_what_the_seconds_are_of(
    changed: Changed, slots: dict[str, float], said: str | None
) -> None:
    told = shown(changed(slots=SLOTS | slots))
    assert ("are of trials that ran" in told) == (said is not None)
    assert said is None or said in told


def test_seconds_of_unequal_shares_are_weighed_by_them(folder: Path, changed: Changed) -> None:
    """A machine of two GPUs, of which a slot is one: a second of half a GPU costs half as much."""
    for file in folder.glob("trials/*/trial.json"):
        edit(file, gpu=0.25)
    whole = COST["slots"] | {"gpu": 1.0}
    run = changed(**COST | {"slots": whole})
    assert analysis.rank_arms(run)["usd"].tolist() == pytest.approx(
        [0.25 * one for one in (0.039, 0.0325, 0.003)]
    )
    assert "up to 4 at once on one GPU, 0.25 of it each" in shown(run)
    edit(next(folder.glob("trials/*/trial.json")), gpu=0.5)
    assert "on one GPU, 0.25 to 0.5 of it each" in shown(analysis.load(run.path))
