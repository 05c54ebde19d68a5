import hashlib
import shutil
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import from_origin

from datasets.landcoverai import LandCoverAI, full_windows
from datasets.samples import landcoverai as synthetic
from datasets.source import DataError, Item, Labelled, Problem

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

SOURCE = LandCoverAI()
SMALL = (("M-33-1", (1030, 1040), 0.25), ("N-34-20-C", (1100, 600), 0.5))
WHOLE = ["M-33-1_0", "M-33-1_1", "M-33-1_3", "M-33-1_4", "N-34-20-C_0", "N-34-20-C_2"]


@pytest.fixture(scope="module")
def shared_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two orthophotos: 3 × 3 windows, 4 of them whole, and 3 × 2, 2 of them whole."""
    root = tmp_path_factory.mktemp("landcoverai")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "ORTHOPHOTOS", SMALL)
        synthetic.write(root, seed=1)
    write_lists(root, train=WHOLE[:3], val=WHOLE[3:4], test=WHOLE[4:])
    return root


@pytest.fixture
def root(shared_root: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(shared_root, tmp_path / "data"))


def write_lists(root: Path, **lists: list[str]) -> None:
    for split, names in lists.items():
        (root / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))


def write_raster(file: Path, pixels: np.ndarray, **profile: object) -> None:
    count, height, width = pixels.shape
    file.parent.mkdir(parents=True, exist_ok=True)
    size = {"count": count, "height": height, "width": width, "dtype": pixels.dtype.name}
    with rasterio.open(file, "w", **size, **profile) as raster:
        raster.write(pixels)


def cut_tiles(root: Path, there: Path) -> None:
    """What the official script leaves: JPEG images, and masks with three equal bands as PNG."""
    for stem, (height, width), _ in SMALL:
        for number, (x, y, w, h) in full_windows(height, width):
            window = rasterio.windows.Window(x, y, w, h)
            with (
                rasterio.open(root / "images" / f"{stem}.tif") as image,
                rasterio.open(root / "masks" / f"{stem}.tif") as mask,
            ):
                tile = there / "output" / f"{stem}_{number}.jpg"
                write_raster(tile, image.read(window=window), driver="JPEG", QUALITY=95)
                three = mask.read(window=window).repeat(3, axis=0)
                write_raster(tile.with_name(f"{tile.stem}_m.png"), three, driver="PNG")
    for split in ("train", "val", "test"):
        shutil.copy(root / f"{split}.txt", there)


def pixels_of(item: Item) -> tuple[np.ndarray, np.ndarray]:
    labelled = SOURCE.read(item, SOURCE.classes)
    assert isinstance(labelled, Labelled) and labelled.mask is not None
    return labelled.image, labelled.mask


def problems_of(item: Item) -> tuple[Problem, ...]:
    with pytest.raises(DataError) as caught:
        SOURCE.read(item, SOURCE.classes)
    return caught.value.problems


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_numbers_count_the_windows_that_are_not_whole(height: int, width: int) -> None:
    number, expected = 0, []
    for y in range(0, height, 512):
        for x in range(0, width, 512):
            if y + 512 <= height and x + 512 <= width:
                expected.append((number, (x, y, 512, 512)))
            number += 1
    assert list(full_windows(height, width)) == expected


def test_the_lists_say_which_tiles_there_are(shared_root: Path) -> None:
    listing = SOURCE.find(shared_root, None)
    assert listing.layout == "orthophotos"
    assert listing.classes == ("building", "woodland", "water", "road")
    names = {split: [item.name for item in items] for split, items in listing.splits.items()}
    assert names == {"train": WHOLE[:3], "val": WHOLE[3:4], "test": WHOLE[4:]}
    assert {item.scene for item in listing.splits["test"]} == {"N-34-20-C"}


def test_a_tile_is_its_window_of_image_and_mask(shared_root: Path) -> None:
    items = {
        item.name: item
        for group in SOURCE.find(shared_root, None).splits.values()
        for item in group
    }
    image, mask = pixels_of(items["M-33-1_4"])
    with rasterio.open(shared_root / "images/M-33-1.tif") as raster:
        np.testing.assert_array_equal(image, raster.read()[:, 512:1024, 512:1024])
    with rasterio.open(shared_root / "masks/M-33-1.tif") as raster:
        np.testing.assert_array_equal(mask, raster.read(1)[512:1024, 512:1024])
    assert (image.dtype, mask.dtype) == (np.uint8, np.uint8)


def test_a_tile_lies_where_its_window_of_the_orthophoto_lies(shared_root: Path) -> None:
    (tile,) = [
        item for item in SOURCE.find(shared_root, None).splits["val"] if item.name == "M-33-1_4"
    ]
    place = SOURCE.read(tile, SOURCE.classes).place
    with rasterio.open(shared_root / "images/M-33-1.tif") as raster:
        expected = raster.window_transform(rasterio.windows.Window(512, 512, 512, 512))
    assert place is not None and CRS.from_wkt(place.crs).to_epsg() == 2180
    assert place.transform == pytest.approx(expected[:6], abs=1e-9)


def test_tiles_that_were_cut_are_the_same_items(shared_root: Path, tmp_path: Path) -> None:
    cut_tiles(shared_root, tmp_path)
    whole, cut = SOURCE.find(shared_root, None), SOURCE.find(tmp_path, None)
    assert cut.layout == "tiles"
    for split, items in whole.splits.items():
        for one, other in zip(items, cut.splits[split], strict=True):
            assert (one.name, one.scene) == (other.name, other.scene)
            (image, mask), (lossy, same) = pixels_of(one), pixels_of(other)
            np.testing.assert_array_equal(mask, same)
            assert np.abs(image.astype(float) - lossy).mean() < 6  # JPEG


def test_reading_a_tile_decodes_no_other_part_of_the_orthophoto(tmp_path: Path) -> None:
    """All blocks but those of the middle tile are made undecodable."""
    pixels = np.random.default_rng(0).integers(0, 255, (3, 1536, 1536), dtype=np.uint8)
    layout = {"driver": "GTiff", "tiled": True, "blockxsize": 256, "blockysize": 256}
    for folder, values in (("images", pixels), ("masks", pixels[:1] % 5)):
        write_raster(
            tmp_path / folder / "one.tif", values, **layout, compress="deflate", interleave="pixel"
        )
    file = tmp_path / "images/one.tif"
    with rasterio.open(file) as raster:
        others = [(x, y) for x in range(6) for y in range(6) if not (x in (2, 3) and y in (2, 3))]
        offsets = [raster.get_tag_item(f"BLOCK_OFFSET_{x}_{y}", "TIFF", bidx=1) for x, y in others]
    with file.open("r+b") as stored:
        for offset in offsets:
            stored.seek(int(offset))
            stored.write(b"\xff" * 64)
    write_lists(tmp_path, train=["one_4", "one_5"])
    middle, beside = SOURCE.find(tmp_path, None).splits["train"]
    np.testing.assert_array_equal(pixels_of(middle)[0], pixels[:, 512:1024, 512:1024])
    assert [problem.file for problem in problems_of(beside)] == [file]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("M-33-9_0", "no M-33-9 with image and mask"),
        ("M-33-1_2", "beyond its border"),
        ("M-33-1_8", "last whole tile of"),
        ("M-33-1_04", "underscore and a number"),
        ("M-33-1", "underscore and a number"),
    ],
)
def test_a_missing_tile_that_a_list_names_is_a_problem(root: Path, bad: str, why: str) -> None:
    write_lists(root, val=[WHOLE[3], "", bad])
    listing = SOURCE.find(root, None)
    ((file, reason),) = listing.problems
    assert file == root / "val.txt" and f"in line 3 {bad!r}" in reason and why in reason
    assert [item.name for item in listing.splits["val"]] == [WHOLE[3]]


def test_an_orthophoto_smaller_than_a_tile_is_named_with_its_size(root: Path) -> None:
    for folder, bands in (("images", 3), ("masks", 1)):
        write_raster(root / folder / "M-0.tif", np.zeros((bands, 300, 700), np.uint8))
    write_lists(root, val=[WHOLE[3], "M-0_0"])
    listing = SOURCE.find(root, None)
    ((_, reason),) = listing.problems
    assert reason.endswith("M-0 is 300 × 700 px, smaller than a tile of 512 × 512")
    for split in ("train", "val", "test"):
        (root / f"{split}.txt").unlink()
    assert any("M-0 (300 × 700)" in note for note in SOURCE.find(root, None).notes)


@pytest.mark.parametrize("lost", ["M-33-1_3.jpg", "M-33-1_3_m.png"])
def test_a_lost_file_that_a_list_names_is_a_problem(root: Path, tmp_path: Path, lost: str) -> None:
    there = tmp_path / "tiles"
    cut_tiles(root, there)
    (there / "output" / lost).unlink()
    ((file, reason),) = SOURCE.find(there, None).problems
    assert file.name == "train.txt" and "line 3 'M-33-1_3'" in reason and lost in reason


def test_a_tile_in_two_lists_is_refused(root: Path) -> None:
    write_lists(root, test=[*WHOLE[4:], WHOLE[1]])
    with pytest.raises(DataError, match=r"test\.txt, line 3: .*M-33-1_1.*train\.txt, line 2"):
        SOURCE.find(root, None)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xff\xfe\x00"])
def test_a_list_without_tiles_is_refused(root: Path, content: bytes) -> None:
    (root / "val.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"val\.txt"):
        SOURCE.find(root, None)


def test_lists_from_other_systems_are_read(root: Path) -> None:
    (root / "val.txt").write_bytes(b"\xef\xbb\xbfM-33-1_4\r\n\r\n")
    assert [item.name for item in SOURCE.find(root, None).splits["val"]] == ["M-33-1_4"]


def test_without_lists_all_whole_tiles_await_a_split_by_orthophoto(root: Path) -> None:
    for split in ("train", "val", "test"):
        (root / f"{split}.txt").unlink()
    listing = SOURCE.find(root, None)
    assert [item.name for item in listing.splits["train"]] == WHOLE
    assert list(listing.splits) == ["train"]
    assert "by orthophoto" in listing.notes[0]


def test_a_missing_list_is_said_and_that_of_training_refused(root: Path) -> None:
    (root / "val.txt").unlink()
    listing = SOURCE.find(root, None)
    assert list(listing.splits) == ["train", "test"] and "val.txt is missing" in listing.notes
    (root / "train.txt").unlink()
    with pytest.raises(DataError, match=r"train\.txt is missing"):
        SOURCE.find(root, None)


def test_lists_that_divide_an_orthophoto_are_kept_and_said(root: Path) -> None:
    assert any("in more than one split: 1 of 2" in n for n in SOURCE.find(root, None).notes)
    write_lists(root, train=WHOLE[:4], val=WHOLE[4:])
    (root / "test.txt").unlink()
    assert not any("more than one split" in note for note in SOURCE.find(root, None).notes)


def test_orthophotos_without_mask_and_masks_without_image_are_said(root: Path) -> None:
    shutil.copy(root / "images/M-33-1.tif", root / "images/bare.tif")
    shutil.copy(root / "masks/M-33-1.tif", root / "masks/orphan.tif")
    shutil.copy(root / "masks/M-33-1.tif", root / "masks/another.tif")
    notes = SOURCE.find(root, None).notes
    assert notes[:2] == (
        "orthophotos without a mask, unused: 1",
        "masks without an image, unused: 2",
    )


@pytest.mark.parametrize(
    ("shape", "crs", "shift", "reason"),
    [
        ((1, 1030, 1041), "EPSG:2180", 0, "has 1030 × 1041 pixels, but its image M-33-1.tif"),
        ((1, 1030, 1040), "EPSG:32633", 0, "is in EPSG:32633"),
        ((1, 1030, 1040), None, 0, "is in no coordinate reference system"),
        ((1, 1030, 1040), "EPSG:2180", 1, "pixels from its image M-33-1.tif"),
        ((2, 1030, 1040), "EPSG:2180", 0, "has 2 bands of uint8"),
    ],
)
def test_a_mask_that_does_not_fit_its_image_is_a_problem(
    root: Path, shape: tuple[int, ...], crs: str | None, shift: float, reason: str
) -> None:
    with rasterio.open(root / "masks/M-33-1.tif") as raster:
        west, north = raster.transform.c, raster.transform.f
    place = from_origin(west + shift, north, 0.25, 0.25)
    profile = {"driver": "GTiff", "crs": crs, "transform": place}
    write_raster(root / "masks/M-33-1.tif", np.zeros(shape, np.uint8), **profile)
    (problem,) = problems_of(SOURCE.find(root, None).splits["train"][0])
    assert problem.file == root / "masks/M-33-1.tif" and reason in problem.reason


def test_an_image_that_is_not_8_bit_rgb_is_a_problem(root: Path) -> None:
    with rasterio.open(root / "images/M-33-1.tif") as raster:
        pixels, crs, place = raster.read(), raster.crs, raster.transform
    profile = {"driver": "GTiff", "crs": crs, "transform": place}
    write_raster(root / "images/M-33-1.tif", pixels.astype(np.uint16), **profile)
    (problem,) = problems_of(SOURCE.find(root, None).splits["train"][0])
    assert problem.reason == "holds uint16, not uint8"


def test_a_damaged_orthophoto_is_a_problem_of_its_own_tiles_only(root: Path) -> None:
    (root / "images/M-33-1.tif").write_bytes(b"II*\x00 nothing else")
    splits = SOURCE.find(root, None).splits
    assert [item.name for item in splits["train"]] == WHOLE[:3]
    (problem,) = problems_of(splits["train"][2])
    assert problem.file == root / "images/M-33-1.tif" and "cannot be read" in problem.reason
    assert pixels_of(splits["test"][0])[1].shape == (512, 512)


def test_a_tile_of_another_size_or_with_a_coloured_mask_is_a_problem(tmp_path: Path) -> None:
    grey = np.zeros((3, 512, 512), np.uint8)
    for name, image, mask in (
        ("a_0", grey[:, :300, :300], grey[:1, :300, :300]),
        ("a_1", grey, np.stack([grey[0], grey[0] + 1, grey[0]])),
    ):
        write_raster(tmp_path / "output" / f"{name}.jpg", image, driver="JPEG")
        write_raster(tmp_path / "output" / f"{name}_m.png", mask, driver="PNG")
    small, coloured = SOURCE.find(tmp_path, None).splits["train"]
    assert "300 × 300 pixels, not 512 × 512" in problems_of(small)[0].reason
    assert problems_of(coloured)[0].file.name == "a_1_m.png"


@pytest.mark.parametrize("there", [True, False])
def test_of_a_wrong_root_the_error_names_what_was_looked_for(tmp_path: Path, there: bool) -> None:
    wrong = tmp_path if there else tmp_path / "nowhere"
    with pytest.raises(DataError) as caught:
        SOURCE.find(wrong, None)
    message = str(caught.value)
    assert str(wrong) in message and "images/*.tif" in message and "output/*.jpg" in message


def test_the_sample_is_georeferenced_and_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthetic, "ORTHOPHOTOS", SMALL[1:])
    digests = []
    for root in (tmp_path / "one", tmp_path / "other"):
        root.mkdir()
        SOURCE.write_sample(root, 7)
        files = sorted(file for file in root.rglob("*") if file.is_file())
        digests.append([hashlib.sha256(file.read_bytes()).digest() for file in files])
        for folder in ("images", "masks"):
            with rasterio.open(root / folder / "N-34-20-C.tif") as raster:
                assert raster.crs.to_epsg() == 2180 and raster.res == (0.5, 0.5)
                assert raster.compression.name == "deflate" and raster.block_shapes[0] == (256, 256)
    assert digests[0] == digests[1]


def test_the_sample_has_48_12_and_20_tiles_from_all_orthophotos() -> None:
    names = synthetic.tile_names()
    for stem, (height, width), _ in synthetic.ORTHOPHOTOS:
        numbers = [number for number, _ in full_windows(height, width)]
        assert [name for name in names if name.startswith(stem)] == [f"{stem}_{n}" for n in numbers]
    lists = synthetic.split_names(np.random.default_rng(0), names)
    assert {split: len(tiles) for split, tiles in lists.items()} == {
        "train": 48,
        "val": 12,
        "test": 20,
    }
    assert sorted(chain.from_iterable(lists.values())) == sorted(names)
    assert {name.rpartition("_")[0] for name in lists["val"]} == {
        stem for stem, _, _ in synthetic.ORTHOPHOTOS
    }
