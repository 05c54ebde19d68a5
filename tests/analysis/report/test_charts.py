"""The charts show what the tables and figures of the same run show, number by number."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import analysis
from analysis.figures import sketch_figures
from analysis.figures.style import looks_of
from analysis.ranking.arms import rank_runs
from analysis.report.charts import Charts, PageData, as_json, charts_of
from analysis.statistics.packing import packing
from runs.records import TestRecord
from tests.analysis.made import edit
from tests.analysis.report.reading import Page
from tests.analysis.tallied import tally_detections


def charted(*runs: analysis.Run) -> Charts:
    shared = [name for name in runs[0].record.metrics if "/" not in name]
    return charts_of({metric: rank_runs(runs, metric) for metric in shared})


@pytest.fixture
def detected(repeated: Path) -> analysis.Run:
    """Boxes with repeats, tallied and tested, of which two have times."""
    tally_detections(repeated)
    return analysis.load(repeated)


def test_scores_are_those_of_the_table(segmented: Path, page: Page) -> None:
    charts = charted(analysis.load(segmented))
    rows = page.table("ranking-table")
    for arm, score, row in zip(charts.arms, charts.scores["mIoU"], rows, strict=True):
        assert (arm.levels["head"], arm.levels["loss"]) == (row["head"], row["loss"])
        assert f"{score.best:.4f}" == row["best"]
        tested = score.test is not None
        assert (f"{score.test:.4f}" if tested else "–") == row["test"]
        assert (f"[{score.low:.3f}, {score.high:.3f}]" if tested else "–") == row["95 % CI"]
        spread = "–" if score.seeds is None else f"{score.std:.4f} ({score.seeds})"
        assert spread == row["± (seeds)"]


def test_scores_and_points_are_those_of_the_figures(detected: analysis.Run) -> None:
    charts, (sketches, _) = charted(detected), sketch_figures(detected)
    titles = [arm.title for arm in charts.arms]
    drawn = sketches["arms"].data.set_index("arm")
    for arm, score in zip(titles, charts.scores["AP50"], strict=True):
        if score.test is not None:
            found = drawn.loc[arm]
            assert found["score"] == score.test
            assert [float(one) for one in found["behind"].split()] == list(score.each)
    for of, own in sketches["pareto"].data.groupby("of"):
        points = charts.points["AP50"][str(of)]  # type: ignore[index]
        shown = [(titles[one.arm], one.cost, one.score, one.front) for one in points]
        columns = [own[name].tolist() for name in ("arm", "cost", "score", "front")]
        assert shown == list(zip(*columns, strict=True))


def test_curves_are_those_of_the_figure(detected: analysis.Run) -> None:
    charts, (sketches, _) = charted(detected), sketch_figures(detected)
    drawn = dict(iter(sketches["learning"].data.groupby("number")))
    shown = 0
    for curve in charts.curves:
        training = charts.trainings[curve.training]
        if training.seed is None and training.number in drawn:
            own = drawn[training.number]
            assert list(curve.epochs) == own["epoch"].tolist()
            values = np.array(curve.values["AP50"], dtype="float64")
            np.testing.assert_allclose(values, own["AP50"], rtol=1e-5)
            shown += 1
    assert shown == len(drawn)


def test_trials_are_those_of_parallel_coordinates(detected: analysis.Run) -> None:
    charts, (sketches, _) = charted(detected), sketch_figures(detected)
    drawn = sketches["parallel"].data.set_index("number")
    scored = [one for one in charts.trainings if one.scores.get("AP50") is not None]
    assert sorted(one.number for one in scored) == sorted(drawn.index)
    for one in scored:
        assert one.scores["AP50"] == drawn.loc[one.number, "score"]
        assert one.values["lr"] == drawn.loc[one.number, "config/lr"]


def test_spans_are_those_of_the_packing_and_repeats_follow_the_trials(
    detected: analysis.Run,
) -> None:
    epochs = detected.epochs.assign(time=1e9 + 10.0 * np.arange(1, 1 + len(detected.epochs)))
    object.__setattr__(detected, "epochs", epochs.assign(seconds=10.0))
    later = epochs["time"].max() + 5.0 * np.arange(1, 1 + len(detected.repeat_epochs))
    object.__setattr__(detected, "repeat_epochs", detected.repeat_epochs.assign(time=later))
    (timeline,) = charted(detected).timelines
    trainings = charted(detected).trainings
    trials = [one for one in timeline.spans if trainings[one.training].seed is None]
    shown = [(trainings[one.training].number, one.lane, one.start, one.end) for one in trials]
    columns = packing(detected).spans[["number", "lane", "start", "end"]]
    assert shown == list(columns.itertuples(index=False, name=None))
    repeats = [one for one in timeline.spans if trainings[one.training].seed is not None]
    assert {trainings[one.training].seed for one in repeats} == {1, 2, 3}


def test_arms_look_as_in_the_figures(detected: analysis.Run) -> None:
    looks = looks_of(detected)
    for (_, arm), shown in zip(rank_runs([detected]).arms, charted(detected).arms, strict=True):
        if arm in looks:
            assert (shown.colour, shown.marker) == (looks[arm].colour, looks[arm].marker)


def test_of_several_runs_arms_are_named_with_their_run_and_the_front_is_of_all(
    detected: analysis.Run, tmp_path: Path
) -> None:
    shutil.copytree(detected.path, tmp_path / "again")
    edit(tmp_path / "again" / "run.json", name="again")
    again = analysis.load(tmp_path / "again")
    better = {name: scores | {"AP50": 0.99} for name, scores in again.test.items()}
    again.directory.write_test(TestRecord(scores=better))
    charts = charted(detected, analysis.load(again.path))
    assert {arm.levels["sweep"] for arm in charts.arms} == {"landslide_backbones", "again"}
    assert all(arm.title.endswith(f"({arm.levels['sweep']})") for arm in charts.arms)
    front = [one for one in charts.points["AP50"]["latency_ms"] if one.front]
    assert {charts.arms[one.arm].levels["sweep"] for one in front} == {"again"}
    trainings = {charts.trainings[curve.training].arm for curve in charts.curves}
    assert {charts.arms[arm].run for arm in trainings} == {0, 1}


def test_json_can_stand_in_a_script_and_knows_no_nan(detected: analysis.Run) -> None:
    text = as_json(PageData(charted(detected), {"a": "</script><!--"}))
    assert "<" not in text
    read = json.loads(text, parse_constant=pytest.fail)
    assert read["files"] == {"a": "</script><!--"}
    assert pd.isna(detected.trials["score"]).any()
