"""What a frozen network gives for each image: computed once, and read by every trial like it.

A frozen network has no batch statistics, dropout or gradient: for an image that is not changed it
gives the same maps in every epoch and every trial. They are written once beside the decoded data,
in the type that the network gives them in (float32; on a GPU mostly bfloat16), so that nothing is
rounded. What is kept lies before the pyramid of a plain ViT, which is trained. Images go to the
head as always; only the network is left out.

A folder is found by a hash of the network's weights and of all that shapes the images. It holds,
for each split and map, `{split}.{map}`, a raw array [N, C, H, W], and one `features.json`. It may
be deleted at any time: it is made again.
"""

import json
import shutil
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.batches import Batch, batches
from datasets.cache import Split
from models.backbones import Backbone
from models.model import Model
from models.tensors import digest_of
from runs.digests import DamagedError, with_digest, without_digest
from runs.errors import EosweepError
from runs.folders import build_once

FEATURES_VERSION = 1  # part of every key: raise it when a network gives other maps than before
FEATURES, DESCRIPTION = "features", "features.json"
TOGETHER = 8
"""Images that go through the network at once."""

Feed = Callable[[Iterable[Batch]], Generator[Batch]]
"""What batches go through on their way to a model."""


class NoSpaceForFeaturesError(EosweepError):
    """The maps of all images do not fit the disk."""


@dataclass(frozen=True, eq=False)
class Level:
    """One map of every image of a split, memory-mapped.

    Attributes:
        stored: uint8 [N, bytes of an image].
        shape: (C, H, W).
    """

    stored: NDArray[np.uint8]
    shape: tuple[int, ...]
    dtype: torch.dtype

    def of(self, rows: NDArray[np.int64]) -> Tensor:
        """The maps [B, C, H, W] of the images `rows`."""
        return torch.from_numpy(self.stored[rows]).view(self.dtype).unflatten(1, self.shape)


Kept = Sequence[Level]
"""The maps of a split, in the order of `Backbone.network_maps`."""


def unfed(data: Iterable[Batch]) -> Generator[Batch]:
    """The batches as they are: the network runs."""
    yield from data


def feeding(backbone: Backbone, kept: Kept) -> Feed:
    """Batches as they are; while one is worked on, the network's maps are those that were kept."""

    def feed(data: Iterable[Batch]) -> Generator[Batch]:
        for batch in data:
            with backbone.answering(partial(_known, kept, batch.rows)):
                yield batch

    return feed


def _known(kept: Kept, rows: NDArray[np.int64] | None, images: Tensor) -> list[Tensor]:
    """The maps of the images `rows`, on the device of `images`, which are those."""
    if rows is None or len(images) != len(rows):
        raise ValueError("a backbone whose maps are known is asked for images of another batch")
    return [level.of(rows).to(images.device) for level in kept]


@dataclass(frozen=True)
class FeatureStore:
    """Where features are kept.

    Attributes:
        folder: of all networks.
        data: fingerprint of the data that the splits are of.
    """

    folder: Path
    data: str

    def of(
        self, model: Model, splits: Mapping[str, Split], device: torch.device
    ) -> dict[str, Kept]:
        """The maps of all images of `splits`, computed if nobody has before.

        Args:
            model: on `device`; the images reach its backbone as they do when it predicts.

        Raises:
            NoSpaceForFeaturesError: they are to be made and do not fit the disk.
            ReadOnlyError: they are to be made where nothing can be written.
        """
        parts = self._parts(model.backbone, splits, device)
        key = blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=8).hexdigest()
        folder = self.folder / f"{model.backbone.name.replace('/', '-')}-{key}"

        def build(target: Path) -> None:
            model.eval()
            levels = {
                name: _write(target, name, split, model, device) for name, split in splits.items()
            }
            content = {**parts, "levels": levels}
            (target / DESCRIPTION).write_text(with_digest(json.dumps(content, indent=1)))

        build_once(folder, lambda one: _opened(one, splits) is not None, build)
        kept = _opened(folder, splits)
        assert kept is not None
        return kept

    def _parts(
        self, backbone: Backbone, splits: Mapping[str, Split], device: torch.device
    ) -> dict[str, Any]:
        """All that shapes the maps, in JSON types; also the code, and on a CPU its threads.

        With another number of threads the last digits differ, and so a run would not be the same.
        """
        train = splits["train"]
        stretch = None if train.stretch is None else train.stretch.tolist()
        return {
            "version": FEATURES_VERSION,
            "libraries": {"timm": timm.__version__, "torch": torch.__version__},
            "device": device.type,
            "threads": torch.get_num_threads() if device.type == "cpu" else None,
            "backbone": backbone.name,
            "image_size": backbone.image_size,
            "weights": digest_of(backbone.network.state_dict()),
            "data": self.data,
            "standardised": [train.mean.tolist(), train.std.tolist(), stretch],
            "images": {name: list(split.images.shape) for name, split in splits.items()},
        }


def bytes_of_features(backbone: Backbone) -> int:
    """What the maps of one image take in float32; on the meta device nothing is computed."""
    device = next(backbone.parameters()).device
    size = backbone.image_size
    with torch.no_grad():
        maps = backbone.eval().network_maps(torch.zeros(1, backbone.bands, size, size).to(device))
    return sum(one.numel() * one.element_size() for one in maps)


def bytes_kept(store: FeatureStore) -> int:
    """What the features of some data take, of all networks."""
    found = 0
    for file in store.folder.glob(f"*/{DESCRIPTION}"):
        try:
            content = json.loads(without_digest(file.read_bytes()))
        except (ValueError, DamagedError):
            continue
        if content.get("data") == store.data:
            found += sum(one.stat().st_size for one in file.parent.iterdir())
    return found


def _write(
    folder: Path, name: str, split: Split, model: Model, device: torch.device
) -> list[dict[str, Any]]:
    """Write the maps of a split; gives each one's shape and type."""
    levels: list[dict[str, Any]] = []
    with ExitStack() as files:
        for batch in batches(split, TOGETHER, device=device):
            maps = _maps_of(model, batch.images)
            if not levels:
                _check_space(folder, maps, len(split))
                levels = [
                    {"shape": list(one.shape[1:]), "dtype": str(one.dtype).removeprefix("torch.")}
                    for one in maps
                ]
                opened = [
                    files.enter_context((folder / f"{name}.{level}").open("wb"))
                    for level in range(len(maps))
                ]
            for file, one in zip(opened, maps, strict=True):
                file.write(one.contiguous().view(torch.uint8).cpu().numpy().data)
    return levels


def _maps_of(model: Model, images: Tensor) -> list[Tensor]:
    """What the network gives while the model predicts: whatever the model does to images before."""
    backbone, heard = model.backbone, []

    def listen(images: Tensor) -> list[Tensor]:
        maps = backbone.network_maps(images)
        heard.append([one.clone() for one in maps])  # a head may overwrite what it is given
        return maps

    with torch.no_grad(), backbone.answering(listen):
        model.predict(images)
    (maps,) = heard
    return maps


def _check_space(folder: Path, maps: Sequence[Tensor], images: int) -> None:
    needed = sum(one[0].numel() * one.element_size() for one in maps) * images
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise NoSpaceForFeaturesError(
            f"the features of {images:,} images take {needed / 1e6:,.0f} MB, but {free / 1e6:,.0f} "
            f"MB are free in {folder.parent}: free some, name another folder with --cache DIR, or "
            "set keep_features: false"
        )


def _opened(folder: Path, splits: Mapping[str, Split]) -> dict[str, Kept] | None:
    """What a folder holds; None unless every file is there at its size."""
    try:
        content = json.loads(without_digest((folder / DESCRIPTION).read_bytes()))
        return {
            name: tuple(
                _level(folder / f"{name}.{number}", len(split), level)
                for number, level in enumerate(content["levels"][name])
            )
            for name, split in splits.items()
        }
    except (FileNotFoundError, ValueError, DamagedError):
        return None


def _level(file: Path, images: int, level: Mapping[str, Any]) -> Level:
    """A map of every image. ValueError: the file has another size."""
    dtype: torch.dtype = getattr(torch, level["dtype"])
    each = int(np.prod(level["shape"])) * dtype.itemsize
    if file.stat().st_size != images * each:
        raise ValueError(f"{file} is not whole")
    stored = np.memmap(file, np.uint8, "r", shape=(images, each))
    return Level(stored, tuple(level["shape"]), dtype)
