from pathlib import Path

import numpy as np
import pytest

from datasets.samples import xbd as synthetic
from datasets.samples.town import ARID, TEMPERATE
from datasets.source import Labelled, Tiling
from datasets.xbd import XBD


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small scenes."""
    root = tmp_path_factory.mktemp("xbd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "SIZE", 320)
        patch.setattr(synthetic, "DISASTERS", {"flood": (TEMPERATE, 1), "quake": (ARID, 2)})
        synthetic.write(root, seed=0)
    return root


@pytest.fixture(scope="module")
def scenes(root: Path) -> list[Labelled]:
    return [XBD().read(item, ("building",)) for item in XBD().find(root, None).splits["train"]]


def test_the_loader_takes_the_scenes_from_before_only(root: Path) -> None:
    assert len(list((root / "train/images").glob("*_post_disaster.png"))) == 2
    listing = XBD().find(root, Tiling(256, 0))
    assert {item.scene for item in listing.splits["train"]} == {
        "flood_00000000",
        "quake_00000000",
        "quake_00000001",
    }
    assert len(listing.splits["train"]) == 3 * 4
    assert listing.notes == ()


def test_buildings_are_a_small_share_and_some_have_courtyards(scenes: list[Labelled]) -> None:
    for scene in scenes:
        assert scene.mask is not None and scene.footprints is not None
        assert 0.02 < scene.mask.mean() < 0.3
        assert sum(len(part.interiors) for part in scene.footprints) >= 1


def test_roofs_differ_from_what_surrounds_them(scenes: list[Labelled]) -> None:
    for scene in scenes:
        assert scene.mask is not None
        roof, ground = (scene.image[:, scene.mask == value].astype(float) for value in (1, 0))
        assert np.abs(roof.mean(axis=1) - ground.mean(axis=1)).max() > 10


def test_the_sample_is_the_same_each_time(root: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "SIZE", 320)
        patch.setattr(synthetic, "DISASTERS", {"flood": (TEMPERATE, 1)})
        synthetic.write(tmp_path, seed=0)
    for file in tmp_path.rglob("*.*"):
        assert file.read_bytes() == (root / file.relative_to(tmp_path)).read_bytes()
