"""`python -m datasets check`: what it says of good and of broken trees."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import datasets.__main__ as command
from datasets import IGNORE, Tiling
from datasets.survey import survey
from tests.own_rasters import images, polygons

Check = Callable[..., tuple[int, str, str]]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Run the command: its exit status, what it printed, what it printed as errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        status = command.main(["check", *map(str, arguments)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def words(text: str, first: str) -> list[str]:
    """The cells of the row that begins so."""
    (row,) = (line for line in text.splitlines() if line.split()[:1] == [first])
    return row.split()


def test_a_good_tree_is_described(check: Check, hub_root: Path) -> None:
    status, out, err = check("landslide4sense", hub_root)
    assert status == 0 and "reading the images of train: 12\n" in err
    assert "layout hub" in out and out.endswith("every file can be used\n")
    assert words(out, "train") == ["train", "12", "12", "12"]
    assert words(out, "128") == ["128", "×", "128", "20"]
    background, landslide = words(out, "background"), words(out, "landslide")
    shares = [float(row[1].removesuffix("%")) for row in (background, landslide)]
    assert sum(shares) == pytest.approx(100, abs=0.02) and 0.5 < shares[1] < 10
    assert "band (float32)" in out and "without any: " in out


def test_every_bad_file_is_named_under_the_root(check: Check, hub_root: Path, root: Path) -> None:
    shutil.copytree(hub_root, root, dirs_exist_ok=True)
    damaged = root / "images" / "train" / "image_2.h5"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    (root / "annotations" / "test" / "mask_3.h5").unlink()
    status, out, _ = check("landslide4sense", root)
    assert status == 1
    assert "in 2 files, which cannot be used:\n" in out and str(root / "images") not in out
    assert "\n  images/train/image_2.h5: cannot be read" in out
    assert "\n  images/test/image_3.h5: has no mask beside it" in out
    assert (words(out, "train"), words(out, "test")) == (
        ["train", "12", "12", "11"],
        ["test", "4", "4", "3"],
    )


def test_a_tree_of_nothing_but_bad_files_is_described(check: Check, root: Path) -> None:
    for kind, stem in (("images", "image"), ("annotations", "mask")):
        (root / kind / "train").mkdir(parents=True)
        (root / kind / "train" / f"{stem}_1.h5").write_text("no data")
    status, out, _ = check("landslide4sense", root)
    assert status == 1 and "in 2 files, which cannot be used" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["landslide4sens", "."], "did you mean 'landslide4sense'?"),
        (["qqq", "."], "there is no data set 'qqq'; there are: landslide4sense"),
        (["landslide4sense", "nowhere"], "nowhere is not a folder"),
        (["landslide4sense", ".", "--tile", "64"], "is not cut into tiles"),
        (["landslide4sense", ".", "--overlap", "8"], "give --tile as well"),
    ],
)
def test_nothing_to_check_is_said_in_a_sentence(
    check: Check, arguments: list[str], message: str
) -> None:
    status, out, err = check(*arguments)
    assert (status, out) == (2, "")
    assert message in err.splitlines()[-1]


def test_tiles_boxes_and_footprints_are_counted(
    check: Check, root: Path, stored_source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = stored_source("boxes", "footprints")
    source.write_sample(root, 0)
    source.write(
        root,
        "val_0",
        np.full((3, 64, 64), 250, np.uint8),
        boxes=np.empty((0, 4), np.float32),
        labels=np.empty(0, np.int64),
    )
    monkeypatch.setitem(command.DATASETS, "stored", source)
    status, out, _ = check("stored", root)
    assert status == 0
    assert (words(out, "house"), words(out, "tree"), words(out, "car")) == (
        ["house", "8"],
        ["tree", "0"],
        ["car", "8"],
    )
    assert "objects: 16 in 8 images; without any: 1 image" in out
    assert "footprints: 18\n" in out and "note: a note\n" in out
    assert words(out, "red")[-1] == "250" and "background" not in out
    status, out, _ = check("stored", root, "--tile", 48, "--overlap", 4)
    assert words(out, "train") == ["train", "3", "12", "12"]
    assert words(out, "48") == ["48", "×", "48", "36"]
    status, out, err = check("stored", root, "--tile", 48, "--overlap", 48)
    assert status == 2 and "cannot overlap by 48 px" in err


def test_shares_leave_ignored_pixels_out(root: Path, stored_source: Any) -> None:
    source = stored_source("masks")
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 32:], mask[0, :32] = IGNORE, 2
    for split in ("train", "val", "test"):
        source.write(root, f"{split}_0", np.ones((3, 64, 64), np.uint8), mask=mask)
    found = survey(source, root, source.find(root, None))
    counted = 3 * np.array([63 * 32, 0, 32, 0])
    assert (
        found.all_pixels[:4].tolist() == counted.tolist()
        and found.all_pixels[IGNORE] == 3 * 64 * 32
    )
    assert found.all_objects.tolist() == [0, 3, 0]
    assert survey(source, root, source.find(root, Tiling(32, 0))).empty == 9


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (255, "the masks hold no class, only background and 255, which is ignored: if 255 marks"),
        (0, "the masks hold nothing but background"),
    ],
)
def test_masks_that_mark_no_class_are_not_called_usable(
    check: Check,
    root: Path,
    stored_source: Any,
    monkeypatch: pytest.MonkeyPatch,
    value: int,
    sentence: str,
) -> None:
    source = stored_source("masks")
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 32:] = value
    source.write(root, "train_0", np.ones((3, 64, 64), np.uint8), mask=mask)
    monkeypatch.setitem(command.DATASETS, "stored", source)
    status, out, _ = check("stored", root)
    assert status == 0 and "every file can be used" not in out
    assert f"every file can be read, but {sentence}" in out


@pytest.mark.parametrize(
    ("boxes", "sentence"),
    [
        ([], "no image holds an object"),
        ([[10, 10, 12, 12]], "no object has dataset.min_area, 32 px² at dataset.image_size 128"),
        ([[10, 10, 14, 14]], ""),
    ],
)
def test_boxes_that_a_sweep_would_leave_out_are_not_called_usable(
    check: Check,
    root: Path,
    stored_source: Any,
    monkeypatch: pytest.MonkeyPatch,
    boxes: list[list[float]],
    sentence: str,
) -> None:
    source = stored_source("boxes")
    source.write(
        root,
        "train_0",
        np.ones((3, 64, 64), np.uint8),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.ones(len(boxes), np.int64),
    )
    monkeypatch.setitem(command.DATASETS, "stored", source)
    last = check("stored", root)[1].splitlines()[-1]
    said = f"every file can be read, but {sentence}" if sentence else "every file can be used"
    assert last.startswith(said)


def test_it_is_a_command_whose_progress_is_not_in_its_output(hub_root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "datasets", "check", "landslide4sense", str(hub_root)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0
    assert done.stderr.startswith("listing the files of Landslide4Sense\n")
    assert done.stdout.startswith("Landslide4Sense under") and "layout hub" in done.stdout


def test_own_rasters_are_checked_with_their_keys(check: Check, root: Path, tmp_path: Path) -> None:
    images(root)
    polygons(root)
    cache = ("--cache", tmp_path / "cache")
    status, out, _ = check("raster", root, "class_field=kind", *cache)
    assert status == 0 and out.startswith("own rasters under")
    assert words(out, "pond")[2] == "6" and words(out, "64") == ["64", "×", "64", "6"]
    status, _, err = check("raster", root, "class_field=kin", *cache)
    assert status == 1 and "kin" in err
