import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import analysis
from analysis.tables.references import references_of, with_references
from tests.analysis.made import edit

REFERENCES = {
    "source": "Doe et al. 2023, table 2",
    "note": "Chosen and scored on one split.",
    "rows": [
        {"arm": {"backbone": "resnet18"}, "scores": {"AP50": 0.01}},
        {"arm": {"backbone": "vit_l", "pretraining": "mae"}, "scores": {"AP50": 0.875, "AP": 0.5}},
        {"arm": {"backbone": "swin_b", "pretraining": "mae"}, "scores": {"AP": 0.25}},
    ],
}

Changed = Callable[..., analysis.Run]


def test_published_rows_are_below_ours_best_first_and_have_no_rank(changed: Changed) -> None:
    run = changed(references=REFERENCES)
    ours = analysis.rank_arms(run)
    table = with_references(ours, references_of([run]), "AP50")
    assert table["rank"].tolist() == [1, 2, 3, "ref", "ref"]
    assert table["best"].tolist()[3:] == [0.875, 0.01]
    assert table["backbone"].tolist()[3:] == ["vit_l", "resnet18"]
    assert table["pretraining"].isna().tolist() == [False] * 4 + [True]
    rest = ours.columns.difference(["rank", "best", "backbone", "pretraining"])
    assert table[rest].iloc[3:].isna().all(axis=None)
    pd.testing.assert_frame_equal(table[ours.columns].iloc[:3], ours, check_dtype=False)


def test_only_rows_with_the_ranked_metric_are_shown(folder: Path, changed: Changed) -> None:
    run = changed(references=REFERENCES, metrics=["AP50", "AP", "AP75"])
    by_ap = with_references(analysis.rank_arms(run, "AP"), references_of([run]), "AP")
    assert by_ap["backbone"].tolist()[3:] == ["vit_l", "swin_b"]
    assert "Doe et al." not in analysis.show_ranking(run, metric="AP75")


@pytest.mark.parametrize("format", ["text", "markdown", "latex"])
def test_published_rows_are_marked_and_never_bold(changed: Changed, format: Any) -> None:
    run = changed(references=REFERENCES)
    shown = analysis.show_ranking(run, format=format, width=1000, styled=True)
    bold = {"text": "\x1b[1m{}", "markdown": "**{}**", "latex": r"\textbf{{{}}}"}[format]
    assert "0.8750" in shown
    assert bold.format("0.8750") not in shown
    assert bold.format("0.5000") in shown  # the best of ours, though not of all
    assert "ref: published, not measured here and not ranked. Doe et al. 2023, table 2." in shown
    assert "Chosen and scored on one split. They are of the real data" in shown


def test_csv_holds_the_published_rows_and_whole_numbers_stay_whole(changed: Changed) -> None:
    written = analysis.show_ranking(changed(references=REFERENCES), format="csv")
    read = pd.read_csv(io.StringIO(written), dtype=str)
    assert read["rank"].tolist() == ["1", "2", "3", "ref", "ref"]
    assert read["n"].tolist()[:3] == ["2", "3", "1"]


def test_trials_have_no_published_rows(changed: Changed) -> None:
    assert "Doe" not in analysis.show_ranking(changed(references=REFERENCES), trials=True)


def test_factor_named_like_a_column_keeps_its_prefix(folder: Path, changed: Changed) -> None:
    arms = [{"backbone": "a", "n": 3}]
    for file in list(folder.glob("trials/*/trial.json"))[1:]:
        file.unlink()
    (file,) = folder.glob("trials/*/trial.json")
    edit(file, arm=arms[0])
    rows = [{"arm": {"backbone": "b", "n": 7}, "scores": {"AP50": 0.1}}]
    references = REFERENCES | {"rows": rows}
    run = changed(
        factors=["backbone", "n"],
        arms=arms,
        weights=[None],
        costs=[1],
        skipped=[],
        references=references,
    )
    table = with_references(analysis.rank_arms(run), references_of([run]), "AP50")
    assert table["arm/n"].tolist() == [3, 7]
    assert table["n"].isna().tolist() == [False, True]


def test_sweep_without_trials_shows_what_is_published(folder: Path, changed: Changed) -> None:
    for file in folder.glob("trials/*/trial.json"):
        file.unlink()
    assert "0.8750" in analysis.show_ranking(changed(references=REFERENCES))
