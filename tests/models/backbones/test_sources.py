"""Where backbones come from: names, what is installed, and what is known without torch."""

import subprocess
import sys

import pytest

from models.backbones import SOURCES, Source, UnknownBackboneError, check_backbone
from models.backbones.source import source_of


def test_a_bare_name_is_timms() -> None:
    assert source_of("resnet18", SOURCES)[0].name == source_of("timm/resnet18", SOURCES)[0].name
    assert source_of("timm/resnet18", SOURCES)[1] == "resnet18"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("torchgo/resnet50", "there is no source of backbones 'torchgo'; did you mean 'torchgeo'"),
        ("torchgeo/dofa_base", "torchgeo has no backbone 'dofa_base' .*'dofa_base_patch16_224'"),
    ],
)
def test_an_unknown_name_is_refused(name: str, hint: str) -> None:
    with pytest.raises(UnknownBackboneError, match=hint):
        check_backbone(name)


def test_a_source_that_is_not_installed_says_what_to_install() -> None:
    absent = {"moon": Source("moon", "models.backbones.moon", "library_that_nobody_has")}
    with pytest.raises(UnknownBackboneError) as refused:
        source_of("moon/base", absent)
    assert "pip install -r requirements-moon.txt" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("terratorch/prithvi_eo_v2_300", "terratorch is not installed.*pip install -r require"),
        (
            "olmoearth/v1_nano",
            "olmoearth is not installed.*pip install --no-deps -r require",
        ),
    ],
)
def test_other_sources_are_optional(name: str, message: str) -> None:
    if SOURCES[name.partition("/")[0]].installed:
        pytest.skip("it is installed")
    with pytest.raises(UnknownBackboneError, match=message):
        check_backbone(name)


def test_terratorchs_names_are_checked_without_it() -> None:
    library = SOURCES["terratorch"].library
    library.check("prithvi_eo_v2_300")
    with pytest.raises(UnknownBackboneError, match="did you mean 'prithvi_eo_v2_300'"):
        library.check("prithvi_eo_v2_30")
    (weights,) = library.published("prithvi_eo_v2_600").values()
    assert weights.repository == "ibm-nasa-geospatial/Prithvi-EO-2.0-600M"
    assert library.usual_weights("prithvi_eo_tiny") is None


def test_clays_weights_are_for_any_bands() -> None:
    library = SOURCES["terratorch"].library
    (weights,) = library.published("clay_v1_base").values()
    assert (weights.bands, weights.scale, weights.licence) == (None, None, "apache-2.0")


def test_sources_are_known_without_torch() -> None:
    code = "import sys; from models.backbones import SOURCES; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
