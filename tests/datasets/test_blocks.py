"""Blocks on the ground are squares of the Earth, whatever the reference system of the files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.warp import transform

from datasets.blocks import block_numbers, in_blocks
from datasets.source import SPLITS, DataError, Item, Listing
from datasets.splits import Division, complete_splits
from tests.datasets.placed import WARSAW, at, seen

DIVISION = Division(0.2, 0.2, seed=1, blocks=1000)
CORNERS = st.tuples(st.integers(0, 10_000), st.integers(0, 10_000))


@given(st.lists(CORNERS, min_size=30, max_size=60, unique=True), st.randoms())
def test_every_image_is_in_one_split_or_left_out_and_no_block_in_two(corners, random) -> None:  # type: ignore[no-untyped-def]
    """Whatever the order in which the files are listed."""
    items, overview = seen([at(500_000 + x, 5_800_000 + y) for x, y in corners])
    shuffled = random.sample(items, len(items))
    try:
        divided = complete_splits(Listing("", (), {"train": items}), DIVISION, overview)
        again = complete_splits(Listing("", (), {"train": tuple(shuffled)}), DIVISION, overview)
    except DataError as error:  # too few blocks, or all of train overlaps the others
        assert "choose smaller blocks" in str(error)
        return
    assert divided.splits == again.splits
    names = [item.name for split in SPLITS for item in divided.splits[split]]
    assert len(names) == len(set(names))
    blocks = [{item.scene for item in divided.splits[split]} for split in SPLITS]
    assert sum(map(len, blocks)) == len(set.union(*blocks))
    kept = {split: [corner_of(item, corners) for item in divided.splits[split]] for split in SPLITS}
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        assert not any(shared(a, b) > 0.005 * 100**2 for a in kept[one] for b in kept[other])


def corner_of(item: Item, corners: list[tuple[int, int]]) -> tuple[int, int]:
    return corners[int(item.name.removeprefix("scene_"))]


def shared(one: tuple[int, int], other: tuple[int, int]) -> int:
    """Area that images of 100 m a side at these corners have in common."""
    width, height = (max(0, 100 - abs(a - b)) for a, b in zip(one, other, strict=True))
    return width * height


@pytest.mark.parametrize("latitude", [0, 30, 52, 70])
def test_a_block_is_as_wide_and_as_high_as_asked_for(latitude: float) -> None:
    """Counted along a meridian and a parallel of 100 km, in metres of an own projection."""
    local = CRS.from_proj4(f"+proj=aeqd +lat_0={latitude} +lon_0=21 +datum=WGS84")
    along = np.linspace(-50_000, 50_000, 20_001)
    for x, y in ((along, 0 * along), (0 * along, along)):
        points = np.stack(transform(local, "EPSG:4326", x, y), axis=-1)
        blocks = np.unique(block_numbers(points, 1000)[:, int(y[0] == 0)])
        assert len(blocks) == pytest.approx(100, abs=2)


def test_scenes_of_two_reference_systems_share_a_block() -> None:
    """A tile in UTM and one beside it in degrees; one of a building site has no place on Earth."""
    lon, lat = transform(WARSAW, "EPSG:4326", [500_450.0], [5_800_450.0])
    site = CRS.from_wkt('LOCAL_CS["site",UNIT["metre",1]]').to_wkt()
    degrees = CRS.from_epsg(4326).to_wkt()
    places = [at(500_400, 5_800_400), at(lon[0], lat[0], degrees, 1e-6), at(0, 0, site), None]
    items, overview = seen(places, size=10)
    blocked, note = in_blocks(items, overview, 5000)
    assert blocked[0].scene == blocked[1].scene
    assert blocked[0].scene.startswith("block ")
    assert [item.scene for item in blocked[2:]] == ["scene_2", "scene_3"]
    assert note == (
        "divided by 1 blocks of 5 km on the ground; 2 of 4 images have no place on Earth and go by"
        " scene"
    )


def test_feet_are_not_taken_for_metres() -> None:
    """Texas in US survey feet: 3,000 of them are not 3 km."""
    texas = CRS.from_epsg(2278).to_wkt()
    items, overview = seen([at(3_100_000 + x, 13_800_000, texas) for x in range(0, 30_000, 500)])
    blocked, _ = in_blocks(items, overview, 3000)
    assert len({item.scene for item in blocked}) in (3, 4, 5)


def test_blocks_count_images_and_not_themselves() -> None:
    """One block holds 60 images, 40 others one each: each split gets its share of images."""
    crowd = [at(500_000 + n, 5_800_000) for n in range(60)]
    lone = [at(500_000 + 3000 * n, 5_900_000) for n in range(40)]
    items, overview = seen([*crowd, *lone], size=1)
    for seed in range(5):
        division = replace(DIVISION, seed=seed)
        splits = complete_splits(Listing("", (), {"train": items}), division, overview).splits
        assert [len(splits[split]) for split in SPLITS] == [60, 20, 20]


def test_blocks_of_data_with_splits_of_their_own_are_refused() -> None:
    items, overview = seen([at(0, 0), at(0, 0), at(0, 0)])
    own = dict(zip(SPLITS, ((item,) for item in items), strict=True))
    with pytest.raises(DataError, match=r"splits\.remake: true"):
        complete_splits(Listing("", (), own), DIVISION, overview)


def test_an_item_keeps_its_file_and_name() -> None:
    items, overview = seen([at(500_000, 5_800_000)])
    ((item,), _) = in_blocks(items, overview, 1000)
    assert (item.name, item.image) == ("scene_0", Path("scene_0.tif"))
