import csv
from pathlib import Path

import numpy as np
import pytest
import shapely

from datasets.rasters import raster_info
from datasets.samples import spacenet as synthetic
from datasets.source import Labelled
from datasets.spacenet import SpaceNet2, SpaceNet4


@pytest.fixture(scope="module")
def atlanta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("atlanta")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "PLACES", 3)
        SpaceNet4().write_sample(root, seed=0)
    return root


@pytest.fixture(scope="module")
def khartoum(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("khartoum")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "TILES", 6)
        for number, name in enumerate(("NO_FEATURES", "NO_BYTES", "NO_FILE"), 1):
            patch.setattr(synthetic, name, number)
        SpaceNet2().write_sample(root, seed=0)
    return root


def read(source: SpaceNet2 | SpaceNet4, root: Path) -> list[Labelled]:
    listing = source.find(root, None)
    return [source.read(item, listing.classes) for item in listing.splits["train"]]


def test_three_views_show_the_same_buildings_of_a_place(atlanta: Path) -> None:
    items = SpaceNet4().find(atlanta, None).splits["train"]
    assert len(items) == 9 and len({item.scene for item in items}) == 3
    first = [item for item in items if item.scene == items[0].scene]
    views = [SpaceNet4().read(item, ("building",)) for item in first]
    masks = [view.mask for view in views]
    assert len(masks) == 3 and masks[0] is not None and masks[0].any()
    assert all(mask is not None and (mask == masks[0]).all() for mask in masks)
    contrast = [view.image.std(axis=(1, 2)).mean() for view in views]
    assert contrast[0] > contrast[1] > contrast[2]


def test_green_land_is_bright_in_the_infrared_and_roofs_are_red(atlanta: Path) -> None:
    tiles = read(SpaceNet4(), atlanta)
    image = np.concatenate([one.image.reshape(4, -1).astype(float) for one in tiles], axis=1)
    roof = np.concatenate([one.mask.ravel() == 1 for one in tiles if one.mask is not None])
    blue, green, red, nir = (
        image[SpaceNet4.bands.index(b)] for b in ("blue", "green", "red", "nir")
    )
    assert (red / blue)[roof].mean() > 1.1 * (red / blue)[~roof].mean()
    greener = green - (red + blue) / 2
    leafy = greener > np.quantile(greener, 0.7)
    index = (nir - red) / (nir + red)
    assert index[leafy].mean() > index[~leafy].mean() + 0.05


def test_tiles_lie_where_the_real_ones_do(atlanta: Path, khartoum: Path) -> None:
    atlanta_tile = raster_info(SpaceNet4().find(atlanta, None).splits["train"][0].image)
    khartoum_tile = raster_info(SpaceNet2().find(khartoum, None).splits["train"][0].image)
    assert (atlanta_tile.crs.to_epsg(), atlanta_tile.count, atlanta_tile.dtype) == (
        32616,
        4,
        "uint16",
    )
    assert (khartoum_tile.crs.to_epsg(), khartoum_tile.count) == (4326, 3)
    for tile in (atlanta_tile, khartoum_tile):
        assert tile.transform.a == -tile.transform.e > 0  # square pixels, north at the top
    assert (round(khartoum_tile.transform.c), round(khartoum_tile.transform.f)) == (33, 16)


def test_the_cities_have_other_brightness_and_stay_within_eleven_bits(
    atlanta: Path, khartoum: Path
) -> None:
    ours = np.stack([one.image[list(SpaceNet4.rgb)] for one in read(SpaceNet4(), atlanta)])
    theirs = np.stack([one.image for one in read(SpaceNet2(), khartoum)])
    assert max(ours.max(), theirs.max()) < 2048
    low, high = np.percentile(ours, [2, 98], axis=(0, 2, 3))
    assert (np.median(theirs, axis=(0, 2, 3)) > (low + high) / 2).all()


def test_empty_and_missing_labels_are_tiles_without_houses(khartoum: Path) -> None:
    listing = SpaceNet2().find(khartoum, None)
    assert listing.notes == ("without a GeoJSON, and so taken to have no buildings: 1 of 6 tiles",)
    counts = [len(one.footprints or ()) for one in read(SpaceNet2(), khartoum)]
    assert [count > 0 for count in counts] == [True, False, False, False, True, True]
    sizes = [item.label.stat().st_size if item.label else None for item in listing.splits["train"]]
    assert 0 in sizes and None in sizes


def test_the_solution_file_has_the_footprints_of_the_geojson(khartoum: Path) -> None:
    file = khartoum / "summaryData/AOI_5_Khartoum_Train_Building_Solutions.csv"
    with file.open(newline="") as stored:
        rows = list(csv.DictReader(stored))
    assert list(rows[0]) == ["ImageId", "BuildingId", "PolygonWKT_Pix", "PolygonWKT_Geo"]
    items = SpaceNet2().find(khartoum, None).splits["train"]
    for item, labelled in zip(items, read(SpaceNet2(), khartoum), strict=True):
        mine = [row for row in rows if row["ImageId"] == item.name]
        if not labelled.footprints:
            assert [(row["BuildingId"], row["PolygonWKT_Pix"]) for row in mine] == [
                ("-1", "POLYGON EMPTY")
            ]
            continue
        outlines = [shapely.from_wkt(row["PolygonWKT_Pix"]) for row in mine]
        for outline, footprint in zip(outlines, labelled.footprints, strict=True):
            assert outline.has_z
            assert shapely.hausdorff_distance(outline, footprint) < 0.01
