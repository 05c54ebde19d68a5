"""Weights that a backbone's own source publishes: `pretraining: SOURCE:NAME`, or `default`.

They are looked for in the folder `weights.default.folder`, by the name of their file, then in the
hub's cache, and are downloaded else. Their first layer is brought to the data's bands by what each
band measures, see `datasets.spectrum`.
"""

from functools import partial
from pathlib import Path

from torch import nn

from models.backbones import Source, source_and_name
from models.backbones.published import Published
from models.pretraining.audit import Audit
from models.pretraining.checkpoint import load_checkpoint
from models.pretraining.hub import WeightsUnavailableError, from_hub
from models.pretraining.options import DEFAULT_WEIGHTS
from models.pretraining.stage import Request, Stage, file_parts
from runs.errors import did_you_mean


def published_stage(request: Request) -> Stage:
    """The stage of a backbone.

    Raises:
        WeightsUnavailableError: its source has no such weights, or they are not available.
    """
    found = chosen(request.backbone, request.name)
    file = locate(found, request.options.folder)
    return Stage(
        "published",
        request.title(found.name),
        request.backbone,
        {**file_parts(request, "published", file), "spectrum": spectrum_parts(request, found)},
        request.data,
        load=partial(_load, file, found),
        published=found,
    )


def chosen(backbone: str, pretraining: str) -> Published:
    """The weights that `pretraining` means for a backbone.

    Raises:
        WeightsUnavailableError: there are none such.
    """
    source, own_name = source_and_name(backbone)
    name = _named(source, own_name, backbone, pretraining)
    known = source.library.published(own_name)
    if name not in known:
        hint = did_you_mean(name, known)
        raise WeightsUnavailableError(f"{source.name} has no weights '{name}' of {backbone}{hint}")
    return known[name]


def _named(source: Source, own_name: str, backbone: str, pretraining: str) -> str:
    if pretraining == DEFAULT_WEIGHTS:
        usual = source.library.usual_weights(own_name)
        if not usual:
            raise WeightsUnavailableError(f"{source.name} publishes no weights of {backbone}")
        return usual
    theirs, _, name = pretraining.partition(":")
    if theirs != source.name:
        raise WeightsUnavailableError(
            f"{pretraining} are weights of {theirs}'s backbones, and {backbone} is {source.name}'s"
        )
    return name


def locate(weights: Published, folder: Path | None) -> Path:
    """The file of weights: in `folder`, in the hub's cache, or downloaded.

    Raises:
        WeightsUnavailableError: at none of these; says which file to put where.
    """
    if folder is not None and (folder / weights.stored_as).is_file():
        return folder / weights.stored_as
    try:
        return from_hub(weights.repository, weights.filename)
    except WeightsUnavailableError as error:
        where = folder or "the folder that weights.default.folder names"
        raise WeightsUnavailableError(
            f"{error}; put its {weights.filename} as {weights.stored_as} into {where}"
        ) from error


def spectrum_parts(request: Request, weights: Published) -> list[str] | None:
    """By what the first layer's channels are picked: part of the key."""
    return None if weights.bands is None else [band.key for band in request.data.spectrum]


def _load(file: Path, weights: Published, stage: Stage, network: nn.Module) -> Audit:
    made_for = weights.bands
    return load_checkpoint(
        network,
        file,
        rgb=stage.data.rgb,
        bands=tuple(band.key for band in stage.data.spectrum),
        stem_bands=None if made_for is None else tuple(band.key for band in made_for),
        source=weights.name,
    )
