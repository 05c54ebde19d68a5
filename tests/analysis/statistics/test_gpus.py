"""What epochs tell of their GPUs, laid together over time."""

from pathlib import Path

import pytest

import analysis
from analysis.figures import sketch_figures
from analysis.loading import AnalysisError
from analysis.report import write_report
from analysis.statistics.gpus import gpu_use, memory_of_arms
from runs.arms import Scalar
from tests.analysis.made import SLOTS, Made, make_run, trial

VGG: dict[str, Scalar] = {"backbone": "vgg11"}
VIT: dict[str, Scalar] = {"backbone": "vit"}
START = 1_795_000_000.0


def trained(arm: dict[str, Scalar], *epochs: dict[str, float]) -> Made:
    """A trial whose epochs tell of a GPU, from `begin` to `end`."""
    rows = [
        {
            **{"epoch": at, "mIoU": 0.1, "gpu/total": 80e9},
            **{"seconds": told.pop("end") - told["begin"], "time": START + told.pop("begin")},
            **told,
        }
        for at, told in enumerate(epochs, 1)
    ]
    for row in rows:
        row["time"] += row["seconds"]
    return trial(arm, 0.1, epochs=rows)


def epoch(begin: float, end: float, gpu: int, busy: float | None, own: float) -> dict[str, float]:
    told = {"begin": begin, "end": end, "gpu/id": gpu, "gpu/own": own}
    return told if busy is None else told | {"gpu/busy": busy, "gpu/used": 20e9}


@pytest.fixture
def packed(tmp_path: Path) -> analysis.Run:
    """Two trials overlap on GPU 5; one is alone on GPU 9, whose driver tells little."""
    return make_run(
        tmp_path / "run",
        [
            trained(VGG, epoch(0, 10, 5, 0.4, 2e9), epoch(10, 30, 5, 1.0, 3e9)),
            trained(VIT, epoch(5, 10, 5, 0.8, 6e9)),
            trained(VIT, epoch(40, 50, 9, None, 5e9)),
        ],
        slots=SLOTS | {"count": 4, "gpu": 0.5, "per_machine": 4},
        predicted=(4_000_000_000, None),
    )


def test_where_epochs_overlap_the_load_is_what_they_tell_together(packed: analysis.Run) -> None:
    use = gpu_use(packed)
    first = use.spans[use.spans["gpu"] == 0]
    assert first[["start", "end", "trials"]].to_numpy().tolist() == [
        [0, 5, 1],
        [5, 10, 2],
        [10, 30, 1],
    ]
    assert first["busy"].tolist() == pytest.approx([0.4, 0.6, 1.0])
    assert use.busy == pytest.approx((5 * 0.4 + 5 * 0.6 + 20 * 1.0) / 30)
    (alone,) = use.spans[use.spans["gpu"] == 1].itertuples()
    assert (alone.start, alone.end, alone.trials) == (40, 50, 1)
    assert alone.busy != alone.busy  # not told


def test_memory_of_an_arm_is_that_of_its_largest_training(packed: analysis.Run) -> None:
    memory = memory_of_arms(packed)
    assert memory["held"].tolist() == [3e9, 6e9]
    assert memory["predicted"].tolist()[0] == 4e9


def test_a_run_on_a_cpu_has_no_such_figure_and_says_why_if_asked(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", [trial(VGG, 0.1)])
    with pytest.raises(AnalysisError, match="no epoch has told of its GPU"):
        gpu_use(run)
    drawn, left_out = sketch_figures(run)
    assert "gpus" not in {*drawn, *left_out}
    assert memory_of_arms(run).empty


def test_the_report_shows_it(packed: analysis.Run) -> None:
    page = write_report(packed).read_text()
    assert "What the GPUs did" in page
    assert "GPU memory held, GB" in page
