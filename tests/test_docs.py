"""The pages: each is in the navigation, and what is filled in from the code is complete."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from datasets.raster import OwnData
from models.heads import HEAD_OPTIONS, HEADS
from models.losses import LOSSES
from models.pretraining import KINDS
from sweeps.schema import STRENGTHS, Settings, Sweep

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = spec_from_file_location("reference", DOCS / "hooks" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [page.name for page in DOCS.glob("*.md")]
    assert [page for page in pages if f": {page}\n" not in navigation] == []


def test_the_page_of_the_sweep_file_has_every_key(
    reference: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    page = (DOCS / "sweep-file.md").read_text(encoding="utf-8")
    filled = reference.on_page_markdown(page)
    keys = [*Sweep.model_fields, *Settings.model_fields, *STRENGTHS, *HEAD_OPTIONS]
    keys += [*KINDS, *LOSSES]
    keys += [head for of_task in HEADS.values() for head in of_task]
    assert [key for key in keys if f"`{key}`" not in filled] == []
    assert "<!--" not in filled


def test_the_page_of_own_data_has_every_key_of_own_rasters() -> None:
    page = (DOCS / "own-data.md").read_text(encoding="utf-8")
    assert [key for key in OwnData.model_fields if f"| `{key}` |" not in page] == []


def test_every_key_of_the_sweep_file_has_a_meaning(reference: ModuleType) -> None:
    rows = (reference.sweep_keys() + reference.head_options()).splitlines()
    assert [row for row in rows if row.startswith("| `") and row.endswith("|  |")] == []
