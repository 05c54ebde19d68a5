"""Fewer bits are fewer bytes, and nearly the same answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasets import Prepared, open_split
from deploy.errors import ModelError
from deploy.trained import open_trained

runtime = pytest.importorskip("onnxruntime", reason="requirements-export.txt is not installed")


def test_half_and_int8_answer_nearly_as_the_original(
    run_on_sample: Callable[..., Any], tiny_data: Prepared, tmp_path: Path
) -> None:
    """And they keep the names of the classes."""
    from deploy.export.onnx_file import write_onnx
    from deploy.export.precisions import write_half, write_int8

    trained = open_trained(run_on_sample("segmentation").folder)
    images = np.asarray(open_split(tiny_data, "test").images[:8], dtype=np.float32)
    float32, half, int8 = (tmp_path / f"{name}.onnx" for name in ("float32", "half", "int8"))
    write_onnx(trained, float32)
    write_half(float32, half, images[:1])
    write_int8(float32, int8, images[:1], images)
    expected = np.stack([one["probabilities"].numpy() for one in trained.find(images)])
    for file, share, apart in ((half, 0.6, 0.001), (int8, 0.4, 0.03)):
        assert file.stat().st_size < share * float32.stat().st_size
        session = runtime.InferenceSession(file)
        (found,) = session.run(None, {"images": images})
        assert 0 < np.abs(found - expected).mean() < apart
        described = session.get_modelmeta().custom_metadata_map
        assert json.loads(described["classes"]) == ["background", "landslide", "water"]


def test_a_graph_that_cannot_be_converted_leaves_no_file(tmp_path: Path) -> None:
    import onnx

    from deploy.export.precisions import write_half

    wrong = onnx.helper.make_node("Conv", ["images", "nowhere"], ["found"], name="wrong")
    sides = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 8, 8])
        for name in ("images", "found")
    ]
    graph = onnx.helper.make_graph([wrong], "graph", sides[:1], sides[1:])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "model.onnx")
    with pytest.raises(ModelError, match=r"onnxruntime cannot convert this graph \(.*nowhere"):
        write_half(tmp_path / "model.onnx", tmp_path / "half.onnx", np.zeros((1, 3, 8, 8)))
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
