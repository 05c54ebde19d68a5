"""ONNX: stored values go in, and what the original gives comes out, or nothing is written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from datasets import Prepared, open_split
from deploy.errors import ModelError
from deploy.export import onnx_file
from deploy.export.onnx_file import write_onnx
from deploy.forms import differences_of_objects
from deploy.trained import open_trained
from models.heads.hypercolumn.elements import SuperpixelExportError

onnx = pytest.importorskip("onnx", reason="requirements-export.txt is not installed")
runtime = pytest.importorskip("onnxruntime")


def test_a_segmenter_is_exported_with_its_normalisation(
    make_run: Callable[..., Any], prepare_sample: Callable[..., Prepared], tmp_path: Path
) -> None:
    """Compared on the cache's test images, and usable for any number of them."""
    data = prepare_sample((2.0, 98.0))
    split = open_split(data, "test")
    assert split.stretch is not None
    run = make_run(
        cache=str(data.folder),
        dtype=split.images.dtype.name,
        stretch=split.stretch.tolist(),
        mean=split.mean.tolist(),
        std=split.std.tolist(),
    )
    run.add("000-test_resnet", 0.5)
    trained = open_trained(run.folder)
    sentence = write_onnx(trained, tmp_path / "model.onnx")
    assert "on 8 test images: " in sentence
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    images = np.asarray(split.images[:3])
    (found,) = session.run(None, {"images": images.astype(np.float32)})
    expected = torch.stack([one["probabilities"] for one in trained.find(images)])
    assert np.allclose(found, expected, atol=1e-4)
    names = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    assert len(names) == found.shape[1], "a name for each channel"
    assert names == ["background", "landslide", "water"]


def test_a_classifier_is_exported_with_what_an_image_has(
    make_run: Callable[..., Any], tmp_path: Path
) -> None:
    run = make_run("classification")
    run.add("000-test_resnet", 0.5)
    trained = open_trained(run.folder)
    write_onnx(trained, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    images = np.random.default_rng(1).integers(0, 256, (3, 3, 32, 32), np.uint8)
    confidences, classes = session.run(
        ["confidences", "classes"], {"images": images.astype(np.float32)}
    )
    expected = trained.find(images)
    assert np.allclose(
        confidences, torch.stack([one["confidences"] for one in expected]), atol=1e-4
    )
    assert np.array_equal(classes, torch.stack([one["classes"] for one in expected]))
    names = json.loads(session.get_modelmeta().custom_metadata_map["classes"])
    assert names == ["landslide", "water"]


def test_a_detector_is_exported(make_run: Callable[..., Any], tmp_path: Path) -> None:
    run = make_run("detection")
    run.add("000-test_resnet", 0.5)
    trained = open_trained(run.folder)
    sentence = write_onnx(trained, tmp_path / "model.onnx")
    assert "on 8 random images (the cache is gone): " in sentence
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    images = np.random.default_rng(1).integers(0, 256, (1, 3, 32, 32), np.uint8)
    outputs = session.run(["boxes", "scores", "labels"], {"images": images.astype(np.float32)})
    (expected,) = trained.find(images)
    truth = [expected[name].numpy() for name in ("boxes", "scores", "labels")]
    assert all(value < 1e-3 for value in differences_of_objects(outputs, truth).values())


@pytest.mark.parametrize("head", ["mask_rcnn", "retinanet", "fcos"])
def test_boxes_of_other_detectors_are_exported(
    make_run: Callable[..., Any], tmp_path: Path, head: str
) -> None:
    run = make_run("detection")
    run.add("000-test_resnet", 0.5, head=head)
    trained = open_trained(run.folder)
    if head != "mask_rcnn":  # untrained, it finds nothing
        network: Any = trained.model.network
        nn.init.normal_(network.head.classification_head.cls_logits.weight, std=0.3)
    write_onnx(trained, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    images = np.random.default_rng(1).integers(0, 256, (1, 3, 32, 32), np.uint8)
    boxes, *_ = session.run(["boxes", "scores", "labels"], {"images": images.astype(np.float32)})
    assert len(boxes)


def test_an_export_that_differs_is_not_written(
    make_run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    run.add("000-test_resnet", 0.5)
    trained = open_trained(run.folder)
    convert = onnx_file._trace

    def brighter(module: Any, *rest: Any) -> None:
        module.normalisation.mean -= 5
        convert(module, *rest)
        module.normalisation.mean += 5

    monkeypatch.setattr(onnx_file, "_trace", brighter)
    with pytest.raises(ModelError, match=r"outputs are up to .* from those of the original"):
        write_onnx(trained, tmp_path / "model.onnx")
    assert not list(tmp_path.glob("*.onnx")) and not list(tmp_path.glob(".partial*"))


def test_a_head_that_cannot_be_exported_is_named(
    make_run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run()
    run.add("000-test_resnet", 0.5)
    trained = open_trained(run.folder)

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("no such operator\nand a page more")

    monkeypatch.setattr(torch.onnx, "export", refuse)
    with pytest.raises(ModelError, match=r"'fpn' over 'test_resnet' cannot .*\(no such operator"):
        write_onnx(trained, tmp_path / "model.onnx")


def test_a_head_that_reads_only_some_maps_is_exported(
    make_run: Callable[..., Any], tmp_path: Path
) -> None:
    """The others have no channels, which a graph cannot hold."""
    run = make_run()
    run.add("000-test_vit", 0.5, backbone="test_vit", head="linear")
    assert "random images" in write_onnx(open_trained(run.folder), tmp_path / "model.onnx")


def test_a_head_that_is_more_than_a_network_says_so(
    make_run: Callable[..., Any], tmp_path: Path
) -> None:
    """Its trace would be right for the traced images alone."""
    run = make_run()
    run.add("000-vgg11", 0.5, backbone="vgg11", head="hypercolumn", pixels="superpixels")
    with pytest.raises(SuperpixelExportError, match=r"pixels: superpixels cannot be exported"):
        write_onnx(open_trained(run.folder), tmp_path / "model.onnx")
    assert not list(tmp_path.glob("*.onnx")) and not list(tmp_path.glob(".partial*"))


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "PACKAGES", ("onnx", "onnx_of_another_world"))
    with pytest.raises(ModelError, match=r"needs onnx_of_another_world: pip install -r"):
        onnx_file.check_packages()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda b, s, k: (b + 0.05, s, k), {"score": 0, "box corner, px": 0.05}),
        (lambda b, s, k: (b[::-1], s[::-1], k[::-1]), {"score": 0, "box corner, px": 0}),
        (lambda b, s, k: (b, s - 0.01, k), {"score": 0.01, "box corner, px": 0}),
        (lambda b, s, k: (b[:1], s[:1], k[:1]), {"score": np.inf, "box corner, px": np.inf}),
        (lambda b, s, k: (b[:0], s[:0], k[:0]), {"score": np.inf, "box corner, px": np.inf}),
        (lambda b, s, k: (b, s, 1 + k), {"score": np.inf, "box corner, px": np.inf}),
    ],
)
def test_objects_are_compared_whatever_their_order(
    change: Callable[..., Any], expected: dict[str, float]
) -> None:
    objects = np.array([[0.0, 0, 5, 5], [9, 9, 12, 15]]), np.array([0.9, 0.8]), np.array([1, 2])
    found = differences_of_objects(list(change(*objects)), list(objects))
    assert found == pytest.approx(expected)
