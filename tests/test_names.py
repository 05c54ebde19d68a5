"""A name from anybody, pushed through all that people and programs are shown: it does nothing."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import analysis
from analysis.report import write_report
from analysis.tables.formats import FORMATS, Format
from datasets import DataError
from datasets.options import Dataset, prepare_dataset
from deploy.card import model_card
from runs.arms import Arm, arm_slugs
from runs.errors import EosweepError
from runs.factory import trial_record, write_run
from runs.plain import in_spreadsheet, markdown, plain
from sweeps.read import read_sweep
from tests.analysis.report.reading import read

ESCAPE, TURNED = "\x1b[31m", "\u202e"
NASTY = f"=1+1<script>alert(1)</script>|`../../x\r\n{ESCAPE}{TURNED}[a](javascript:b)" + "x" * 300


def acts(text: str) -> set[str]:
    """The characters of a text that would act on a terminal."""
    return {one for line in text.splitlines() for one in line if plain(one) != one}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose sweep, arms, classes and metrics have such a name."""
    trials = [
        trial_record(number, {"pretraining": name}, score, config={"head": "fpn", "backbone": "x"})
        for number, (name, score) in enumerate([(NASTY, 0.6), ("mae", 0.5)])
    ]
    directory = write_run(
        tmp_path / "run",
        trials,
        test={trials[0].name: {"mIoU": 0.5, f"IoU/{NASTY}": 0.5}},
        name=NASTY,
        metrics=["mIoU", f"IoU/{NASTY}"],
        data={"classes": [NASTY, "water"]},
    )
    directory.weights_file(trials[0]).touch()
    return directory.path


@pytest.mark.parametrize("format", FORMATS)
def test_tables(run: Path, format: Format) -> None:
    shown = analysis.show_ranking(analysis.load(run), format=format)
    assert "script" in shown
    if format == "csv":
        cells = [cell for row in csv.reader(io.StringIO(shown)) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\r"))]
        assert f"'{NASTY}" in cells
    else:
        assert acts(shown) == set()
    if format == "markdown":
        assert "<script" not in shown
        assert "](java" not in shown.replace("\\](", "")
        widths = {
            len(re.findall(r"(?<!\\)\|", line)) for line in shown.splitlines() if line[:1] == "|"
        }
        assert len(widths) == 1


def test_report(run: Path) -> None:
    text = write_report(analysis.load(run)).read_text()
    assert "<script>alert" not in text
    assert len(read(text).all("script")) == 3  # data, library, the page's own


def test_card(run: Path) -> None:
    card = model_card(run, None)
    assert acts(card) == set()
    assert "<script" not in re.sub(r"```.*?```|\\`|`[^`]*`", "", card, flags=re.DOTALL)


def test_errors() -> None:
    assert acts(str(EosweepError(f"{NASTY} is not there"))) == set()


def test_folders_of_trials_stay_in_their_run() -> None:
    arms = [
        Arm({"pretraining": name}) for name in (NASTY, NASTY + "y", "..", "/etc", "a\0b", "x" * 400)
    ]
    slugs = arm_slugs(arms).values()
    assert len(set(slugs)) == len(arms)
    for slug in slugs:
        folder = f"007-{slug}-seed4294967295"
        assert Path(folder).name == folder
        assert len(folder.encode()) < 255
        assert plain(folder) == folder


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "..", "a/b", "a\nb", "", "x" * 300, ESCAPE])
def test_the_name_of_a_sweep_stays_in_its_folder(tmp_path: Path, name: str) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(f"name: {json.dumps(name)}\n")
    with pytest.raises(EosweepError, match=r"name: ") as refusal:
        read_sweep(file)
    assert acts(str(refusal.value)) == set()


def test_names_of_classes_that_act_are_refused(
    tmp_path: Path, write_boxes: Callable[..., Any]
) -> None:
    write_boxes(tmp_path / "data", ESCAPE + "pond")
    with pytest.raises(DataError, match="give it another name") as refusal:
        prepare_dataset(Dataset(name="coco", root=tmp_path / "data", image_size=32), tmp_path)
    assert acts(str(refusal.value)) == set()


@pytest.fixture
def write_boxes() -> Callable[..., Any]:
    """COCO JSON of one image, whose boxes are of the named class."""

    def write(root: Path, name: str) -> None:
        from PIL import Image

        root.mkdir()
        Image.new("RGB", (32, 32)).save(root / "a.png")
        box = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9]}
        image = {"id": 1, "file_name": "a.png", "height": 32, "width": 32}
        content = {"images": [image], "annotations": [box], "categories": [{"id": 1, "name": name}]}
        (root / "boxes.json").write_text(json.dumps(content))

    return write


@pytest.mark.parametrize("cell", ["=A1", "+1", "-x", "@x", "\tx"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert in_spreadsheet(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", [-1.5, "swin_tiny", "", None])
def test_other_cells_stay_as_they_are(cell: object) -> None:
    assert in_spreadsheet(cell) == cell


def test_plain_text_stays_as_it_is() -> None:
    assert plain("Flächen · 95 % [0.3, 0.5] 森") == "Flächen · 95 % [0.3, 0.5] 森"
    assert markdown("resnet18_a [0.340, 0.555]") == "resnet18_a [0.340, 0.555]"
