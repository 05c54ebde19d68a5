import math
import subprocess
import sys
from pathlib import Path

import pytest

from analysis import AnalysisError
from analysis.__main__ import main
from analysis.tables.spacenet import score_solutions, show_solutions

ROOT = Path(__file__).parents[3]
TRUTH_HEAD = "ImageId,BuildingId,PolygonWKT_Pix,PolygonWKT_Geo"
HEAD = "ImageId,BuildingId,PolygonWKT_Pix,Confidence"
KHARTOUM, VEGAS = "AOI_5_Khartoum_img12", "AOI_2_Vegas_img3"
UNBOUNDED = '"POLYGON ((0 0, 10 0, 10 nan, 0 10, 0 0))"'
ATLANTA = "Atlanta_nadir7_catid_1030010003D22F00_732701_3724239"


def square(x: float, side: float = 10, height: str = "") -> str:
    corners = [(x, 0), (x + side, 0), (x + side, side), (x, side), (x, 0)]
    return f'"POLYGON (({", ".join(f"{a} {b}{height}" for a, b in corners)}))"'


def solution(file: Path, *lines: str) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return solution(
        tmp_path / "truth.csv",
        TRUTH_HEAD,
        f"{KHARTOUM},1,{square(0, height=' 0')},",
        f"{KHARTOUM},2,{square(50)},",
        f"{KHARTOUM},3,{square(90, side=4)},",
        "AOI_5_Khartoum_img13,-1,POLYGON EMPTY,POLYGON EMPTY",
        f"{VEGAS},1,{square(0)},",
        f"{ATLANTA},1,{square(0)},",
    )


@pytest.fixture
def proposals(tmp_path: Path) -> Path:
    return solution(
        tmp_path / "proposals.csv",
        HEAD,
        f"{KHARTOUM},1,{square(1)},0.5",
        f"{KHARTOUM},2,{square(0)},0.25",
        f"AOI_5_Khartoum_img13,1,{square(0)},1e-3",
        f"{VEGAS},-1,POLYGON EMPTY,1",
        f"{ATLANTA},1,{square(0)},1",
    )


def test_counts_are_summed_over_each_area_and_over_all(truth: Path, proposals: Path) -> None:
    score = score_solutions(truth, proposals)
    assert score["AOI"].tolist() == ["AOI_5_Khartoum", "AOI_2_Vegas", "Atlanta", "total"]
    assert score["images"].tolist() == [2, 1, 1, 4]
    assert score[["TP", "FP", "FN"]].to_numpy().tolist() == [
        [1, 2, 1],
        [0, 0, 1],
        [1, 0, 0],
        [2, 2, 2],
    ]
    assert score["F1"].tolist() == [0.4, 0, 1, 0.5]
    assert math.isnan(score["precision"][1])


def test_truth_scored_against_itself_is_perfect(truth: Path, tmp_path: Path) -> None:
    lines = truth.read_text().splitlines()[1:]
    own = [f"{line.rsplit(',', 1)[0]},1" for line in lines]
    score = score_solutions(truth, solution(tmp_path / "own.csv", HEAD, *own))
    assert score["F1"].tolist() == [1, 1, 1, 1]


def test_images_without_proposals_are_missed(truth: Path, tmp_path: Path) -> None:
    score = score_solutions(truth, solution(tmp_path / "none.csv", HEAD))
    assert score["FN"].tolist() == [2, 1, 1, 4]


def test_ids_that_name_no_area_are_scored_together(tmp_path: Path) -> None:
    mine = solution(tmp_path / "t.csv", TRUTH_HEAD, f"tile7,1,{square(0)},")
    ours = solution(tmp_path / "p.csv", HEAD, f"tile7,1,{square(0)},1")
    assert score_solutions(mine, ours)["AOI"].tolist() == ["total"]
    mixed = solution(
        tmp_path / "m.csv", TRUTH_HEAD, f"tile7,1,{square(0)},", f"{VEGAS},1,{square(0)},"
    )
    assert score_solutions(mixed, ours)["AOI"].tolist() == ["other", "AOI_2_Vegas", "total"]


def test_columns_are_known_by_name_and_blank_lines_passed_over(truth: Path, tmp_path: Path) -> None:
    ours = solution(
        tmp_path / "p.csv",
        "\ufeffConfidence,PolygonWKT_Pix,Note,BuildingId,ImageId",
        "",
        f"1,{square(0)},?,4,{ATLANTA}",
    )
    assert score_solutions(truth, ours)["TP"].tolist() == [0, 0, 1, 1]


def test_long_outline_is_read(truth: Path, tmp_path: Path) -> None:
    arc = [(math.cos(i / 5000), math.sin(i / 5000)) for i in range(10000)]
    text = ", ".join(f"{10 + 9 * x:.12f} {10 + 9 * y:.12f}" for x, y in [*arc, arc[0]])
    assert len(text) > 2**17
    ours = solution(tmp_path / "p.csv", HEAD, f'{ATLANTA},1,"POLYGON (({text}))",1')
    assert score_solutions(truth, ours)["FP"].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["ImageId,BuildingId,PolygonWKT_Pix"], "line 1: has no column Confidence"),
        ([], "line 1: has no column ImageId, BuildingId, PolygonWKT_Pix, Confidence"),
        (
            [HEAD, f'{VEGAS},1,"POLYGON ((0 0, 1",1'],
            "line 2: PolygonWKT_Pix is not a polygon in WKT",
        ),
        ([HEAD, f"{VEGAS},1,,1"], "line 2: PolygonWKT_Pix is not a polygon in WKT: ''"),
        ([HEAD, f'{VEGAS},1,"POINT (1 2)",1'], "line 2: PolygonWKT_Pix is not a polygon"),
        (
            [HEAD, f"{VEGAS},1,{square(0)},1", f"{VEGAS},2,{UNBOUNDED},1"],
            "line 3: PolygonWKT_Pix is not a polygon in WKT",
        ),
        ([HEAD, "", f"{VEGAS},1,{square(0)},high"], "line 3: Confidence is not a number: 'high'"),
        ([HEAD, f"{VEGAS},1,{square(0)},"], "line 2: Confidence is not a number: ''"),
        ([HEAD, f"{VEGAS},1,{square(0)},nan"], "line 2: Confidence is not a number: 'nan'"),
        ([HEAD, f"AOI_2_Vegas_img4,1,{square(0)},1"], "has no image 'AOI_2_Vegas_img4'"),
        ([HEAD, f"{VEGAS},-1,{square(0)},1"], "line 2: BuildingId -1 means no building"),
        ([HEAD, f"{VEGAS},1,{square(0)[1:-1]},1"], "line 2: has 8 cells for 4 columns"),
        ([HEAD, f'{VEGAS},1,"POLYGON EMPTY"?,1'], "line 2: is not CSV"),
    ],
)
def test_what_cannot_be_scored_is_named_by_file_line_and_reason(
    truth: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    lines: list[str],
    told: str,
) -> None:
    file = solution(tmp_path / "mine.csv", *lines)
    assert main(["spacenet-score", str(truth), str(file)]) == 2
    output = capsys.readouterr()
    assert output.err.startswith(f"{file}, line ")
    assert told in output.err
    assert len(output.err.splitlines()) == 1
    assert output.out == ""


def test_truth_is_checked_like_proposals(truth: Path, proposals: Path, tmp_path: Path) -> None:
    with pytest.raises(
        AnalysisError, match=r"proposals\.csv, line 1: has no column PolygonWKT_Pix"
    ):
        broken = proposals.read_text().replace("PolygonWKT_Pix", "PolygonWKT")
        proposals.write_text(broken)
        score_solutions(proposals, truth)
    with pytest.raises(AnalysisError, match="lists no image"):
        score_solutions(solution(tmp_path / "empty.csv", TRUTH_HEAD), proposals)
    with pytest.raises(AnalysisError, match=r"nowhere\.csv cannot be read: No such file"):
        score_solutions(tmp_path / "nowhere.csv", proposals)
    (tmp_path / "latin.csv").write_bytes(b"ImageId,B\xe4ume")
    with pytest.raises(AnalysisError, match=r"latin\.csv is not text in UTF-8"):
        score_solutions(tmp_path / "latin.csv", proposals)


def test_command_needs_neither_ray_nor_torch(truth: Path, proposals: Path) -> None:
    program = (
        "import sys\nfrom analysis.__main__ import main\n"
        f"assert main(['spacenet-score', {str(truth)!r}, {str(proposals)!r}]) == 0\n"
        "assert not {'ray', 'torch'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "SpaceNet metric: proposals.csv against truth.csv" in done.stdout
    total = next(line for line in done.stdout.splitlines() if line.startswith("total"))
    assert total.split() == ["total", "4", "2", "2", "2", *["0.5000"] * 3]


def test_areas_do_not_compete_for_bold(truth: Path, proposals: Path) -> None:
    assert "**1.0000**" not in show_solutions(truth, proposals, format="markdown")
