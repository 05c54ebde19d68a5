"""The notebook of the pages runs, on any run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import rasterio
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_notebook_runs_on_another_run(make_run: Callable[..., Any], tmp_path: Path) -> None:
    run = make_run()
    run.add("000-test_resnet", 0.5)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 70, 90), np.uint8)
    with rasterio.open(tmp_path / "scene.tif", "w", "GTiff", 90, 70, 3, dtype="uint8") as raster:
        raster.write(pixels)
    notebook = nbformat.read(ROOT / "docs/winner.ipynb", as_version=4)
    (parameters,) = (
        cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ())
    )
    places = {"PROJECT": ROOT, "RUN": run.folder, "IMAGE": tmp_path / "scene.tif"}
    parameters.source = "from pathlib import Path\n" + "\n".join(
        f"{name} = Path({str(place)!r})" for name, place in places.items()
    )
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    shown = str(notebook.cells)
    assert "run/000-test_resnet: segmentation of landslide, water" in shown
    assert "(True, " in shown, "pixels give what their file gives"
    assert "<th>backbone</th>" in shown
