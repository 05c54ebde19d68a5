"""Pictures as layers, and the map, as they stand in the page."""

from collections.abc import Callable

import pytest

import analysis
from datasets import Prepared
from tests.analysis.pictures.conftest import boxes, make_run, masks  # noqa: F401 - fixtures
from tests.analysis.pictures.test_drawing import BOXES, CONFUSION
from tests.analysis.report.conftest import reported
from tests.analysis.report.reading import Page
from tests.analysis.report.test_page import structure_faults

MakeRun = Callable[..., analysis.Run]


@pytest.fixture
def page(masks: Prepared, make_run: MakeRun) -> Page:  # noqa: F811
    return reported(make_run(masks, {"confusion": CONFUSION}).path)


def test_layers_and_map_are_accessible_and_keep_to_the_policy(page: Page) -> None:
    assert structure_faults(page) == []
    assert not [one.tag for one in page.elements if "style" in one.attributes]
    controls = page.all("input", "select")
    assert len(controls) == 8
    assert all(one.inside[-1].tag == "label" for one in controls)


def test_without_a_script_still_pictures_remain(page: Page) -> None:
    classes = {one.attributes["class"]: one for one in page.elements if "class" in one.attributes}
    assert "hidden" in classes["viewer"].attributes
    assert "open" in classes["stills"].attributes
    stills = [one for one in page.all("img") if classes["stills"] in one.inside]
    assert len(stills) == 3


def test_every_image_has_its_layers_and_its_place_on_the_map(page: Page) -> None:
    shown = [one.attributes["data-shows"] for one in page.all("img") if "hidden" in one.attributes]
    assert shown == ["truth", *["prediction", "error"] * 2] * 3
    tiles = [one for one in page.all("a") if one.attributes.get("class") == "tile"]
    told = [one.attributes["aria-label"] for one in tiles]
    assert told == ["one_3: 0.100", "one_5: 0.200", "one_4: 0.300", "one_2: 0.400"]
    linked = [one.attributes.get("href") for one in tiles]
    assert linked == ["#picture-3", "#picture-2", None, "#picture-1"]


def test_pictures_of_boxes_stand_in_the_page_too(
    boxes: Prepared,  # noqa: F811
    make_run: MakeRun,  # noqa: F811
) -> None:
    page = reported(make_run(boxes, BOXES).path)
    assert structure_faults(page) == []
    sources = [one.attributes["src"].partition(";")[0] for one in page.all("img")]
    assert {"data:image/webp", "data:image/svg+xml"} <= set(sources)
