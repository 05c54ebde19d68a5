"""A folder for the hub opens without its run, and is the same model."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deploy
from deploy.__main__ import main
from runs.errors import EosweepError

IMAGE = np.random.default_rng(0).integers(0, 256, (3, 50, 40), np.uint8)


@pytest.fixture
def exported(make_run: Callable[..., Any], capsys: Any) -> tuple[Any, Path]:
    """A run, and the folder of its model."""
    run = make_run(root="/home/somebody/data")
    run.add("000-test_resnet", 0.5)
    assert main(["export", str(run.folder), "--format", "hub"]) == 0
    return run, Path(capsys.readouterr().out.strip())


def test_it_is_the_same_model_without_the_run(exported: tuple[Any, Path], tmp_path: Path) -> None:
    run, folder = exported
    expected = deploy.load_winner(run.folder, device="cpu").predict(IMAGE)
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    shutil.rmtree(run.folder)
    found = deploy.load(moved, device="cpu").predict(IMAGE)
    assert (found.mask == expected.mask).all()
    assert found.names == ("background", "landslide", "water")


def test_the_folder_is_as_the_hub_has_it(exported: tuple[Any, Path]) -> None:
    run, folder = exported
    assert folder == run.folder / "export/000-test_resnet/hub"
    assert sorted(file.name for file in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    front, card = (folder / "README.md").read_text().removeprefix("---\n").split("\n---\n", 1)
    assert "pipeline_tag: image-segmentation" in front.splitlines()
    assert 'deploy.load("FOLDER")' in card
    text = (folder / "config.json").read_text() + front + card
    assert "/home/somebody" not in text
    assert str(run.folder) not in text


def _no_file(folder: Path) -> None:
    (folder / "config.json").unlink()


def _no_field(folder: Path) -> None:
    content = json.loads((folder / "config.json").read_text())
    del content["task"]
    (folder / "config.json").write_text(json.dumps(content))


def _other_head(folder: Path) -> None:
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace('"head": "fpn"', '"head": "unet"'))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (_no_file, r"config\.json cannot be read \(No such file"),
        (_no_field, r"config\.json is damaged \(task: Field required\): export it again"),
        (_other_head, r"model\.safetensors is of architecture .* but the code now builds"),
    ],
)
def test_a_damaged_folder_is_refused(
    exported: tuple[Any, Path], damage: Callable[[Path], None], sentence: str
) -> None:
    damage(exported[1])
    with pytest.raises(EosweepError, match=sentence):
        deploy.load(exported[1])


def test_a_run_directory_is_told_apart(exported: tuple[Any, Path]) -> None:
    with pytest.raises(EosweepError, match="it is a run directory, see load_winner"):
        deploy.load(exported[0].folder)
