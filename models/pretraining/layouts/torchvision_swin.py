"""torchvision's Swin V2, in which torchgeo keeps the weights of SatlasPretrain.

    features.0.0, features.0.2   patch_embed.proj, patch_embed.norm
    features.1.B.…               layers.0.blocks.B.…
    features.2.…                 layers.1.downsample.…, and so on: odd stages, even mergings

Of the bias of queries, keys and values torchvision holds the keys' at zero, and timm does not have
it. timm's swinv2_*_window8_256 then compute the same, on images of 256 px or a multiple: where a
map is smaller than a window, timm shrinks the window and torchvision pads the map.

Liu et al. 2022, "Swin Transformer V2"; Bastani et al. 2023, "SatlasPretrain".
"""

from collections.abc import Iterator, Mapping

from torch import Tensor, nn

from models.pretraining.layouts.translation import Translation, find_root, under

FIRST = {"0": "patch_embed.proj", "2": "patch_embed.norm"}
PARTS = {"mlp.0": "mlp.fc1", "mlp.3": "mlp.fc2"}
"""torchvision's name of a layer in a block → timm's, where they differ."""

COMPUTED = ("relative_coords_table", "relative_position_index")
"""Tensors that follow from the size of the windows; every network makes its own."""


def translate(network: nn.Module, tensors: Mapping[str, Tensor]) -> Translation | None:
    """A torchvision Swin V2 under timm's names."""
    del network
    root = find_root(tensors, "features.0.0.weight", "features.1.0.attn.logit_scale")
    if root is None:
        return None
    inside, outside = under(tensors, root)
    state = {
        timms: part
        for name, tensor in inside.items()
        if not name.endswith(COMPUTED)
        for timms, part in _timm_tensors(name, tensor)
    }
    return Translation(state, "torchvision's Swin V2", outside)


def _timm_tensors(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    timms = _timm_name(name)
    if timms.endswith("attn.qkv.bias"):
        queries, _, values = tensor.chunk(3)
        yield timms.replace("qkv.bias", "q_bias"), queries
        yield timms.replace("qkv.bias", "v_bias"), values
    else:
        yield timms, tensor


def _timm_name(name: str) -> str:
    if not name.startswith("features."):
        return name
    _, place, inner = name.split(".", maxsplit=2)
    stage, is_merging = divmod(int(place) + 1, 2)
    if place == "0":
        layer, kind = inner.split(".")
        return f"{FIRST[layer]}.{kind}"
    if is_merging:
        return f"layers.{stage}.downsample.{inner}"
    block, layer_and_kind = inner.split(".", maxsplit=1)
    layer, kind = layer_and_kind.rsplit(".", maxsplit=1)
    return f"layers.{stage - 1}.blocks.{block}.{PARTS.get(layer, layer)}.{kind}"
