"""detectron2 as an engine: the same boxes in and out as torchvision's head, and it learns."""

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.roi_heads import fastrcnn_loss

from datasets.batches import Batch
from models.backbones import Backbone
from models.heads.detectron2_detector import Detectron2Detector, EngineMissingError, check_engine
from models.heads.faster_rcnn import FASTER_RCNN_LOSSES, FasterRCNNDetector
from models.heads.options import FasterRCNNOptions
from models.heads.torchvision_detector import anchor_sizes
from models.model import Classes, Model
from models.tasks.detection import score_detector

needs_detectron2 = pytest.mark.skipif(
    importlib.util.find_spec("detectron2") is None,
    reason="detectron2 is not installed: it is optional and built from source",
)

SIDE = 64
KINDS = Classes(("low", "tall"), (), ())


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def batch() -> Batch:
    """Two images of noise, each with a bright rectangle: a low one and a tall one."""
    images = 0.2 * torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    images[0, :, 10:30, 8:44] += 2
    images[1, :, 20:60, 30:46] += 2
    return Batch(
        images=images,
        masks=torch.zeros(2, SIDE, SIDE, dtype=torch.uint8),
        boxes=[torch.tensor([[8.0, 10, 44, 30]]), torch.tensor([[30.0, 20, 46, 60]])],
        labels=[torch.tensor([1]), torch.tensor([2])],
        names=["low", "tall"],
        sizes=np.full((2, 2), SIDE),
        footprints=None,
    )


def detector(head: Callable[..., Model] = Detectron2Detector, bands: int = 3) -> Model:
    torch.manual_seed(0)
    return head(Backbone("test_resnet", bands, SIDE), KINDS, FasterRCNNOptions())


def trained(model: Model, batch: Batch, steps: int) -> Model:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        torch.stack(list(model.losses(batch).values())).sum().backward()
        optimizer.step()
    return model.eval()


def test_without_detectron2_an_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "detectron2"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "detectron2", None)
    with pytest.raises(EngineMissingError, match=r"build it from source .*INSTALL\.md"):
        check_engine()
    with pytest.raises(EngineMissingError, match="detectron2 cannot be imported"):
        detector()


@needs_detectron2
def test_it_overfits_two_images(batch: Batch) -> None:
    model = trained(detector(), batch, 60)
    scores = score_detector(model, [batch], torch.device("cpu"), KINDS.names).metrics
    assert scores["AP50"] == 1.0
    for found, boxes, labels in zip(
        model.predict(batch.images), batch.boxes, batch.labels, strict=True
    ):
        assert found["scores"][0] > 0.5
        assert found["labels"][0] == labels[0]
        assert (found["boxes"][0] - boxes[0]).abs().max() < 4


@needs_detectron2
def test_both_engines_have_the_same_inputs_and_outputs(batch: Batch) -> None:
    """Losses by name, unweighted scalars, near each other at the start; predictions of one form."""
    ours, theirs = detector(Detectron2Detector), detector(FasterRCNNDetector)
    losses, reference = ours.losses(batch), theirs.losses(batch)
    assert set(losses) == set(reference) == set(FASTER_RCNN_LOSSES)
    for name in ("rpn_objectness", "roi_class"):  # ln 2 and ln 3, before training
        expected = reference[name].detach()
        torch.testing.assert_close(losses[name].detach(), expected, rtol=0.15, atol=0)
    assert all(loss.shape == () and loss.requires_grad for loss in losses.values())
    for found, expected in zip(
        ours.eval().predict(batch.images), theirs.eval().predict(batch.images), strict=True
    ):
        assert set(found) == set(expected) == {"boxes", "scores", "labels"}
        for key, values in expected.items():
            assert found[key].dtype == values.dtype and found[key].ndim == values.ndim
            assert not found[key].requires_grad


@needs_detectron2
def test_both_engines_have_as_many_parameters() -> None:
    """Except that torchvision regresses boxes of the background: 4 · 513 parameters."""
    ours, theirs = (
        sum(p.numel() for p in detector(head).parameters())
        for head in (Detectron2Detector, FasterRCNNDetector)
    )
    assert theirs - ours == 4 * 513


@needs_detectron2
def test_images_without_objects_and_many_bands_train_and_predict(batch: Batch) -> None:
    empty = replace(
        batch,
        images=torch.randn(2, 5, SIDE, SIDE),
        boxes=[torch.zeros(0, 4)] * 2,
        labels=[torch.zeros(0, dtype=torch.int64)] * 2,
    )
    model = trained(detector(bands=5), empty, 2)
    assert torch.isfinite(torch.stack(list(model.train().losses(empty).values()))).all()
    assert model.backbone.bands == 5
    for found in model.eval().predict(empty.images):
        assert found["boxes"].shape == (len(found["scores"]), 4)


@needs_detectron2
def test_weights_that_are_not_finite_give_losses_that_are_not(batch: Batch) -> None:
    """The training loop ends such a trial by its loss; an exception would end the worker."""
    model = detector()
    with torch.no_grad():
        next(model.parameters()).fill_(torch.nan)
    loss = torch.stack(list(model.train().losses(batch).values())).sum()
    loss.backward()
    assert loss.isnan()


@needs_detectron2
def test_anchors_are_those_of_torchvisions_head_apart_from_rounding(batch: Batch) -> None:
    ours, theirs = detector(Detectron2Detector), detector(FasterRCNNDetector)
    maps = [torch.zeros(1, 1, SIDE // stride, SIDE // stride) for stride in (4, 8, 16, 32, 64)]
    generated: list[Tensor] = [
        boxes.tensor for boxes in ours.network.proposal_generator.anchor_generator(maps)
    ]
    images = type("Images", (), {"tensors": batch.images, "image_sizes": [(SIDE, SIDE)]})()
    (expected,) = theirs.network.rpn.anchor_generator(images, maps)
    assert (torch.cat(generated) - expected).abs().max() <= 0.5
    assert (generated[0][1, 2:] - generated[0][1, :2]).tolist() == [anchor_sizes(SIDE)[0][0]] * 2


@needs_detectron2
def test_both_engines_have_the_same_settings() -> None:
    ours, theirs = detector(Detectron2Detector).network, detector(FasterRCNNDetector).network
    rpn, reference = ours.proposal_generator, theirs.rpn
    sampler = reference.fg_bg_sampler
    assert rpn.batch_size_per_image == sampler.batch_size_per_image
    assert rpn.positive_fraction == sampler.positive_fraction
    assert rpn.nms_thresh == reference.nms_thresh
    for training in (True, False):
        key = "training" if training else "testing"
        assert rpn.pre_nms_topk[training] == reference._pre_nms_top_n[key]
        assert rpn.post_nms_topk[training] == reference._post_nms_top_n[key]
    heads, reference = ours.roi_heads, theirs.roi_heads
    sampler = reference.fg_bg_sampler
    assert heads.batch_size_per_image == sampler.batch_size_per_image
    assert heads.positive_fraction == sampler.positive_fraction
    assert heads.box_predictor.test_score_thresh == reference.score_thresh
    assert heads.box_predictor.test_nms_thresh == reference.nms_thresh
    assert heads.box_predictor.test_topk_per_image == reference.detections_per_img
    groups = [
        {m.num_groups for m in net.modules() if isinstance(m, nn.GroupNorm)}
        for net in (ours.backbone, theirs.backbone.fpn)
    ]
    assert groups[0] == groups[1]


@needs_detectron2
def test_both_engines_have_the_same_loss_for_the_same_outputs() -> None:
    """torchvision's background is class 0, detectron2's the last, without a box of its own."""
    from detectron2.structures import Boxes, Instances
    from detectron2.utils.events import EventStorage

    generator = torch.Generator().manual_seed(0)
    corners = 30 * torch.rand(8, 2, generator=generator)
    regions = torch.cat([corners, corners + 10], dim=1)
    truths = regions + 3 * torch.rand(8, 4, generator=generator)
    logits, deltas = (torch.randn(8, n, generator=generator) for n in (3, 8))
    labels = torch.tensor([1, 2, 0, 1, 0, 2, 2, 0])
    sampled = Instances((SIDE, SIDE), proposal_boxes=Boxes(regions), gt_boxes=Boxes(truths))
    sampled.gt_classes = (labels - 1) % 3
    with EventStorage():
        found = detector().network.roi_heads.box_predictor.losses((logits, deltas), [sampled])
    targets = BoxCoder((10.0, 10.0, 5.0, 5.0)).encode([truths], [regions])
    expected = fastrcnn_loss(
        logits.roll(1, dims=1), torch.cat([torch.zeros(8, 4), deltas], 1), [labels], targets
    )
    torch.testing.assert_close((found["loss_cls"], found["loss_box_reg"]), expected)


@needs_detectron2
def test_a_detectron2_configuration_can_name_a_timm_backbone() -> None:
    from detectron2.config import CfgNode, get_cfg
    from detectron2.modeling import build_backbone

    import models.heads.detectron2_network  # noqa: F401

    cfg = get_cfg()
    cfg.MODEL.BACKBONE.NAME = "TimmFeatures"
    cfg.MODEL.TIMM = CfgNode({"NAME": "test_resnet", "IMAGE_SIZE": SIDE})
    features = build_backbone(cfg)
    shapes = features.output_shape()
    assert [shape.stride for shape in shapes.values()] == [4, 8, 16, 32]
    for name, found in features(torch.zeros(1, 3, SIDE, SIDE)).items():
        side = SIDE // shapes[name].stride
        assert found.shape == (1, shapes[name].channels, side, side)


WORK = f"""
import torch
from models.backbones import Backbone
from models.heads.detectron2_detector import Detectron2Detector
from models.model import Classes
from models.heads.options import FasterRCNNOptions
one = Classes(("one",), (), ())
model = Detectron2Detector(Backbone("test_resnet", 3, {SIDE}), one, FasterRCNNOptions())
model.eval().predict(torch.zeros(1, 3, {SIDE}, {SIDE}))
"""


@needs_detectron2
def test_it_prints_nothing() -> None:
    """In a process of its own, because PyTorch warns only once a process."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", WORK], cwd=root, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
