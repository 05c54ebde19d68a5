"""Every precision is written, scored and measured, or the table says why not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from datasets import Prepared, open_split
from deploy.__main__ import main

pytest.importorskip("onnxruntime", reason="requirements-export.txt is not installed")


@pytest.mark.slow
@pytest.mark.parametrize("task", ["segmentation", "detection"])
def test_what_each_precision_costs_is_written_beside_it(
    run_on_sample: Callable[..., Any], tiny_data: Prepared, task: str, capsys: Any
) -> None:
    run = run_on_sample(task)
    assert main(["export", str(run.folder)]) == 0
    folder = run.folder / "export/000-test_resnet/onnx"
    compared = json.loads((folder / "comparison.json").read_text())
    variants = {one["name"]: one for one in compared["variants"]}
    assert variants.keys() == {
        "PyTorch float32",
        *(f"ONNX {p}" for p in ("float32", "half", "int8")),
    }
    assert compared["images"] == len(open_split(tiny_data, "test"))
    shown = capsys.readouterr().out
    for name, one in variants.items():
        assert name in shown
        if one["note"]:
            assert one["file"] is None and one["note"] in shown
            continue
        assert one["loss"] == variants["PyTorch float32"]["score"] - one["score"]
        assert one["latency_ms"] > 0
        assert one["memory_mb"] is None or one["memory_mb"] > 20
    assert variants["ONNX float32"]["loss"] == pytest.approx(0, abs=1e-6)
    assert {file.name for file in folder.iterdir()} == {
        "comparison.json",
        *(one["file"] for one in variants.values() if one["file"]),
    }


@pytest.mark.slow
def test_without_the_cache_the_table_says_what_is_missing(
    make_run: Callable[..., Any], tmp_path: Path, capsys: Any
) -> None:
    run = make_run()
    run.add("000-test_resnet", 0.5)
    assert main(["export", str(run.folder), "--out", str(tmp_path / "a/b")]) == 0
    shown = capsys.readouterr().out
    assert "no scores, because the cache of the data is gone" in shown
    assert "ONNX int8: it needs training images" in shown
    assert (tmp_path / "a/b/model.half.onnx").is_file()
    assert not (run.folder / "export").exists()
