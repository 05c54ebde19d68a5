"""A model in a notebook gives what the command writes, as arrays."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

import deploy
from deploy.__main__ import main
from deploy.errors import ModelError

ROOT = Path(__file__).resolve().parents[2]
IMAGE = np.random.default_rng(0).integers(0, 256, (3, 70, 90), np.uint8)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    file = tmp_path / "scene.tif"
    with rasterio.open(file, "w", "GTiff", 90, 70, 3, dtype="uint8") as raster:
        raster.write(IMAGE)
    return file


def test_a_mask_is_the_map_that_the_command_writes(
    make_run: Callable[..., Any], scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a file and of its pixels, with the run named from where one is."""
    run = make_run()
    run.add("000-test_resnet", 0.5)
    assert main(["predict", str(run.folder), str(scene), "--device", "cpu"]) == 0
    with rasterio.open(run.folder / "maps/scene.classes.tif") as written:
        expected = written.read(1)
    monkeypatch.chdir(run.folder.parent)
    model = deploy.load_winner(run.folder.name, device="cpu")
    assert "expects uint8 values, about red 100 ± 50" in repr(model)
    for image in (scene, str(scene), IMAGE):
        found = model.predict(image)
        assert found.mask.dtype == np.uint8
        assert (found.mask == expected).all()
    assert found.names == ("background", "landslide", "water")
    some = model.predict(IMAGE[::-1], bands=[3, 2, 1])
    assert (some.mask == expected).all()


def test_boxes_are_those_that_the_command_writes(make_run: Callable[..., Any], scene: Path) -> None:
    run = make_run("detection")
    run.add("000-test_resnet", 0.5)
    arguments = ["predict", str(run.folder), str(scene), "--format", "geojson", "--device", "cpu"]
    assert main(arguments) == 0
    written = json.loads((run.folder / "maps/scene.objects.geojson").read_text())["features"]
    model = deploy.load_winner(run.folder, device="cpu")
    found = model.predict(scene)
    assert (found.boxes.dtype, found.boxes.shape) == (np.float32, (len(written), 4))
    assert (found.scores.dtype, found.labels.dtype) == (np.float32, np.int64)
    assert (np.diff(found.scores) <= 0).all()
    scores = sorted((one["properties"]["score"] for one in written), reverse=True)
    assert np.allclose(found.scores, scores, atol=1e-4)
    assert {found.names[label] for label in found.labels} == {
        one["properties"]["class"] for one in written
    }
    middle = float(np.median(found.scores))
    kept = model.predict(scene, threshold=middle)
    assert 0 < len(kept.scores) < len(found.scores)
    assert kept.scores.min() >= middle


def test_what_is_wrong_is_said_in_a_sentence(make_run: Callable[..., Any]) -> None:
    run = make_run()
    run.add("000-test_resnet", 0.5)
    model = deploy.load_winner(run.folder, device="cpu")
    with pytest.raises(ModelError, match="threshold 2: it lies between 0 and 1"):
        model.predict(IMAGE, threshold=2)
    with pytest.raises(ModelError, match="has its bands last"):
        model.predict(IMAGE.transpose(1, 2, 0))
    with pytest.raises(ModelError, match="device abacus: there is no such kind"):
        deploy.load_winner(run.folder, device="abacus")


def test_deploy_is_imported_without_torch() -> None:
    code = "import sys, deploy; deploy.load_winner; print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
