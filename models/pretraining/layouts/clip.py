"""CLIP's image encoders, as OpenAI and open_clip keep them; the text encoder is left out.

    ViT      visual.class_embedding, visual.conv1.weight, visual.transformer.resblocks.N.…
             → timm's vit_*_clip_*, which have the same norm before their blocks
    ResNet   visual.conv1.weight, visual.layer1.0.conv1.weight, visual.attnpool.…
             → timm's resnet*_clip*, which have the same stem of three convolutions

RemoteCLIP and GeoRSCLIP come in it too. Tensors do not tell which activation they were trained
with: OpenAI's is QuickGELU (vit_*_clip_quickgelu_*), open_clip's GELU unless a model's name says
otherwise. Only OpenAI's own files give themselves away.

Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision";
Ilharco et al. 2021, "OpenCLIP".
"""

from collections.abc import Mapping

from timm.layers.activations import QuickGELU
from torch import Tensor, nn

from models.pretraining.layouts.translation import Translation, find_root, under

PARTS = (
    ("conv1.", "patch_embed.proj."),
    ("ln_pre.", "norm_pre."),
    ("transformer.resblocks.", "blocks."),
    ("ln_1.", "norm1."),
    ("attn.in_proj_", "attn.qkv."),
    ("attn.out_proj.", "attn.proj."),
    ("ln_2.", "norm2."),
    ("mlp.c_fc.", "mlp.fc1."),
    ("mlp.c_proj.", "mlp.fc2."),
    ("ln_post.", "norm."),
)
"""CLIP's name of a part of a ViT → timm's."""

OPENAI_ONLY = "input_resolution"
"""A number that OpenAI keeps among the tensors, and nobody else."""


def translate(network: nn.Module, tensors: Mapping[str, Tensor]) -> Translation | None:
    """A CLIP model's image encoder under timm's names."""
    root = find_root(tensors, "class_embedding", "conv1.weight", "positional_embedding")
    if root is not None:
        return _vit(network, tensors, root)
    root = find_root(tensors, "attnpool.q_proj.weight", "conv1.weight", "layer1.0.conv1.weight")
    return None if root is None else _resnet(network, tensors, root)


def _vit(network: nn.Module, tensors: Mapping[str, Tensor], root: str) -> Translation:
    inside, outside = under(tensors, root)
    state = {_timm_name(name): tensor for name, tensor in inside.items()}
    state["cls_token"] = state.pop("class_embedding")[None, None]
    state["pos_embed"] = state.pop("positional_embedding")[None]
    refusal = ""
    if "norm_pre.weight" not in network.state_dict():
        refusal = (
            "it is of CLIP's ViT, which has a norm before its blocks; "
            "choose one of timm's backbones that have it, such as vit_base_patch32_clip_224"
        )
    elif OPENAI_ONLY in tensors and not any(isinstance(m, QuickGELU) for m in network.modules()):
        refusal = (
            "it is OpenAI's own CLIP, whose activation is QuickGELU; "
            "choose the backbone's variant that has it, such as vit_base_patch32_clip_quickgelu_224"
        )
    return Translation(state, "CLIP", outside, refusal)


def _timm_name(name: str) -> str:
    for theirs, ours in PARTS:
        name = name.replace(theirs, ours)
    return name


def _resnet(network: nn.Module, tensors: Mapping[str, Tensor], root: str) -> Translation:
    inside, outside = under(tensors, root)
    refusal = (
        ""
        if "stem.conv1.conv.weight" in network.state_dict()
        else "it is of CLIP's ResNet, whose stem is of three convolutions; "
        "choose timm's backbone for it, such as resnet50_clip"
    )
    # timm's own conversion does the rest, and knows it by this prefix.
    state = {f"visual.{name}": tensor for name, tensor in inside.items()}
    return Translation(state, "CLIP", outside, refusal)
