"""The speed of an arm is that of its timed trial, and how it was measured is said."""

from pathlib import Path

import analysis
from analysis.figures import sketch_figures
from analysis.latency import latency_notes
from analysis.report import write_report
from analysis.standings import SPEEDS, models_of_arms
from analysis.statistics.pareto import pareto
from runs.directory import RunDirectory
from runs.factory import latency_of
from runs.records import Latency, LatencyRecord
from tests.analysis.made import SLOTS, edit
from tests.analysis.report.reading import read


def timed(folder: Path, *latencies: Latency) -> analysis.Run:
    """The run, after its first trials were timed."""
    directory = RunDirectory(folder)
    names = [trial.name for trial in directory.trials()]
    models = dict(zip(names, latencies, strict=False))
    directory.write_latency(LatencyRecord(models=models))
    return analysis.load(folder)


def test_repeats_are_as_fast_as_the_trial_that_they_repeat(repeated: Path) -> None:
    run = timed(repeated, latency_of(8.0), latency_of(5.0))
    models = models_of_arms(run, "AP50")
    assert models.groupby("arm")["latency_ms"].agg(list).tolist() == [[8.0] * 3, [5.0] * 3]
    assert models[list(SPEEDS)].iloc[-1].tolist() == [5.0, 4.5, 6.0, 400.0]
    arms = pareto(run, "latency_ms").arms
    assert arms[["arm", "cost", "low", "high"]].to_numpy().tolist() == [
        [1, 5.0, 4.5, 6.0],
        [0, 8.0, 7.2, 9.6],
    ]


def test_values_of_an_earlier_version_do_not_stand_beside_new_ones(repeated: Path) -> None:
    run = timed(repeated, latency_of(8.0))
    found = pareto(run, "latency_ms")
    assert found.arms["arm"].tolist() == [0]
    assert 1 in found.missing


def test_how_latency_was_measured_is_said(repeated: Path) -> None:
    (old,) = latency_notes(analysis.load(repeated))
    assert "by an earlier version" in old
    assert "ran at once" not in old
    edit(repeated / "run.json", slots=SLOTS | {"count": 4})
    (beside,) = latency_notes(analysis.load(repeated))
    assert "while up to 4 trials ran at once" in beside
    (alone,) = latency_notes(timed(repeated, latency_of(8.0), latency_of(5.0, images=16)))
    assert "with nothing else of the sweep running, on 1 CPU core" in alone
    assert "median (quartiles) of 50 runs" in alone
    assert "8, 16 images" in alone


def test_paper_table_has_the_speed_of_each_arm(repeated: Path) -> None:
    run = timed(repeated, latency_of(8.0), latency_of(5.0))
    told = analysis.show_paper_table([run], format="markdown")
    assert "| latency_ms | quartiles | images_per_s |" in told
    assert "| 5 | [4.5, 6] | 400 |" in told
    assert latency_notes(run)[0].split(";")[0] in told
    assert "latency_ms" not in analysis.show_ranking(run)


def test_report_and_figure_say_how_fast_each_arm_is(repeated: Path) -> None:
    run = timed(repeated, latency_of(8.0), latency_of(5.0))
    page = write_report(run).read_text()
    assert "How fast each arm&#39;s model is" in page or "How fast each arm's model is" in page
    assert read(page)
    sketches, _ = sketch_figures(run)
    caption = sketches["pareto"].caption
    assert "Flat bars: quartiles" in caption
    assert latency_notes(run)[0] in caption
