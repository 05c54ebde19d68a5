"""One scene of two objects in each format, and what is said of files that do not fit."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from datasets import annotations
from datasets.annotations import Annotated
from datasets.source import DataError

HEIGHT, WIDTH = 40, 80
SIZE = (HEIGHT, WIDTH)
BOXES = [("field", (0, 0, 80, 40)), ("pond", (10, 5, 30, 25))]
"""Of every file below, in pixel edges."""


def write(file: Path, content: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def coco(root: Path, stem: str) -> Path:
    return write(
        root / "annotations.json",
        {
            "images": [{"id": 7, "file_name": f"{stem}.tif", "width": WIDTH, "height": HEIGHT}],
            "categories": [{"id": 4, "name": "field"}, {"id": 9, "name": "pond"}],
            "annotations": [
                {
                    "id": number,
                    "image_id": 7,
                    "category_id": {"field": 4, "pond": 9}[name],
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                }
                for number, (name, (x0, y0, x1, y1)) in enumerate(BOXES)
            ],
        },
    )


def voc(root: Path, stem: str) -> Path:
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{x0 + 1}</xmin><ymin>{y0 + 1}</ymin>"
        f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for name, (x0, y0, x1, y1) in BOXES
    )
    return write(root / "xml" / f"{stem}.xml", f"<annotation>{objects}</annotation>")


def yolo(root: Path, stem: str) -> Path:
    write(root / "data.yaml", "names: [field, pond]\nnc: 2\n")
    text = "0 0.5 0.5 1 1\n1 0.25 0.375 0.25 0.5\n"
    return write(root / "labels" / f"{stem}.txt", text)


def yolo_outlines(root: Path, stem: str) -> Path:
    write(root / "labels" / "classes.txt", "field\npond\n")
    text = "0 0 0 1 0 1 1 0 1\n\n1 0.125 0.25 0.375 0.125 0.25 0.625\n"
    return write(root / "labels" / f"{stem}.txt", text)


def labelme(root: Path, stem: str) -> Path:
    shapes = [
        {"label": "field", "shape_type": "rectangle", "points": [[80, 40], [0, 0]]},
        {"label": "pond", "shape_type": "polygon", "points": [[10, 9], [30, 5], [20, 25]]},
    ]
    content = {"imagePath": f"..\\images\\{stem}.tif", "imageHeight": HEIGHT, "imageWidth": WIDTH}
    return write(root / "labelme" / f"{stem}.json", {**content, "shapes": shapes})


def table(root: Path, stem: str) -> Path:
    lines = [f"{stem}.tif,{','.join(map(str, box))},{name},0.9" for name, box in BOXES]
    header = "image_path,xmin,ymin,xmax,ymax,label,score"
    return write(root / "boxes.csv", "\n".join([header, *lines]))


FORMATS: dict[str, Callable[[Path, str], Path]] = {
    one.__name__: one for one in (coco, voc, yolo, yolo_outlines, labelme, table)
}


def images(root: Path, *names: str) -> list[Path]:
    """Paths only: annotations are paired without a look at the pixels."""
    return [root / "images" / name for name in names]


def only(root: Path, files: list[Path], *names: str) -> Annotated:
    return annotations.find(files, images(root, *names), root)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_boxes(form: str, tmp_path: Path) -> None:
    file = FORMATS[form](tmp_path, "scene_1")
    found = only(tmp_path, [file], "scene_1.tif")
    (image,) = found.label_of
    objects = annotations.read(found, image, SIZE)
    assert found.classes == ("field", "pond") and not found.problems and not found.notes
    assert objects.boxes.tolist() == [list(box) for _, box in BOXES]
    assert objects.labels.tolist() == [1, 2]


@pytest.mark.parametrize("form", FORMATS)
def test_image_1_is_not_image_10(form: str, tmp_path: Path) -> None:
    file = FORMATS[form](tmp_path, "image_1")
    found = only(tmp_path, [file], "image_10.tif", "image_1_0.tif", "my_image_1.tif")
    assert not found.label_of
    assert [problem.file for problem in found.problems] == [file]
    assert "image_1" in found.problems[0].reason


@pytest.mark.parametrize("form", FORMATS)
def test_an_image_without_label_is_said(form: str, tmp_path: Path) -> None:
    file = FORMATS[form](tmp_path, "a")
    found = only(tmp_path, [file], "a.tif", "b.tif")
    assert found.label_of == {tmp_path / "images" / "a.tif": file}
    assert any("1 of 2 images" in note and "images/b.tif" in note for note in found.notes)


def test_files_of_several_kinds_are_refused(tmp_path: Path) -> None:
    files = [voc(tmp_path, "a"), table(tmp_path, "a")]
    with pytest.raises(DataError, match=r"several kinds \(a.xml, boxes.csv\)"):
        only(tmp_path, files, "a.tif")


def test_json_of_another_kind_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "a.json", {"type": "FeatureCollection", "features": []})
    with pytest.raises(DataError, match=r"neither COCO JSON .* nor labelme JSON"):
        only(tmp_path, [file], "a.tif")


def test_classes_of_coco_files_are_merged_by_name(tmp_path: Path) -> None:
    """Two files, other ids; Roboflow's root category has no annotation and is no class."""
    for split, categories in (
        ("train", {0: "things", 1: "ship", 2: "crane"}),
        ("valid", {1: "crane", 2: "ship"}),
    ):
        ids = {name: number for number, name in categories.items()}
        write(
            tmp_path / split / "_annotations.coco.json",
            {
                "images": [{"id": 0, "file_name": "a.jpg", "width": 80, "height": 40}],
                "categories": [{"id": key, "name": name} for key, name in categories.items()],
                "annotations": [
                    {"id": 0, "image_id": 0, "category_id": ids["ship"], "bbox": [0, 0, 2, 2]},
                    {"id": 1, "image_id": 0, "category_id": ids["crane"], "bbox": [5, 5, 2, 2]},
                ],
            },
        )
    both = [tmp_path / split / "a.jpg" for split in ("train", "valid")]
    found = annotations.find(list(tmp_path.rglob("*.json")), both, tmp_path)
    assert found.classes == ("ship", "crane")
    assert found.notes == ("categories without any annotation are no classes: things",)
    for image in both:
        assert found.label_of[image].parent == image.parent
        assert annotations.read(found, image, SIZE).labels.tolist() == [1, 2]


def test_yolo_shares_become_pixel_edges_and_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    size = np.array([1733, 977])  # height, width
    corners = rng.uniform(0, size[::-1], (2, 200, 2))
    edges = np.concatenate([corners.min(axis=0), corners.max(axis=0)], axis=1)
    centres, sides = (edges[:, 2:] + edges[:, :2]) / 2, edges[:, 2:] - edges[:, :2]
    shares = np.concatenate([centres, sides], axis=1) / np.tile(size[::-1], 2)
    lines = (f"0 {' '.join(f'{value:.9f}' for value in row)}" for row in shares)
    found = only(tmp_path, [write(tmp_path / "labels" / "a.txt", "\n".join(lines))], "a.tif")
    (image,) = found.label_of
    objects = annotations.read(found, image, (1733, 977))
    np.testing.assert_allclose(objects.boxes, edges, atol=1e-5)


def test_a_yolo_file_without_lines_is_an_image_without_objects(tmp_path: Path) -> None:
    yolo(tmp_path, "a")
    files = [tmp_path / "labels" / "a.txt", write(tmp_path / "labels" / "b.txt", "")]
    found = only(tmp_path, files, "a.tif", "b.tif")
    assert annotations.read(found, tmp_path / "images" / "b.tif", SIZE).boxes.shape == (0, 4)


def test_yolo_without_names_calls_classes_by_number(tmp_path: Path) -> None:
    file = write(tmp_path / "labels" / "a.txt", "2 0.5 0.5 0.1 0.1")
    found = only(tmp_path, [file], "a.tif")
    assert found.classes == ("0", "1", "2")
    assert "names the classes" in found.notes[0]


def test_lists_and_names_among_yolo_files_are_no_labels(tmp_path: Path) -> None:
    label = yolo_outlines(tmp_path, "a")
    others = [label.with_name("classes.txt"), write(tmp_path / "train.txt", "images/a.tif")]
    found = only(tmp_path, [label, *others], "a.tif")
    assert list(found.label_of.values()) == [label] and not found.problems


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("2 0.5 0.5 0.1 0.1", "line 1 is of class 2, but the classes are 0 to 1"),
        ("0 0.5 0.5 0.1 0.1 0.93", "line 1 has 6 values"),
        ("0 320 240 20 20", "line 1 has 320, which is no share of the image"),
        ("0 0.5 0.5 0.1 nan", "line 1 holds what is no number"),
        ("field 0.5 0.5 0.1 0.1", "line 1 holds what is no number"),
    ],
)
def test_a_yolo_line_that_cannot_be_used_is_named(line: str, fault: str, tmp_path: Path) -> None:
    file = yolo(tmp_path, "a")
    file.write_text(line)
    found = only(tmp_path, [file], "a.tif")
    with pytest.raises(DataError, match=fault) as caught:
        annotations.read(found, tmp_path / "images" / "a.tif", SIZE)
    assert caught.value.problems[0].file == file


def test_yolo_names_that_contradict_are_refused(tmp_path: Path) -> None:
    file = yolo(tmp_path, "a")
    write(file.with_name("classes.txt"), "pond\nfield\n")
    with pytest.raises(DataError, match="name different classes"):
        only(tmp_path, [file], "a.tif")


def test_yolo_names_may_be_by_number(tmp_path: Path) -> None:
    file = yolo(tmp_path, "a")
    write(tmp_path / "data.yaml", "names:\n  1: pond\n  0: field\n")
    assert only(tmp_path, [file], "a.tif").classes == ("field", "pond")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"shape_type": "line"}, "shape 1 is a line, not a rectangle"),
        ({"label": ""}, "shape 1 has no label"),
        ({"points": [[1, 2], [3, "x"]]}, "shape 1 has points that are no pairs of numbers"),
        ({"points": [[1, 2]]}, "shape 1 is a rectangle of 1 points"),
    ],
)
def test_a_labelme_shape_that_cannot_be_used_is_named(
    change: dict[str, object], fault: str, tmp_path: Path
) -> None:
    file = labelme(tmp_path, "a")
    content = json.loads(file.read_text())
    content["shapes"][0] |= change
    write(file, content)
    found = only(tmp_path, [file], "a.tif")
    with pytest.raises(DataError, match=fault):
        annotations.read(found, tmp_path / "images" / "a.tif", SIZE)


@pytest.mark.parametrize("corners", ["0,0,0,0,pond", ",,,,"])
def test_a_table_can_say_that_an_image_has_no_objects(corners: str, tmp_path: Path) -> None:
    file = table(tmp_path, "a")
    file.write_text(f"{file.read_text()}\nb.tif,{corners},\n")
    found = only(tmp_path, [file], "a.tif", "b.tif")
    assert not found.notes
    assert annotations.read(found, tmp_path / "images" / "b.tif", SIZE).boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("image,xmin,ymin,xmax,label\n", "has no column ymax"),
        ("image,xmin,ymin,xmax,ymax,label\na.tif,1,2,3,four,pond", "line 2 has 'four' for ymax"),
        ("image,xmin,ymin,xmax,ymax,label\na.tif,1,2,3,4,", "line 2 has no label"),
        ("", "has no column image_path or image"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(text: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=fault):
        only(tmp_path, [write(tmp_path / "boxes.csv", text)], "a.tif")


def test_a_table_is_parsed_once_until_it_changes(tmp_path: Path) -> None:
    file = table(tmp_path, "a")
    first = annotations.table.load(file)
    assert annotations.table.load(file) is first
    file.write_text(file.read_text().replace("pond", "tarn"))
    file.touch()
    assert annotations.table.load(file) is not first
