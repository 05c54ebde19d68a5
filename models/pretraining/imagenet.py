"""ImageNet weights: those timm publishes for a backbone, its stem adapted to the bands.

Without network: put each backbone's `model.safetensors` from its hub repository into one folder,
named after timm's weights, and name the folder in the sweep:

    <folder>/resnet18.a1_in1k.safetensors
    <folder>/efficientnet_b0.ra_in1k.safetensors
    <folder>/vit_tiny_patch16_224.augreg_in21k_ft_in1k.safetensors
    <folder>/swin_tiny_patch4_window7_224.ms_in1k.safetensors

`WeightsUnavailableError` names file and folder for any other.
"""

from functools import partial
from pathlib import Path
from typing import Any

import timm
from torch import nn

from models.backbones import source_and_name
from models.backbones.source import DEFAULT
from models.backbones.timm import published, usual_weights
from models.pretraining.audit import Audit
from models.pretraining.checkpoint import HUB_FILE, load_checkpoint
from models.pretraining.hub import HubUnreachableError, WeightsUnavailableError, from_hub
from models.pretraining.stage import Request, Stage, file_parts


def imagenet_stage(request: Request) -> Stage:
    """The stage of a backbone."""
    source, name = source_and_name(request.backbone)
    if source.name != DEFAULT:
        raise WeightsUnavailableError(
            f"ImageNet weights are timm's, and {request.backbone} is not: choose `default`, or "
            f"{source.name}:NAME"
        )
    file = locate(name, request.options.folder)
    return Stage(
        "imagenet",
        request.title(request.name),
        request.backbone,
        file_parts(request, "imagenet", file),
        request.data,
        load=partial(_load, file),
        published=published(name).get(usual_weights(name)),
    )


def _load(file: Path, stage: Stage, network: nn.Module) -> Audit:
    return load_imagenet(network, file, rgb=stage.data.rgb)


def locate(backbone: str, folder: Path | None) -> Path:
    """The file of timm's weights for `backbone`: in `folder`, in the hub's cache, or downloaded.

    Raises:
        WeightsUnavailableError: at none of these; says which file to put where.
    """
    published = timm.get_pretrained_cfg(backbone)
    if published is None or not published.hf_hub_id:
        raise WeightsUnavailableError(f"timm publishes no pretrained weights for {backbone}")
    name = f"{published.architecture}.{published.tag}"
    if folder is not None and (folder / f"{name}.safetensors").is_file():
        return folder / f"{name}.safetensors"
    filename = published.hf_hub_filename or HUB_FILE
    repository, usual = published.hf_hub_id, f"timm/{name}"
    try:
        return from_hub(repository, filename)
    except HubUnreachableError as error:
        raise WeightsUnavailableError(
            "the ImageNet weights are not on this machine, and the Hugging Face hub cannot be "
            "reached",
            _remedy(folder, filename),
            name if repository == usual else f"{name} (from {repository})",
        ) from error
    except WeightsUnavailableError as error:
        where = folder or "the folder that weights.imagenet.folder names"
        raise WeightsUnavailableError(
            f"{error}; put {repository}'s {filename} as {name}.safetensors into {where}"
        ) from error


def _remedy(folder: Path | None, filename: str) -> str:
    where = folder or "one folder here, and add weights.imagenet.folder=FOLDER to the command"
    return (
        f"on a machine with a network, download {filename} of timm/NAME from the hub, and save it "
        f"as NAME.safetensors in {where}; NAME"
    )


def load_imagenet(network: nn.Module, path: Path, *, rgb: tuple[int, int, int] | None) -> Audit:
    """Lay timm's weights from `path` on `network`, in place; errors as `load_checkpoint`."""
    published: Any = network.pretrained_cfg
    title = f"{published['architecture']}.{published['tag']}"
    return load_checkpoint(network, path, rgb=rgb, made_for_rgb=True, source=title)
