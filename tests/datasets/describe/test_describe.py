"""`python -m datasets describe`: what it says of a folder, as text and as a page."""

import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import datasets.__main__ as command
from datasets import DATASETS, DataError
from datasets.describe import describe, options_for
from datasets.describe.facts import remarks
from datasets.describe.published import published
from tests.own_rasters import NAMES, boxes, images, masks, noise, polygons, squares, write

Describe = Callable[..., tuple[int, str, str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


@pytest.fixture
def described(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Describe:
    """Run the command: its exit status, what it printed, what it printed as errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        line = ["describe", str(root), *map(str, arguments), "--cache", str(tmp_path / "cache")]
        status = command.main(line)
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def cells(text: str, first: str) -> list[str]:
    """The row that begins so, divided at runs of blanks."""
    (row,) = (line for line in text.splitlines() if re.split(r"\s{2,}", line)[0] == first)
    return re.split(r"\s{2,}", row)


def test_masks_are_described(root: Path, described: Describe) -> None:
    images(root)
    masks(root)
    status, out, _ = described("classes={1: pond, 2: field}")
    assert status == 0
    assert out.startswith(f"{root}: own rasters (dataset.name: raster): 6 images, 6 masks\n")
    assert cells(out, "train")[1:] == ["4", "4", "8"] and cells(out, "test")[1:] == ["1", "1", "2"]
    assert cells(out, "height × width")[1] == "64 × 64 px (6)"
    assert cells(out, "reference system")[1] == "EPSG:32633"
    assert float(cells(out, "ground sampling")[1].split()[0]) == pytest.approx(10, rel=0.01)
    assert cells(out, "nir")[1] == "1" and "band (uint16)" in out
    assert cells(out, "pond")[1:] == ["6.25%", "6.25%", "6.25%", "6"]
    assert cells(out, "area (px²)")[1] == "224"  # 14 × 16
    assert out.endswith("every file can be used\n")


@pytest.mark.parametrize(("columns", "said"), [(8, True), (0, False)])
def test_a_common_lowest_value_that_no_file_declares_is_said(
    root: Path, described: Describe, columns: int, said: bool
) -> None:
    masks(root)
    for number in range(1, 7):
        pixels = noise(number).astype("int16")
        pixels[:, :, :columns] = -9999
        corner = (400_000 + 5000 * number, 5_600_000)
        write(root / "images" / f"scene_{number}.tif", pixels, corner=corner)
    _, out, _ = described()
    assert cells(out, "type")[1] == "int16" and "band (int16)" in out
    note = "12.5% of the pixels that count hold -9999 in every band"
    assert (note in out) == ("dataset.nodata: -9999" in out) == said


def test_an_image_without_data_is_named(root: Path, described: Describe) -> None:
    images(root)
    masks(root)
    pixels = np.zeros_like(noise(2))
    write(root / "images" / "scene_2.tif", pixels, NAMES, (410_000, 5_600_000), nodata=0)
    out = described()[1]
    assert "note: 1 image without any data: scene_2_0_0; a sweep leaves them out" in out


def test_polygons_and_boxes_are_described(root: Path, described: Describe) -> None:
    images(root)
    polygons(root)
    status, out, _ = described("class_field=kind")
    assert status == 0 and cells(out, "pond")[-1] == "6" and cells(out, "field")[-1] == "6"
    (root / "fields.gpkg").unlink()
    boxes(root)
    status, out, _ = described()
    assert status == 0 and cells(out, "pond")[1:] == ["100.00%", "100.00%", "100.00%", "6"]
    assert cells(out, "width (px)")[1:] == ["10"] * 5


def test_copies_and_missing_classes_and_bad_files_are_said(root: Path, described: Describe) -> None:
    images(root)
    masks(root)
    for folder, ending in (("images", ""), ("masks", "_mask")):
        for number in range(2, 7):
            file = root / folder / f"scene_{number}{ending}.tif"
            shutil.copy(root / folder / f"scene_1{ending}.tif", file)
    mask = squares(1)
    mask[mask == 2] = 0
    write(root / "masks" / "scene_1_mask.tif", mask, (), (405_000, 5_600_000))
    status, out, _ = described()
    assert status == 0 and "leak: 1 of 1 val images are the same files as train images" in out
    (root / "images" / "scene_3.tif").write_bytes(b"no image")
    status, out, _ = described()
    assert status == 1 and "bad file: images/scene_3.tif: cannot be read" in out


def test_a_folder_that_cannot_be_divided_is_described_all_the_same(
    root: Path, described: Describe
) -> None:
    write(root / "images" / "only.tif", noise(1))
    write(root / "masks" / "only.tif", squares(1))
    status, out, _ = described()
    assert status == 0 and cells(out, "all")[1:] == ["1", "1", "2"]
    assert "splits: split val has no images" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "holds no labels that were found (it is empty)"),
        (["clas_field=kind"], "dataset.clas_field: there is no such key; did you mean"),
        (["class_field"], "'class_field' is not an override; write key=value"),
        (["image_size=100"], "dataset.image_size: Input should be a multiple of 32"),
    ],
)
def test_what_cannot_be_described_is_one_sentence(
    described: Describe, arguments: list[str], message: str
) -> None:
    status, out, err = described(*arguments)
    assert (status, out) == (2, "")
    assert message in err.splitlines()[-1]


def test_scenes_are_looked_at_in_parts(root: Path, tmp_path: Path) -> None:
    for number in range(1, 5):
        write(root / "images" / f"s{number}.tif", noise(number, 1100, 64, 1))
        write(root / "masks" / f"s{number}.tif", squares(number, 1100, 64))
    found = describe(options_for(root, []), tmp_path / "cache")
    assert set(found.survey.sizes) == {(1024, 64), (76, 64)}
    assert {remark.kind for remark in remarks(found)} <= {"note", "leak", "lacking"}


def test_published_data_are_known_and_own_ones_of_such_folders_are_not(
    root: Path, tmp_path: Path
) -> None:
    assert published(root) is None
    for number in range(1, 4):
        write(root / "images" / f"s{number}.tif", noise(number, 520, 520, 3))
        write(root / "masks" / f"s{number}.tif", squares(number, 520, 520))
    assert DATASETS["landcoverai"].find(root, None).splits
    assert published(root) is None
    for folder in ("images", "masks"):
        for number in range(1, 4):
            file = root / folder / f"s{number}.tif"
            file.rename(file.with_name(f"M-33-7-A-d-2-{number}.tif"))
    assert published(root) == "landcoverai"
    with pytest.raises(DataError, match="is not a folder"):
        options_for(tmp_path / "nowhere", [])


class Elements(HTMLParser):
    """Collects start tags, and checks that all are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_has_map_pictures_and_histograms_and_needs_no_network(
    root: Path, tmp_path: Path, described: Describe
) -> None:
    images(root)
    masks(root)
    file = tmp_path / "mine.html"
    assert described("classes={1: <b>, 2: field}", "--html", file)[0] == 0
    text = file.read_text(encoding="utf-8")
    read = Elements()
    read.feed(text)
    read.close()
    pictures = [attributes for tag, attributes in read.tags if tag == "img"]
    drawings = [attributes["aria-label"] for tag, attributes in read.tags if tag == "svg"]
    assert len(pictures) == 12 and all(one["alt"] for one in pictures)
    assert drawings[0] == "Map of the scenes by split: 4 train, 1 val, 1 test"
    assert len(drawings) == 5 and len([tag for tag, _ in read.tags if tag == "path"]) == 6 + 4
    assert "http" not in text and "&lt;b&gt;" in text and read.open == []
