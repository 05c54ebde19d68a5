import io
import re
from pathlib import Path

import pandas as pd
import pytest

import analysis
from analysis.tables.formats import write
from analysis.tables.table import Table


def table(frame: pd.DataFrame) -> Table:
    return Table("runs_1: AP50", None, frame, scores=("best",), notes=("A & B",), context={})


@pytest.fixture
def awkward() -> Table:
    names = ["vit_small|patch16", "a\\b~c^d", "100% [bold]#1"]
    return table(pd.DataFrame({"backbone": names, "best": [0.5, None, 0.25]}))


def test_csv_comes_back_with_every_digit(folder: Path) -> None:
    run = analysis.load(folder)
    for trials, rank in ((False, analysis.rank_arms), (True, analysis.rank_trials)):
        written = analysis.show_ranking(run, trials=trials, format="csv")
        read = pd.read_csv(io.StringIO(written), float_precision="round_trip")
        assert set(read["ranked_by"]) == {"AP50"}
        expected = rank(run)
        pd.testing.assert_frame_equal(read[expected.columns], expected, check_dtype=False)


def test_markdown_rows_have_as_many_cells_as_the_head(awkward: Table) -> None:
    grid = [
        line for line in write(awkward, "markdown", width=80).splitlines() if line.startswith("|")
    ]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in grid] == [3] * 5
    assert grid[1] == "| --- | ---: |"
    assert grid[2] == r"| vit_small\|patch16 | **0.5000** |"


def test_latex_is_booktabs_with_the_best_in_bold_and_no_bare_specials(awkward: Table) -> None:
    written = write(awkward, "latex", width=80)
    assert [written.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1] * 3
    assert r"\caption{runs\_1: AP50}" in written
    assert r"vit\_small\textbar{}patch16 & \textbf{0.5000} \\" in written
    assert r"a\textbackslash{}b\textasciitilde{}c\textasciicircum{}d & -- \\" in written
    assert r"100\% [bold]\#1 & 0.2500 \\" in written
    assert r"A \& B\par" in written


@pytest.mark.parametrize("trials", [False, True])
@pytest.mark.parametrize("width", [40, 80, 100, 160])
def test_terminal_cuts_nothing_off_and_keeps_to_its_width(
    folder: Path, width: int, trials: bool
) -> None:
    run = analysis.load(folder)
    lines = analysis.show_ranking(run, trials=trials, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert not any("…" in line for line in lines)
    head = next(at for at, line in enumerate(lines) if "backbone" in line.split())
    left = lines[head].index("backbone")
    # The parts of a folded name are below one another, so that reading down restores the names.
    parts = [line[left:].split(" ")[0] for line in lines[head + 2 : lines.index("", head)]]
    ranking = analysis.rank_trials(run) if trials else analysis.rank_arms(run)
    assert "".join(parts) == "".join(ranking["backbone"])
    scores = ranking["AP50" if trials else "median"].dropna()
    assert {f"{score:.4f}" for score in scores} <= set(" ".join(lines).split())


def test_terminal_is_plain_text_unless_styles_are_asked_for(awkward: Table) -> None:
    assert "\x1b" not in write(awkward, "text", width=80)
    assert "\x1b[1m0.5000" in write(awkward, "text", width=80, styled=True)


def test_terminal_takes_brackets_for_what_they_are(awkward: Table) -> None:
    assert "100% [bold]#1" in write(awkward, "text", width=80)


def test_terminal_folds_names_after_separators_and_leaves_numbers_whole() -> None:
    frame = pd.DataFrame({"backbone": ["shufflenet_window7_b"], "best": [0.125], "lr": [-1e-05]})
    lines = write(table(frame), "text", width=32).splitlines()
    assert [line.split() for line in lines[4:6]] == [
        ["shufflenet_", "0.1250", "-1e-05"],
        ["window7_b"],
    ]


def test_terminal_continues_below_under_the_first_column() -> None:
    frame = pd.DataFrame({"number": [7], "best": [0.125], "seconds": [12345.6]})
    lines = write(table(frame), "text", width=18).splitlines()
    assert [line.split() for line in lines if line[:1].isspace() or line.startswith("number")] == [
        ["number", "best"],
        ["7", "0.1250"],
        ["number", "seconds"],
        ["7", "12346"],
    ]
