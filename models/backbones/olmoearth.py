"""OlmoEarth v1: transformers over space, time and sensors, of which Sentinel-2 is seen here.

Herzog et al. 2025, "OlmoEarth: Stable Latent Image Modeling for Multimodal Earth Observation",
arXiv:2511.13655. The twelve bands of surface reflectance are three groups of tokens, one for each
resolution, whose mean is a cell of a map. Patches are of 8 px, the largest that it was trained
with.

Later versions are built from files on the hub that are no weights, and are not known here. The
package, olmoearth-pretrain, is imported when a network is built.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from models.backbones.bands import Chosen
from models.backbones.features import BlockMaps, Features, as_map
from models.backbones.published import Published, unknown_licence
from models.backbones.source import Images, UnknownBackboneError
from runs.errors import did_you_mean

PATCH = 8
GROUPS = 3
BANDS = (
    *("blue", "green", "red", "nir"),
    *("rededge071", "rededge075", "rededge078", "nir08", "swir16", "swir22"),
    *("coastal", "nir09"),
)
"""In its order: those of 10, 20 and 60 m."""
DATE = (15, 6, 2024)
"""Day, month from 0 and year that it is told of every image: the middle of a northern summer."""
USUAL = "pretrained"
"""What the one set of weights of each is called: `olmoearth:pretrained`."""


class Size(NamedTuple):
    """A network: what its repository ends in, width, blocks, heads."""

    title: str
    width: int
    depth: int
    heads: int


KNOWN: dict[str, Size] = {
    "v1_nano": Size("Nano", 128, 4, 8),
    "v1_tiny": Size("Tiny", 192, 12, 3),
    "v1_base": Size("Base", 768, 12, 12),
    "v1_large": Size("Large", 1024, 24, 16),
}


def check(name: str) -> None:
    """A name is a version and a size."""
    if name not in KNOWN:
        hint = did_you_mean(name, KNOWN)
        raise UnknownBackboneError(f"olmoearth has no backbone '{name}' that is known here{hint}")


class OlmoEarth(BlockMaps):
    """Its encoder, of one image of Sentinel-2."""

    def __init__(self, model: Any, chosen: Chosen) -> None:
        super().__init__(model, "blocks", PATCH)
        self.chosen = chosen

    def run(self, images: Tensor) -> None:
        """All tokens are seen: `fast_pass` looks for no masked ones."""
        from olmoearth_pretrain.datatypes import MaskedOlmoEarthSample

        pixels = self.chosen(images).permute(0, 2, 3, 1).unsqueeze(3)
        sample = MaskedOlmoEarthSample(
            sentinel2_l2a=pixels,
            sentinel2_l2a_mask=pixels.new_zeros(*pixels.shape[:-1], GROUPS),
            timestamps=torch.tensor(DATE, device=images.device).expand(len(images), 1, -1),
        )
        self.model(sample, patch_size=PATCH, fast_pass=True)

    def to_map(self, tokens: Tensor, side: int) -> Tensor:
        """Tokens [B, side² · groups, D] → map [B, D, side, side], the mean of the groups."""
        return as_map(tokens.unflatten(1, (side**2, GROUPS)).mean(dim=2), side)


def build(name: str, images: Images) -> Features:
    """The images must have its twelve bands, see `missing_bands`."""
    from olmoearth_pretrain.nn.flexi_vit import EncoderConfig

    size = KNOWN[name]
    chosen = Chosen("OlmoEarth", BANDS, images)
    model = EncoderConfig(
        supported_modality_names=["sentinel2_l2a"],
        embedding_size=size.width,
        max_patch_size=PATCH,
        num_heads=size.heads,
        mlp_ratio=4.0,
        depth=size.depth,
        drop_path=0.1,
        max_sequence_length=12,
        use_linear_patch_embed=False,
    ).build()
    day, month, year = DATE
    note = f"of every image it is told the date {year}-{month + 1:02}-{day:02}"
    body = OlmoEarth(model, chosen)
    return Features(body, [PATCH] * 4, [size.width] * 4, (note,))


def usual_weights(name: str) -> str | None:
    """What `pretraining: default` means."""
    return USUAL if name in KNOWN else None


def published(name: str) -> dict[str, Published]:
    """The one set of weights. Its makers standardise each band by its own statistics."""
    title = f"OlmoEarth-v1-{KNOWN[name].title}"
    repository = f"allenai/{title}"
    licence = unknown_licence(repository)
    weights = Published(USUAL, repository, "weights.pth", None, licence, None, local=f"{title}.pth")
    return {USUAL: weights}
