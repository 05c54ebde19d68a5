"""The commands: from a run and an image to a map, and what is wrong in one sentence."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from deploy.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 70, 90), np.uint8)
    with rasterio.open(tmp_path / "scene.tif", "w", "GTiff", 90, 70, 3, dtype="uint8") as raster:
        raster.write(pixels)
    return tmp_path / "scene.tif"


@pytest.mark.parametrize(
    ("task", "files"),
    [
        ("segmentation", ["scene.classes.geojson", "scene.classes.tif"]),
        ("detection", ["scene.objects.geojson"]),
    ],
)
def test_predicts_with_a_real_model(
    make_run: Callable[..., Any], scene: Path, task: str, files: list[str], capsys: Any
) -> None:
    run = make_run(task)
    run.add("000-test_resnet", 0.5)
    arguments = ["predict", str(run.folder), str(scene), "--format", "geojson", "--device", "cpu"]
    assert main(arguments) == 0
    written = sorted(Path(line) for line in capsys.readouterr().out.splitlines())
    assert written == [run.folder / "maps" / name for name in files]
    assert all(file.stat().st_size for file in written)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["predict", "RUN", "missing.tif"], "missing.tif cannot be read as an image"),
        (["predict", "RUN", "SCENE", "--trial", "7"], "has no trial or repeat '7'; there are: 000"),
        (["predict", "RUN", "SCENE", "--device", "abacus"], "there is no such kind of device"),
        (["predict", "RUN", "SCENE", "--device", "cuda:99"], "GPUs; they count from cuda:0"),
        (["predict", "RUN", "SCENE", "--out", "SCENE"], "cannot be made a folder"),
        (["card", "elsewhere"], "there is no run directory elsewhere"),
        (["card", "RUN", "--out", "SCENE/card.md"], "cannot be made a folder"),
        (["export", "RUN", "--out", "SCENE/models"], "cannot be made a folder"),
        (["predict", "RUN", "SCENE", "--threshold", "3"], "threshold 3: it lies between 0 and 1"),
        (["predict", "RUN", "SCENE", "--bands", "1,2"], "--bands chooses 2, but 3 are wanted"),
        (["serve", "RUN", "--port", "99999"], "cannot listen on 127.0.0.1, port 99999"),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(
    make_run: Callable[..., Any], scene: Path, arguments: list[str], sentence: str, capsys: Any
) -> None:
    run = make_run()
    run.add("000-test_resnet", 0.5)
    places = {"RUN": str(run.folder), "SCENE": str(scene)}
    words = [places.get(word, word.replace("SCENE", str(scene))) for word in arguments]
    assert main(words) == 2
    assert sentence in capsys.readouterr().err


def test_help_is_there_without_torch() -> None:
    code = (
        "import sys, deploy.__main__ as m; m._parser().format_help(); print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
