"""Which image a name means, among images that are nearly called the same."""

from pathlib import Path

from datasets.annotations.pairing import Pairing

ROOT = Path("/data")


def pair(images: list[str], file: str, name: str = "", *, entry: bool = False) -> Pairing:
    pairing = Pairing([ROOT / image for image in images], ROOT)
    pairing.add(ROOT / file, name or Path(file).stem, entry=entry)
    return pairing


def chosen(pairing: Pairing) -> str | None:
    assert len(pairing.label_of) + len(pairing.problems) == 1
    return next((image.relative_to(ROOT).as_posix() for image in pairing.label_of), None)


def test_the_images_folder_beside_the_labels_folder_is_taken() -> None:
    images = ["train/images/a.tif", "valid/images/a.tif"]
    assert chosen(pair(images, "valid/labels/a.txt")) == "valid/images/a.tif"
    images = ["images/train/a.tif", "images/val/a.tif", "images/a.tif"]
    assert chosen(pair(images, "labels/val/a.txt")) == "images/val/a.tif"
    assert chosen(pair(images, "labels/a.txt")) == "images/a.tif"


def test_a_path_that_an_entry_gives_is_followed() -> None:
    images = ["north/a.tif", "south/a.tif"]
    assert chosen(pair(images, "all.csv", "south/a.tif", entry=True)) == "south/a.tif"
    assert chosen(pair(images, "south/boxes.csv", "a.tif", entry=True)) == "south/a.tif"
    assert chosen(pair(images, "x/b.json", "..\\north\\a.tif", entry=True)) == "north/a.tif"
    assert chosen(pair(["a.tif", "x/a.tif"], "x/b.json", "../a.tif", entry=True)) == "a.tif"
    assert chosen(pair(images, "all.csv", "/home/me/south/a.tif", entry=True)) == "south/a.tif"


def test_an_image_may_have_been_converted_but_its_stem_stays_whole() -> None:
    assert chosen(pair(["a.tif"], "all.csv", "a.jpg", entry=True)) == "a.tif"
    assert chosen(pair(["scene.2.tif"], "scene.2.txt")) == "scene.2.tif"
    assert chosen(pair(["scene.tif"], "scene.2.txt")) is None


def test_several_images_that_may_be_meant_are_named() -> None:
    pairing = pair(["images/a.png", "images/a.tif"], "labels/a.xml")
    (problem,) = pairing.problems
    assert "images/a.png, images/a.tif" in problem.reason


def test_an_image_of_another_split_is_never_taken() -> None:
    assert chosen(pair(["images/train/a.tif"], "labels/val/a.txt")) is None


def test_an_image_has_one_label() -> None:
    pairing = pair(["images/a.tif"], "labels/a.txt")
    pairing.add(ROOT / "old" / "a.txt", "a")
    assert pairing.label_of == {ROOT / "images/a.tif": ROOT / "labels/a.txt"}
    assert pairing.problems[0].file == ROOT / "old" / "a.txt"
    assert "labels/a.txt already" in pairing.problems[0].reason
