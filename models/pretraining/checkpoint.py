"""Initial weights from a checkpoint: a local file or one on the hub, fitted and audited."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from torch import nn

from models.pretraining.audit import Audit, WeightsDoNotFitError, load_audited
from models.pretraining.files import read_tensors
from models.pretraining.hub import WeightsUnavailableError, from_hub
from models.pretraining.names import best_reading
from models.pretraining.options import Checkpoint, is_local
from models.pretraining.stage import Request, Stage, file_parts
from models.pretraining.stem import fit_stem, stem_names

HUB_FILE = "model.safetensors"


def checkpoint_stage(request: Request) -> Stage:
    """The stage of a backbone.

    Raises:
        WeightsUnavailableError: there is no such file, or it is of another backbone.
    """
    told: Checkpoint = request.options
    if told.backbone not in (None, request.backbone):
        raise WeightsUnavailableError(f"weights.checkpoints.{request.name} is of {told.backbone}")
    file = locate(told.file.format(backbone=request.slug))
    return Stage(
        "checkpoint",
        request.title(request.name),
        request.backbone,
        {**file_parts(request, "checkpoint", file), "stem_bands": told.bands},
        request.data,
        load=partial(_load, file),
    )


def _load(file: Path, stage: Stage, network: nn.Module) -> Audit:
    made_for = stage.parts["stem_bands"]
    return load_checkpoint(
        network,
        file,
        rgb=stage.data.rgb,
        bands=stage.data.bands,
        stem_bands=tuple(made_for) if made_for else None,
    )


def locate(path_or_hub_id: str) -> Path:
    """The file that a sweep names: a local path, or `owner/name[@revision][:file]` on the hub.

    Raises:
        WeightsUnavailableError: there is no such file, and it is not available from the hub.
    """
    path = Path(path_or_hub_id).expanduser()
    if path.is_file():
        return path
    repository, _, filename = path_or_hub_id.partition(":")
    if is_local(path_or_hub_id):
        raise WeightsUnavailableError(
            f"there is no checkpoint {path}; name an existing .safetensors or .pth file, "
            "or one on the hub as owner/name:file"
        )
    return from_hub(repository, filename or HUB_FILE)


def load_checkpoint(
    network: nn.Module,
    path: Path,
    *,
    rgb: tuple[int, int, int] | None,
    made_for_rgb: bool = False,
    bands: tuple[str, ...] | None = None,
    stem_bands: tuple[str, ...] | None = None,
    source: str | None = None,
) -> Audit:
    """Lay the weights of a file on `network`, in place.

    Args:
        network: a timm network, `Backbone.network`.
        path: from `locate`.
        rgb: positions of R, G, B among the network's bands; None if they are not all there.
        made_for_rgb: whether the weights are known to be of an RGB network. If not, a stem of
            three channels is adapted only where the network has another number of bands, and is
            else taken to be made for these three.
        bands: names of the network's bands; needed only beside `stem_bands`.
        stem_bands: names of the bands that the weights' stem was made for, by the same naming;
            filters are then picked by name.
        source: what messages call the weights; the file's name by default.

    Raises:
        WeightsUnavailableError: the file is not there, damaged, or could run code.
        WeightsDoNotFitError: less than 90 % of the network's tensors matched, or its stem did not:
            without the layer that sees the bands, those behind it are worth nothing. Or they are
            of a network that computes something else with tensors of the same names.
    """
    reading = best_reading(network, read_tensors(path))
    title = f"{source or path.name}{reading.place}"
    if reading.refusal:
        raise WeightsDoNotFitError(f"{title} does not fit: {reading.refusal}")
    state, adapted = fit_stem(
        network,
        reading.state,
        rgb=rgb,
        made_for_rgb=made_for_rgb,
        bands=bands,
        stem_bands=stem_bands,
        source=title,
    )
    audit = load_audited(network, state, source=title, essential=stem_names(network))
    return replace(
        audit,
        unexpected=audit.unexpected + reading.outside,
        resized=adapted + reading.resized,
    )
