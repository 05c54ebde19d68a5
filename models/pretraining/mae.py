"""Masked-image modelling: initial weights from the images alone, no labels used.

A plain ViT encodes the visible patches only, and a light decoder restores the rest (He et al.
2022, "Masked Autoencoders Are Scalable Vision Learners"). Networks that need a whole image see
one with masked cells and restore these (Xie et al. 2022, "SimMIM: A Simple Framework for Masked
Image Modeling").
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from timm.layers import build_sincos2d_pos_embed
from torch import Tensor, nn

from datasets import open_split
from datasets.seen import with_all_images
from models.backbones import Backbone
from models.pretraining.options import MaeOptions
from models.pretraining.shuffled import Shuffled
from models.pretraining.stage import Request, Resume, Stage, Trained
from models.pretraining.training import (
    Recipe,
    StageEpoch,
    deepest_map,
    deepest_stride,
    run_epochs,
)

DECODER_WIDTH, DECODER_HEADS, DECODER_BLOCKS = 192, 6, 2
CELL = 32  # pixels; the stride of the deepest map, so that each of its positions is masked or not


def mae_stage(request: Request) -> Stage:
    """The stage of a backbone."""
    images = with_all_images(request.data)  # no labels are used: a share of them is none of these
    parts = request.trained_parts("mae", request.options, images)
    return Stage("mae", request.title("mae"), request.backbone, parts, images, train=train_mae)


def train_mae(stage: Stage, device: torch.device, _cache: Path, resume: Resume) -> Trained:
    """Train the stage's backbone on its data."""
    parts = stage.parts
    options = MaeOptions(**parts["recipe"])
    torch.manual_seed(parts["seed"])
    backbone = stage.new_backbone()
    training = Shuffled(
        *(open_split(stage.data, "train"), options.batch_size, parts["seed"]),
        *(stage.image_size, device),
    )
    epochs = pretrain(
        backbone,
        training.images,
        training.recipe(parts["epochs"], options.lr),
        mask_ratio=options.mask_ratio,
        device=device,
        resume=resume,
    )
    return Trained(backbone.network, epochs)


def pretrain(
    backbone: Backbone,
    images: Callable[[int], Iterable[Tensor]],
    recipe: Recipe,
    *,
    mask_ratio: float,
    device: torch.device,
    resume: Mapping[str, Any] | None = None,
) -> Iterator[StageEpoch]:
    """Train `backbone.network` in place to restore what is masked.

    Args:
        backbone: any; is moved to `device`. Its pyramid, if it has one, is not trained.
        images: gives an epoch's standardised batches [B, C, S, S], float32; NaN in
            pixels that hold no data: they are shown as 0, and need not be restored.
        recipe: seeds torch's global generator, which masks and dropout draw from.
        mask_ratio: share of an image that is masked, 0 to 1 exclusive; 0.75 is He's for ViT,
            0.6 Xie's for the others.
        device: where to train.
        resume: the state of an earlier epoch, see `run_epochs`.

    Yields:
        "epoch", "loss", "seconds": the loss is the mean squared error of patches normalised
        each by itself for ViT, and the mean absolute error of pixels otherwise.
    """
    torch.manual_seed(recipe.seed)
    kind = VisiblePatches if encodes_visible_patches(backbone.network) else MaskedCells
    model = kind(backbone)

    def losses(batch: Tensor) -> dict[str, Tensor]:
        visible = random_subset(len(batch), model.positions, 1 - mask_ratio)
        return {"loss": model(batch.to(device), visible.to(device))}

    yield from run_epochs(model, images, losses, recipe, device, resume)


def random_subset(rows: int, length: int, share: float) -> Tensor:
    """For each row another random choice of positions: int64 [rows, K], K = share · length.

    K is at least 1 and at most `length` - 1, so that something is kept and something left out.
    """
    kept = min(max(round(share * length), 1), length - 1)
    return torch.rand(rows, length).argsort(dim=1)[:, :kept]


def encodes_visible_patches(network: nn.Module) -> bool:
    """Whether timm's network takes a choice of patches after adding their positions."""
    positions = getattr(network, "pos_embed", None)
    return (
        isinstance(getattr(network, "patch_drop", None), nn.Module)
        and isinstance(positions, Tensor)
        and positions.ndim == 3
        and hasattr(network, "num_prefix_tokens")
    )


class VisiblePatches(nn.Module):
    """A ViT that encodes only visible patches, with a light decoder that restores the others.

    Attributes:
        positions: number of patches N of an image.
    """

    encoder: Any
    where: Tensor

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.encoder = backbone.network
        self.patch: int = self.encoder.patch_embed.patch_size[0]
        side = backbone.image_size // self.patch
        self.positions = side**2
        self.entry = nn.Sequential(
            nn.LayerNorm(self.encoder.embed_dim), nn.Linear(self.encoder.embed_dim, DECODER_WIDTH)
        )
        self.hidden = nn.Parameter(torch.zeros(DECODER_WIDTH))
        self.register_buffer("where", build_sincos2d_pos_embed([side, side], DECODER_WIDTH))
        block = nn.TransformerEncoderLayer(
            DECODER_WIDTH,
            DECODER_HEADS,
            dim_feedforward=4 * DECODER_WIDTH,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.decoder = nn.TransformerEncoder(block, DECODER_BLOCKS, enable_nested_tensor=False)
        self.exit = nn.Sequential(
            nn.LayerNorm(DECODER_WIDTH), nn.Linear(DECODER_WIDTH, backbone.bands * self.patch**2)
        )

    def forward(self, images: Tensor, visible: Tensor) -> Tensor:
        """Images [B, C, S, S] and the patches to show [B, K] → mean squared error of the others."""
        images, known = known_pixels(images)
        shown = self.entry(self.encode(images, visible))
        index = visible.unsqueeze(-1).expand(-1, -1, DECODER_WIDTH)
        hidden = self.hidden.to(shown.dtype).expand(len(images), self.positions, -1)
        painted = self.exit(self.decoder(hidden.scatter(1, index, shown) + self.where))
        masked = torch.ones(len(images), self.positions, dtype=torch.bool, device=images.device)
        masked.scatter_(1, visible, False)
        wanted = normalized_patches(images, self.patch)
        if known is None:
            return F.mse_loss(painted[masked].float(), wanted[masked])
        counted = masked[..., None] & patches(known, self.patch)
        return _mean((painted.float() - wanted) ** 2, counted)

    def encode(self, images: Tensor, visible: Tensor) -> Tensor:
        """Features [B, K, D] of the patches `visible` [B, K]; the others are never computed.

        timm's ViT may drop patches between position embedding and blocks (`patch_drop`): the
        choice is made there, class and register tokens kept.
        """
        prefix = self.encoder.num_prefix_tokens

        def keep_visible(_module: nn.Module, _inputs: tuple[Tensor, ...], tokens: Tensor) -> Tensor:
            index = visible.unsqueeze(-1).expand(-1, -1, tokens.shape[-1])
            return torch.cat([tokens[:, :prefix], tokens[:, prefix:].gather(1, index)], dim=1)

        hook = self.encoder.patch_drop.register_forward_hook(keep_visible)
        try:
            (tokens,) = self.encoder.forward_intermediates(
                images, indices=1, output_fmt="NLC", intermediates_only=True
            )
        finally:
            hook.remove()
        return tokens


class MaskedCells(nn.Module):
    """Any backbone that sees images with masked cells and restores these from its deepest map.

    Attributes:
        positions: number of cells N of an image, each 32 × 32 pixels.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.encoder = backbone
        self.side = backbone.image_size // CELL
        self.positions = self.side**2
        self.hidden = nn.Parameter(torch.zeros(backbone.bands, 1, 1))
        self.stride = deepest_stride(backbone)
        self.exit = nn.Conv2d(backbone.channels[-1], backbone.bands * self.stride**2, 1)

    def forward(self, images: Tensor, visible: Tensor) -> Tensor:
        """Images [B, C, S, S] and the cells to show [B, K] → mean absolute error of the others."""
        images, known = known_pixels(images)
        cells = torch.ones(len(images), self.positions, dtype=torch.bool, device=images.device)
        cells = cells.scatter(1, visible, False).view(-1, 1, self.side, self.side)
        masked = cells.repeat_interleave(CELL, dim=2).repeat_interleave(CELL, dim=3)
        features = deepest_map(self.encoder, torch.where(masked, self.hidden, images))
        painted = F.pixel_shuffle(self.exit(features), self.stride).float()
        masked = masked.expand_as(images)
        if known is None:
            return F.l1_loss(painted[masked], images[masked])
        return _mean((painted - images).abs(), masked & known)


def normalized_patches(images: Tensor, patch: int) -> Tensor:
    """Images [B, C, S, S] → patches [B, N, C · patch²], each of mean 0 and variance 1."""
    values = patches(images, patch)
    return F.layer_norm(values, values.shape[-1:])


def patches(images: Tensor, patch: int) -> Tensor:
    """Images [B, C, S, S] → patches [B, N, C · patch²]."""
    return F.pixel_unshuffle(images, patch).flatten(2).transpose(1, 2)


def known_pixels(images: Tensor) -> tuple[Tensor, Tensor | None]:
    """Images [B, C, S, S] with 0 for NaN, and where they held numbers; None: everywhere."""
    known = ~images.isnan()
    if known.all():
        return images, None
    return images.nan_to_num(0), known


def _mean(errors: Tensor, counted: Tensor) -> Tensor:
    """Mean of the errors that count; 0 if none does."""
    return (errors * counted).sum() / counted.sum().clamp(min=1)
