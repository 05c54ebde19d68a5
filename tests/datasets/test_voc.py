"""Pascal VOC XML, read from real files in each of its layouts."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.control import GroundControlPoint

from datasets.reading import Reader
from datasets.samples import voc as synthetic
from datasets.source import IGNORE, DataError, Item, Labelled, Source, Tiling
from datasets.voc import LandslideVoc, Voc

SOURCE = Voc()
Objects = list[tuple[str, tuple[object, object, object, object]]]


def write_image(file: Path, height: int = 40, width: int = 60, bands: int = 3) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(height).integers(0, 255, (height, width, bands), dtype=np.uint8)
    Image.fromarray(pixels.squeeze()).save(file)


def write_xml(
    file: Path,
    objects: Objects,
    size: tuple[int, int] | None = (40, 60),
    filename: str = "",
    difficult: int = 0,
) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    described = "".join(
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x0}</xmin>"
        f"<ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for name, (x0, y0, x1, y1) in objects
    )
    extent = f"<size><width>{size[1]}</width><height>{size[0]}</height></size>" if size else ""
    file.write_text(f"<annotation><filename>{filename}</filename>{extent}{described}</annotation>")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three images of 40 × 60 in VOC's folders: two objects, one, none."""
    write_xml(
        tmp_path / "Annotations" / "a.xml", [("ship", (1, 1, 60, 40)), ("car", (11, 21, 25, 30))]
    )
    write_xml(tmp_path / "Annotations" / "b.xml", [("ship", (5, 5, 5, 9))])
    write_xml(tmp_path / "Annotations" / "c.xml", [])
    for stem in "abc":
        write_image(tmp_path / "JPEGImages" / f"{stem}.png")
    return tmp_path


def train(root: Path, tiling: Tiling | None = None) -> tuple[Item, ...]:
    return SOURCE.find(root, tiling).splits["train"]


def read(item: Item, source: Source = SOURCE) -> Labelled:
    return source.read(item, ("car", "ship"))


def boxes_of(labelled: Labelled) -> NDArray[np.float32]:
    assert labelled.boxes is not None
    return labelled.boxes


def stems(items: tuple[Item, ...]) -> list[str]:
    return [item.image.stem for item in items]


def test_pixels_counted_from_one_become_pixel_edges(root: Path) -> None:
    first, second, third = (read(item) for item in train(root))
    assert first.boxes is not None and second.boxes is not None and third.boxes is not None
    assert first.boxes.tolist() == [[0, 0, 60, 40], [10, 20, 25, 30]]
    assert second.boxes.tolist() == [[4, 4, 5, 9]]
    assert third.boxes.shape == (0, 4)


def test_classes_are_the_names_that_occur_in_order(root: Path) -> None:
    listing = SOURCE.find(root, None)
    first = read(listing.splits["train"][0])
    assert listing.classes == ("car", "ship")
    assert first.labels is not None and first.labels.tolist() == [2, 1]
    assert first.image.shape == (3, 40, 60) and first.image.dtype == np.uint8


def test_an_xml_belongs_to_the_image_of_its_own_stem(root: Path) -> None:
    write_xml(root / "Annotations" / "a.xml", [("car", (2, 2, 9, 9))], filename="b.png")
    item = train(root)[0]
    assert (item.label, item.image.stem) == (root / "Annotations" / "a.xml", "a")


def test_tiles_have_their_part_of_the_boxes_and_empty_ones_are_kept(root: Path) -> None:
    write_xml(root / "Annotations" / "a.xml", [("car", (11, 21, 25, 30))])
    tiles = {item.name: read(item) for item in train(root, Tiling(24, 4))}
    assert len(tiles) == 3 * 6
    boxes = {name: tile.boxes.tolist() for name, tile in tiles.items() if tile.boxes is not None}
    assert boxes["Annotations/a_0_16"] == [[10, 4, 24, 14]]
    assert boxes["Annotations/a_20_16"] == [[0, 4, 5, 14]]
    assert boxes["Annotations/a_20_0"] == boxes["Annotations/c_0_0"] == []
    assert {tile.image.shape for tile in tiles.values()} == {(3, 24, 24)}


def test_given_lists_make_the_splits(root: Path) -> None:
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\n\n")
    (lists / "test.txt").write_text("c\r\n")
    listing = SOURCE.find(root, None)
    assert {split: stems(items) for split, items in listing.splits.items()} == {
        "train": ["a"],
        "test": ["c"],
    }
    assert listing.notes == ("1 XML file in no list of ImageSets/Main, unused",)


@pytest.mark.parametrize(
    ("lists", "fault"),
    [
        ({"train": "a\n", "val": "b\na\n"}, "val.txt names a, as train.txt does already"),
        ({"train": "a\n", "val": "\n"}, "val.txt names nothing"),
        ({"val": "a\n"}, "has no train.txt"),
    ],
)
def test_a_wrong_list_is_refused_by_name(root: Path, lists: dict[str, str], fault: str) -> None:
    (root / "ImageSets" / "Main").mkdir(parents=True)
    for split, text in lists.items():
        (root / "ImageSets" / "Main" / f"{split}.txt").write_text(text)
    with pytest.raises(DataError) as caught:
        SOURCE.find(root, None)
    assert fault in str(caught.value)


@pytest.mark.parametrize("val", ["val", "valid", "validation"])
def test_a_folder_for_each_split_is_read(root: Path, tmp_path: Path, val: str) -> None:
    tree = tmp_path / "tree"
    for folder, stem in (("train", "a"), (val, "b"), ("test", "c")):
        (tree / folder).mkdir(parents=True)
        shutil.copy(root / "Annotations" / f"{stem}.xml", tree / folder)
        shutil.copy(root / "JPEGImages" / f"{stem}.png", tree / folder)
    listing = SOURCE.find(tree, None)
    assert {split: stems(items) for split, items in listing.splits.items()} == {
        "train": ["a"],
        "val": ["b"],
        "test": ["c"],
    }
    assert [item.scene for items in listing.splits.values() for item in items] == [
        "train/a",
        f"{val}/b",
        "test/c",
    ]


def test_files_side_by_side_are_read_and_gdal_s_own_xml_is_not(root: Path) -> None:
    for folder in (root / "Annotations", root / "JPEGImages"):
        shutil.copytree(folder, root, dirs_exist_ok=True)
        shutil.rmtree(folder)
    (root / "a.png.aux.xml").write_text("<PAMDataset/>")
    listing = SOURCE.find(root, None)
    assert stems(listing.splits["train"]) == ["a", "b", "c"]
    assert listing.layout == "images and XML side by side"


def test_images_without_an_xml_are_left_out_and_counted(root: Path) -> None:
    write_image(root / "JPEGImages" / "d.png")
    listing = SOURCE.find(root, None)
    assert stems(listing.splits["train"]) == ["a", "b", "c"]
    assert listing.notes == ("1 image without an XML file, unused",)


def test_an_xml_without_its_image_or_with_two_is_a_problem(root: Path) -> None:
    (root / "JPEGImages" / "a.png").unlink()
    write_image(root / "JPEGImages" / "b.jpg")
    write_xml(root / "Annotations" / "c.xml", [("ship", (5, 5, 5, 9))])
    listing = SOURCE.find(root, None)
    assert stems(listing.splits["train"]) == ["c"]
    without, with_two = listing.problems
    assert without.file.name == "a.xml" and without.reason.startswith("has no image of its stem")
    assert with_two.file.name == "b.xml"
    assert with_two.reason.endswith("JPEGImages/b.jpg, JPEGImages/b.png")


def test_of_two_images_of_one_stem_the_one_that_the_xml_names_is_meant(root: Path) -> None:
    write_image(root / "JPEGImages" / "b.jpg")
    write_xml(root / "Annotations" / "b.xml", [("ship", (5, 5, 5, 9))], filename="photos/b.jpg")
    listing = SOURCE.find(root, None)
    assert [item.image.name for item in listing.splits["train"]] == ["a.png", "b.jpg", "c.png"]
    assert listing.notes[0].startswith("b.xml is of b.jpg, as its filename says, of JPEGImages/b.")
    assert not listing.problems


def test_a_list_may_name_what_is_not_there(root: Path) -> None:
    lists = root / "ImageSets" / "Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("a\nz\n")
    listing = SOURCE.find(root, None)
    assert listing.problems == ((lists / "train.txt", "names z, but there is no z.xml"),)


def test_difficult_objects_are_kept_and_counted(root: Path) -> None:
    write_xml(root / "Annotations" / "a.xml", [("car", (2, 2, 9, 9))], difficult=1)
    listing = SOURCE.find(root, None)
    labelled = read(listing.splits["train"][0])
    assert labelled.labels is not None and len(labelled.labels) == 1
    assert listing.notes[0].startswith("1 object marked difficult")


@pytest.mark.parametrize(
    ("corners", "fault"),
    [
        ((30, 5, 20, 9), "object 2 of a.xml (30, 5, 20, 9) is empty or reversed"),
        ((5, 30, 9, 20), "empty or reversed"),
        ((5, 5, 63, 9), "out of the image"),
        ((5, 5, 9, 42), "out of the image"),
        ((-4, 5, 9, 9), "out of the image"),
        ((70, 50, 80, 60), "out of the image"),
        ((0, 0, 0, 0), "object 2 of a.xml (0, 0, 0, 0) is"),
    ],
)
@pytest.mark.parametrize("tiling", [None, Tiling(24, 4)])
def test_a_box_that_does_not_fit_makes_its_image_unusable(
    root: Path, corners: tuple[int, int, int, int], fault: str, tiling: Tiling | None
) -> None:
    write_xml(root / "Annotations" / "a.xml", [("car", (2, 2, 9, 9)), ("car", corners)])
    with pytest.raises(DataError) as caught:
        read(train(root, tiling)[0])
    (problem,) = caught.value.problems
    assert problem.file == root / "JPEGImages" / "a.png" and fault in problem.reason


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("<annotation><object></annotation>", "cannot be read: mismatched tag"),
        ("", "cannot be read: no element found"),
        ("<kml></kml>", "holds <kml>, not <annotation>"),
        ("<annotation><object><name>car</name></object></annotation>", "object 1 has no xmin"),
        ("<annotation><object><name> </name></object></annotation>", "object 1 has no name"),
    ],
)
def test_a_wrong_xml_is_named_when_it_is_read(root: Path, text: str, fault: str) -> None:
    (root / "Annotations" / "a.xml").write_text(text)
    with pytest.raises(DataError) as caught:
        read(train(root)[0])
    (problem,) = caught.value.problems
    assert problem.file == root / "Annotations" / "a.xml" and fault in problem.reason


@pytest.mark.parametrize("value", ["left", "nan", "inf", ""])
def test_a_coordinate_that_is_no_number_is_quoted(root: Path, value: str) -> None:
    write_xml(root / "Annotations" / "a.xml", [("car", (2, 2, 9, 9)), ("car", (1, 1, value, 9))])
    with pytest.raises(DataError, match=f"object 2 has '{value}' for xmax"):
        read(train(root)[0])


def test_an_image_of_another_size_than_its_xml_says_is_refused(root: Path) -> None:
    write_xml(root / "Annotations" / "a.xml", [("car", (2, 2, 9, 9))], size=(60, 40))
    with pytest.raises(DataError, match=r"a\.png is 40 × 60 .* of 60 × 40"):
        read(train(root)[0])


@pytest.mark.parametrize("size", [None, (0, 0)])
def test_a_size_that_an_xml_leaves_out_is_the_image_s(
    root: Path, size: tuple[int, int] | None
) -> None:
    write_xml(root / "Annotations" / "a.xml", [("car", (2, 2, 9, 9))], size=size)
    assert read(train(root)[0]).image.shape == (3, 40, 60)


def test_a_damaged_image_and_its_damaged_xml_are_both_named(root: Path) -> None:
    (root / "JPEGImages" / "a.png").write_bytes(b"no image")
    (root / "Annotations" / "a.xml").write_text("no XML")
    with pytest.raises(DataError) as caught:
        read(train(root, Tiling(24, 4))[0])
    assert [problem.file.name for problem in caught.value.problems] == ["a.xml", "a.png"]


@pytest.mark.parametrize(
    ("bands", "fault"),
    [
        (1, "has 1 band, but 3 are wanted: red, green, blue"),
        (4, "holds 142 in band 4, which it marks as alpha: a mask holds 0 and 255"),
    ],
)
def test_an_image_that_is_not_red_green_blue_is_named_with_its_bands(
    root: Path, bands: int, fault: str
) -> None:
    write_image(root / "JPEGImages" / "a.png", bands=bands)
    reader = Reader(SOURCE, ("car", "ship"), IGNORE)
    usable = reader.read(train(root), lambda item, _labelled: item.image.stem)
    assert list(usable) == ["b", "c"]
    ((file, reason),) = reader.problems
    assert file.name == "a.png" and reason.startswith(fault)


def test_of_a_wrong_root_the_error_names_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Annotations/\*\.xml with images in JPEGImages"):
        SOURCE.find(tmp_path, None)
    with pytest.raises(DataError, match="is not a folder"):
        SOURCE.find(tmp_path / "nowhere", None)


def test_xml_files_that_name_no_object_at_all_are_refused(tmp_path: Path) -> None:
    write_xml(tmp_path / "c.xml", [])
    write_image(tmp_path / "c.png")
    with pytest.raises(DataError, match="names an object"):
        SOURCE.find(tmp_path, None)


def test_a_fixed_class_admits_no_other(root: Path) -> None:
    listing = LandslideVoc().find(root, None)
    assert listing.classes == ("landslide",)
    with pytest.raises(DataError, match="object 1 is called 'ship', but the classes are landslide"):
        LandslideVoc().read(listing.splits["train"][0], listing.classes)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "SIZE", 128)
    monkeypatch.setattr(synthetic, "SMALL", 64)
    monkeypatch.setattr(synthetic, "PLACES", {"hz": 6, "zj": 7})
    monkeypatch.setattr(synthetic, "SPLITS", {"train": 9, "val": 2, "test": 2})


@pytest.mark.usefixtures("small")
def test_the_landslide_sample_is_as_odd_as_the_original(tmp_path: Path) -> None:
    LandslideVoc().write_sample(tmp_path, seed=0)
    listing = LandslideVoc().find(tmp_path, None)
    (items,) = listing.splits.values()
    assert stems(items) == [f"hz{n}" for n in range(1, 7)] + [f"zj{n}" for n in range(1, 8)]
    labelled = [LandslideVoc().read(item, listing.classes) for item in items]
    assert {one.image.shape for one in labelled} == {(3, 128, 128), (3, 64, 64)}
    counts = [len(one.labels) for one in labelled if one.labels is not None]
    assert min(counts) >= 1 and max(counts) <= 5
    misnamed = [
        item.image.stem
        for item in items
        if item.label and f"<filename>{item.image.name}<" not in item.label.read_text()
    ]
    assert misnamed == ["hz6", "zj6"]


@pytest.mark.usefixtures("small")
def test_the_voc_sample_has_two_classes_splits_and_scenes_without_landslides(
    tmp_path: Path,
) -> None:
    SOURCE.write_sample(tmp_path, seed=0)
    listing = SOURCE.find(tmp_path, None)
    assert listing.classes == ("field", "landslide")
    assert {split: len(items) for split, items in listing.splits.items()} == synthetic.SPLITS
    labels = [SOURCE.read(item, listing.classes).labels for item in listing.splits["train"]]
    assert any(found is not None and 2 not in found for found in labels)


def test_a_scar_s_box_holds_exactly_its_pixels() -> None:
    coverage = np.zeros((100, 100))
    coverage[10:20, 30:45] = 0.7
    coverage[9, 30:45] = 0.4
    assert synthetic.voc_box(coverage) == (31, 11, 45, 20)
    assert synthetic.voc_box(np.zeros((100, 100))) is None


def turn(file: Path) -> None:
    """Say in EXIF that the image is shown a quarter turn clockwise."""
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(file) as image:
        image.save(file, exif=exif)


@pytest.mark.parametrize("tiling", [None, Tiling(48, 8)])
@pytest.mark.parametrize("size", [(60, 40), (50, 50)])
def test_boxes_are_of_the_upright_image(
    root: Path, size: tuple[int, int], tiling: Tiling | None
) -> None:
    """A bright object at the upper left of what is stored is seen at the upper right."""
    height, width = size
    pixels = np.zeros((width, height, 3), np.uint8)
    pixels[4:10, 6:14] = 255
    Image.fromarray(pixels).save(root / "JPEGImages" / "a.png")
    turn(root / "JPEGImages" / "a.png")
    write_xml(root / "Annotations" / "a.xml", [("car", (width - 9, 7, width - 4, 14))], size=size)
    tiles = [read(item) for item in train(root, tiling) if item.scene == "Annotations/a"]
    boxes = [(tile.image[0], box) for tile in tiles for box in boxes_of(tile)]
    assert boxes
    for image, box in boxes:
        x0, y0, x1, y1 = box.astype(int)
        assert (image[y0:y1, x0:x1] == 255).all() and (image > 0).sum() == (y1 - y0) * (x1 - x0)


def test_annotations_of_an_image_as_it_is_stored_are_refused(root: Path) -> None:
    turn(root / "JPEGImages" / "a.png")
    with pytest.raises(DataError, match=r"is 60 × 40 .* upright, as its EXIF .*how it is stored"):
        read(train(root)[0])


def test_bands_in_another_order_than_red_green_blue_are_refused(root: Path) -> None:
    """`predict` finds bands by their names, and would show the model other colours."""
    with rasterio.open(
        root / "JPEGImages" / "a.tif", "w", "GTiff", 60, 40, 3, dtype="uint8"
    ) as one:
        one.write(np.zeros((3, 40, 60), np.uint8))
        one.descriptions = ("blue", "green", "red")
    (root / "JPEGImages" / "a.png").unlink()
    with pytest.raises(
        DataError, match=r"bands blue, green, red, but Pascal VOC XML stores red, g"
    ):
        read(train(root)[0])


def test_images_that_lie_somewhere_but_not_by_a_transform_are_told_of(root: Path) -> None:
    points = [GroundControlPoint(row, col, col, -row) for row in (0, 40) for col in (0, 60)]
    options = {"dtype": "uint8", "gcps": points, "crs": "EPSG:32633"}
    with rasterio.open(root / "JPEGImages" / "a.tif", "w", "GTiff", 60, 40, 3, **options) as one:
        one.write(np.zeros((3, 40, 60), np.uint8))
    (root / "JPEGImages" / "a.png").unlink()
    reader = Reader(SOURCE, ("car", "ship"), IGNORE)
    assert len([*reader.read(train(root), lambda item, _: item)]) == 3
    assert reader.notes[0].startswith("1 image is placed by ground control points, not by")
