"""timm's models: any that gives maps at strides 4 to 32, or at one stride that is a power of two.

Of a plain vision transformer, timm's own feature getter takes four blocks at even depths: it knows
the tokens of each family that are no patches, and the windows of others. Its patches, where their
side is no power of two (14 px in DINOv2, EVA-02, AIMv2, CLIP), are 16 px here, and pretrained
filters are resampled to that by the pseudo-inverse of the resizing (Beyer et al. 2023, "FlexiViT:
One Model for All Patch Sizes"), which timm does as it loads them.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import timm
import torch

from datasets.spectrum import band
from models.backbones.features import Features, evenly, nearest_patch, patch_note
from models.backbones.published import Published, Scale, unknown_licence
from models.backbones.source import Images, UnknownBackboneError
from runs.errors import did_you_mean


def check(name: str) -> None:
    """A name may end in a tag of pretrained weights: `resnet18.a1_in1k`."""
    model, dot, tag = name.partition(".")
    if not timm.is_model(model):
        hint = did_you_mean(model, timm.list_models())
        raise UnknownBackboneError(f"timm has no backbone '{name}'{hint}")
    tags = [known.partition(".")[2] for known in timm.list_pretrained(f"{model}.*")]
    if dot and tag not in tags:
        hint = did_you_mean(tag, tags)
        raise UnknownBackboneError(f"timm has no weights '{tag}' of {model}{hint}")


def build(name: str, images: Images) -> Features:
    """Any bands do: the first layer has as many channels."""
    strides, depth = _layout(name)
    options: dict[str, Any] = {}
    notes: tuple[str, ...] = ()
    if len(set(strides)) == 1:
        options["out_indices"] = evenly(depth)
        if not math.log2(strides[0]).is_integer():
            options["patch_size"] = nearest_patch(strides[0])
            notes = (patch_note(strides[0]),)
    body = _getter(name, len(images.bands), images.size, options)
    return Features(body, body.feature_info.reduction(), body.feature_info.channels(), notes)


def usual_weights(name: str) -> str:
    """The tag that the name ends in, or timm's first; empty where timm has no weights."""
    return name.partition(".")[2] or str(timm.get_pretrained_cfg_value(name, "tag") or "")


def published(name: str) -> dict[str, Published]:
    """All weights of a model, by tag."""
    model = name.partition(".")[0]
    names = timm.list_pretrained(f"{model}.*")
    return {full.partition(".")[2]: _published(full) for full in names}


def _published(name: str) -> Published:
    said: Any = timm.get_pretrained_cfg(name)
    repository = said.hf_hub_id or f"timm/{name}"
    rgb = tuple(map(band, ("red", "green", "blue")))
    bytes_ = (tuple(255 * value for value in part) for part in (said.mean, said.std))
    return Published(
        name=name.partition(".")[2],
        repository=repository,
        filename=said.hf_hub_filename or "model.safetensors",
        bands=rgb if said.input_size[0] == len(rgb) else None,
        licence=said.license or unknown_licence(repository),
        scale=Scale(*bytes_),
        local=f"{name}.safetensors",
    )


@lru_cache
def _layout(name: str) -> tuple[list[int], int]:
    """The strides of a network's maps, and how many there are before any is chosen."""
    with torch.device("meta"):  # its shapes, without its weights
        body = _getter(name, 3, 224, {})
    return body.feature_info.reduction(), len(body.model.feature_info)


def _getter(name: str, bands: int, image_size: int, options: Mapping[str, Any]) -> Any:
    """The bare timm network, returning NCHW maps; its `.model` has timm's own parameter names.

    Vision transformers and Swin are built for one `image_size`; timm refuses the argument for other
    models, so the model's own configuration decides.
    """
    fixed_size = bool(timm.get_pretrained_cfg_value(name, "fixed_input_size"))
    size = {"img_size": image_size} if fixed_size else {}
    return timm.create_model(
        name, features_only=True, feature_cls="getter", in_chans=bands, **size, **options
    )
