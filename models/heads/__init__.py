"""Heads: what turns a backbone's features into a model.

Adding a head is a `Model` in a file here, and its line in `HEADS`. Options of its own stand beside
it; in a file without torch, such as `hypercolumn/options.py`, they are known sooner.
"""

from pydantic.fields import FieldInfo

from models.heads.head import Head
from models.heads.hypercolumn.options import HypercolumnOptions
from models.heads.options import (
    ClassifierOptions,
    FasterRCNNOptions,
    FCOSOptions,
    MaskRCNNOptions,
    MLPOptions,
    RetinaNetOptions,
    SegmenterOptions,
)
from models.metrics.average_precision import MASK_METRICS

HEADS: dict[str, dict[str, Head]] = {
    "detection": {
        "faster_rcnn": Head("models.heads.faster_rcnn:FasterRCNNDetector", FasterRCNNOptions),
        "faster_rcnn_detectron2": Head(
            "models.heads.detectron2_detector:Detectron2Detector", FasterRCNNOptions
        ),
        "mask_rcnn": Head(
            "models.heads.mask_rcnn:MaskRCNNDetector",
            MaskRCNNOptions,
            needs="masks",
            metrics=tuple(MASK_METRICS),
        ),
        "retinanet": Head("models.heads.retinanet:RetinaNetDetector", RetinaNetOptions),
        "fcos": Head("models.heads.fcos:FCOSDetector", FCOSOptions),
    },
    "segmentation": {
        "fpn": Head("models.heads.segmenters:FPN", SegmenterOptions),
        "unet": Head("models.heads.segmenters:UNet", SegmenterOptions),
        "upernet": Head("models.heads.segmenters:UPerNet", SegmenterOptions),
        "deeplabv3plus": Head("models.heads.segmenters:DeepLabV3Plus", SegmenterOptions),
        "segformer": Head("models.heads.segmenters:SegFormer", SegmenterOptions),
        "dpt": Head("models.heads.segmenters:DPT", SegmenterOptions),
        "linear": Head("models.heads.linear:LinearProbe", SegmenterOptions),
        "xdxd_unet": Head("models.heads.xdxd_unet:XDXDUNet", SegmenterOptions),
        "hypercolumn": Head("models.heads.hypercolumn.elements:hypercolumn", HypercolumnOptions),
    },
    "classification": {
        "linear": Head("models.heads.classifiers:Linear", ClassifierOptions),
        "mlp": Head("models.heads.classifiers:MLP", MLPOptions),
    },
}
"""By task and name; the first of a task is its default."""


def options_by_name(heads: dict[str, dict[str, Head]]) -> dict[str, FieldInfo]:
    """The options of all heads by name.

    Raises:
        TypeError: two heads have options of one name and of different types: a sweep file, where
            options of all heads stand side by side, could not be checked.
    """
    found: dict[str, FieldInfo] = {}
    for of_task in heads.values():
        for head_name, head in of_task.items():
            for name, field in head.options.model_fields.items():
                other = found.setdefault(name, field)
                if (field.annotation, field.metadata) != (other.annotation, other.metadata):
                    raise TypeError(
                        f"option '{name}' of head '{head_name}' has another type than that of "
                        "another head: rename it"
                    )
    return found


HEAD_OPTIONS = options_by_name(HEADS)
"""Settings that only some heads have."""
