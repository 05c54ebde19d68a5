"""MAE's layout and its children of SatMAE: which of them a plain ViT can hold.

    MAE, SatMAE on RGB images   timm's own names beside a decoder (decoder_…, mask_token): held
    SatMAE, groups of channels  patch_embed.N.…, channel_embed: one token a patch and group
    SatMAE, time series         pos_embed narrower than a token: the rest of it is the date

The last two are networks that take other input than one image, or make other tokens of it; cut to
a plain ViT they would be something that nobody trained.

He et al. 2022, "Masked Autoencoders Are Scalable Vision Learners"; Cong et al. 2022, "SatMAE:
Pre-training Transformers for Temporal and Multi-Spectral Satellite Imagery".
"""

from collections.abc import Mapping

from torch import Tensor, nn

from models.pretraining.layouts.translation import Translation, find_root, under

INSTEAD = "; only SatMAE's weights for single RGB images fit one of timm's ViTs"


def translate(network: nn.Module, tensors: Mapping[str, Tensor]) -> Translation | None:
    """The two variants that no plain ViT can hold, each with the reason; None for the first."""
    del network
    if (root := find_root(tensors, "channel_embed", "patch_embed.0.proj.weight")) is not None:
        refusal = (
            "it is SatMAE's ViT over groups of channels, with a token for each patch and group "
            f"where a plain ViT has one for each patch{INSTEAD}"
        )
        return Translation(*_named(tensors, root), refusal)
    root = find_root(tensors, "cls_token", "pos_embed", "patch_embed.proj.weight")
    if root is None:
        return None
    token, position = tensors[f"{root}cls_token"], tensors[f"{root}pos_embed"]
    if position.shape[-1] >= token.shape[-1]:
        return None
    refusal = (
        f"it is SatMAE's ViT over time series, whose positions ({position.shape[-1]} of "
        f"{token.shape[-1]} channels) are completed by the date of each image{INSTEAD}"
    )
    return Translation(*_named(tensors, root), refusal)


def _named(
    tensors: Mapping[str, Tensor], root: str
) -> tuple[dict[str, Tensor], str, tuple[str, ...]]:
    inside, outside = under(tensors, root)
    return inside, "SatMAE", outside
