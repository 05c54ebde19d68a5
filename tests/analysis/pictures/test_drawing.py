"""Pictures of whole runs: what is drawn, what is said of it, and what is said when it cannot be."""

import base64
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

import analysis
from analysis import AnalysisError
from analysis.__main__ import main
from analysis.pictures import boxes as box_panels
from analysis.pictures import draw_pictures, earlier_pictures
from analysis.pictures import masks as mask_panels
from analysis.pictures.images import Scene, Truth
from analysis.pictures.layers import Layer
from analysis.pictures.masks import (
    FALSE,
    MISSED,
    NOT_COUNTED,
    NOTHING,
    OUTCOME_COLOURS,
    RIGHT,
    WRONG_CLASS,
)
from datasets import IGNORE, Prepared, open_split
from datasets.colours import ORANGE, class_colours
from runs.predictions import PredictionsError

MakeRun = Callable[..., analysis.Run]

# Of four images with 8, 2, 6 and 4 right pixels of 10: mIoU is in that order.
CONFUSION = np.array([[[0] * 5] * 5] * 4)
for image, right in enumerate((8, 2, 6, 4)):
    CONFUSION[image, 1, :2] = 10 - right, right
BOXES = {
    "truths": np.ones((3, 2), np.int64),
    "image": np.array([0, 0, 1, 2]),
    "label": np.array([1, 2, 1, 2]),
    "score": np.array([0.9, 0.8, 0.9, 0.9], np.float32),
    "matched": np.repeat([[True], [True], [False], [True]], 10, axis=1),
}


@pytest.fixture
def mask_run(masks: Prepared, make_run: MakeRun) -> analysis.Run:
    return make_run(masks, {"confusion": CONFUSION})


def test_best_median_and_worst_image_are_drawn_for_the_best_arms(
    mask_run: analysis.Run, tmp_path: Path
) -> None:
    drawn = draw_pictures(mask_run, tmp_path / "pictures")
    assert [picture.title for picture in drawn] == [
        "Best image: one_2",
        "Median image: one_5",
        "Worst image: one_3",
    ]
    assert [picture.file.name for picture in drawn] == ["best.png", "median.png", "worst.png"]
    assert "the median of 4 test images by mIoU, of test_resnet · plain" in drawn[1].caption
    for arm in ("test_resnet · plain: mIoU 0.400", "test_resnet · dice: mIoU 0.400"):
        assert arm in drawn[0].alt
    assert "right" in drawn[0].alt or "missed" in drawn[0].alt
    height, width, _ = imread(drawn[0].file).shape
    assert width == 1080 and height > 500  # two rows
    assert earlier_pictures(tmp_path / "pictures") == drawn


def test_boxes_are_drawn_too_and_alike_each_time(
    boxes: Prepared, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(boxes, BOXES)
    first, again = (
        draw_pictures(run, tmp_path / name, arms=1, images=2) for name in ("first", "again")
    )
    assert [picture.title for picture in first] == [
        "Best image: test/test_0.tif",
        "Worst image: test/test_1.tif",
    ]
    assert "F1 at IoU 0.5 of detections of at least 0.3" in first[0].caption
    assert "dice" not in first[0].alt
    for one, other in zip(first, again, strict=True):
        assert one.file.read_bytes() == other.file.read_bytes()


def pixels(layer: Layer) -> NDArray[np.uint8]:
    """RGBA [H, W, 4] of a layer that is no drawing of lines."""
    content = base64.b64decode(layer.source.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))


def test_layers_of_masks_lie_on_the_image_and_are_clear_where_nothing_is(
    masks: Prepared, mask_run: analysis.Run, tmp_path: Path
) -> None:
    drawn, *_ = draw_pictures(mask_run, tmp_path / "pictures")
    image, truth, *others = drawn.layers
    assert [(one.shows, one.arm) for one in others] == [
        (shows, arm)
        for arm in ("test_resnet · plain", "test_resnet · dice")
        for shows in ("prediction", "error")
    ]
    split = open_split(masks, "test")
    mask = split.masks[split.names.index("one_2")]
    shown = pixels(truth)
    assert shown.shape == pixels(image).shape
    np.testing.assert_array_equal(shown[..., 3] > 0, mask > 0)
    assert set(map(tuple, shown[mask == 1][:, :3].tolist())) <= {ORANGE}
    # Nothing was found: the error is what there is.
    np.testing.assert_array_equal(pixels(others[1])[..., 3] > 0, mask > 0)


def test_layers_of_boxes_have_a_frame_for_each(
    boxes: Prepared, make_run: MakeRun, tmp_path: Path
) -> None:
    drawn, *_ = draw_pictures(make_run(boxes, BOXES), tmp_path / "pictures", arms=1)
    _, truth, found, error = (
        base64.b64decode(layer.source.partition(",")[2]) for layer in drawn.layers
    )
    # A line and its casing for each of two houses, of which none was found.
    assert [one.count(b"<rect") for one in (truth, found, error)] == [4, 0, 4]
    assert drawn.size == (64, 64)  # of 100 × 80 px, filled up to a square


def scene_of(mask: NDArray[np.uint8], boxes: list[list[float]]) -> Scene:
    classes = ("background", "house", "tree")
    rows = np.array(boxes, np.float32).reshape(-1, 4)
    truth = Truth(mask, rows, np.ones(len(rows), np.int64), classes, class_colours(classes[1:], {}))
    return Scene(np.full((*mask.shape, 3), 100, np.uint8), truth, stretch=0.8)


def test_the_error_panel_of_masks_shows_each_outcome_in_its_colour() -> None:
    truth, found = (
        np.array(mask, np.uint8).repeat(64, 0).repeat(64, 1)
        for mask in (
            [[0, 1, 1], [1, 0, 0], [IGNORE, IGNORE, IGNORE]],
            [[0, 1, 2], [0, 2, 0], [0, 1, 2]],
        )
    )
    axes = Figure().add_subplot()
    mask_panels.draw_errors(axes, scene_of(truth, []), {"mask": found})
    shown = np.asarray(axes.images[0].get_array())
    expected = OUTCOME_COLOURS[[[NOTHING, RIGHT, WRONG_CLASS], [MISSED, FALSE, NOTHING]]]
    np.testing.assert_array_equal(shown[:128], expected.repeat(64, 0).repeat(64, 1))
    stripes = set(map(tuple, shown[128:].reshape(-1, 3).tolist()))
    assert stripes == {tuple(OUTCOME_COLOURS[NOT_COUNTED].tolist()), (255, 255, 255)}
    assert axes.get_aspect() == 0.8


def test_outcomes_can_be_told_apart_in_grey() -> None:
    """Lightness (CIE L*, gamma 2.2) of the colours is at least 8 apart; stripes aside."""
    linear = (OUTCOME_COLOURS[:NOT_COUNTED] / 255) ** 2.2
    lightness = 116 * np.cbrt(linear @ (0.2126, 0.7152, 0.0722)) - 16
    assert np.diff(np.sort(lightness)).min() > 8


def test_the_error_panel_of_boxes_has_a_line_style_a_kind() -> None:
    scene = scene_of(np.zeros((64, 64), np.uint8), [[0, 0, 10, 10], [30, 30, 40, 40]])
    found = {
        "boxes": np.array([[0, 0, 10, 10], [50, 50, 60, 60], [30, 30, 40, 40]], np.float32),
        "labels": np.array([1, 1, 1]),
        "scores": np.array([0.9, 0.8, 0.1], np.float32),
    }
    axes = Figure().add_subplot()
    box_panels.draw_errors(axes, scene, found)
    frames = [one for one in axes.patches if isinstance(one, Rectangle)]
    corners = [frame.get_xy() for frame in frames]
    assert corners == [(-0.5, -0.5), (29.5, 29.5), (49.5, 49.5)]  # hit, missed, false
    assert len({str(frame.get_linestyle()) for frame in frames}) == 3
    assert box_panels.in_words(scene, found) == "1 hit, 1 missed, 1 false"


def test_what_is_missing_is_said_and_earlier_pictures_stay(
    mask_run: analysis.Run, masks: Prepared, tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    before = draw_pictures(mask_run, folder, arms=2, images=1)
    (mask_run.path / "trials/001-dice/predictions.h5").unlink()
    with pytest.raises(PredictionsError, match=r"001-dice/predictions\.h5 is missing"):
        draw_pictures(mask_run, folder, arms=2, images=1)
    shutil.rmtree(masks.folder)
    with pytest.raises(AnalysisError, match=r"decoded images .* are gone.*drawn earlier stay"):
        draw_pictures(mask_run, folder, arms=2, images=1)
    assert earlier_pictures(folder) == before
    assert earlier_pictures(tmp_path) == []


def test_other_test_images_than_those_that_were_scored_are_refused(
    masks: Prepared, make_run: MakeRun, tmp_path: Path
) -> None:
    names = ["one_2", "one_3", "one_5", "one_4"]
    run = make_run(masks, {"confusion": CONFUSION}, names=names)
    with pytest.raises(AnalysisError, match="holds other test images"):
        draw_pictures(run, tmp_path / "pictures")


def test_without_test_scores_there_is_nothing_to_draw(
    masks: Prepared, make_run: MakeRun, tmp_path: Path
) -> None:
    run = make_run(masks, {}, tested=False)
    with pytest.raises(AnalysisError, match="there are no test scores yet"):
        draw_pictures(run, tmp_path / "pictures")


def test_the_command_names_what_it_wrote(
    mask_run: analysis.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pictures", str(mask_run.path), "--arms=1", "--images=1"]) == 0
    folder = mask_run.path / "pictures"
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{folder / 'median.png'}: Median image: one_5"
    assert lines[1].startswith(f"{folder / 'errors-000-plain.geojson'}: ")
    assert lines[1].endswith("on 4 test images")
    with pytest.raises(SystemExit):
        main(["pictures", str(mask_run.path), "--arms=0"])


def test_a_damaged_list_of_earlier_pictures_is_named(tmp_path: Path) -> None:
    (tmp_path / "pictures.json").write_text('[{"title": "Best')
    with pytest.raises(AnalysisError, match=r"pictures\.json is damaged"):
        earlier_pictures(tmp_path)
