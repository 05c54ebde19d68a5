"""CLIP's image encoders as their papers and public code describe them, down to the names."""

from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width: int, heads: int, activation: nn.Module) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        layers = [("c_fc", nn.Linear(width, 4 * width)), ("gelu", activation)]
        self.mlp = nn.Sequential(OrderedDict([*layers, ("c_proj", nn.Linear(4 * width, width))]))

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.ln_1(tokens)
        tokens = tokens + self.attn(normed, normed, normed, need_weights=False)[0]
        return tokens + self.mlp(self.ln_2(tokens))


class ViT(nn.Module):
    """Images → the last map of patches, channels first."""

    def __init__(self, side: int, patch: int, width: int, depth: int, heads: int, gelu: nn.Module):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width))
        self.positional_embedding = nn.Parameter(torch.randn((side // patch) ** 2 + 1, width))
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.Sequential(
            *(Block(width, heads, gelu) for _ in range(depth))
        )
        self.proj = nn.Parameter(torch.randn(width, 8))

    def forward(self, images: Tensor) -> Tensor:
        patches = self.conv1(images)
        tokens = patches.flatten(2).transpose(1, 2)
        first = self.class_embedding.expand(len(images), 1, -1)
        tokens = torch.cat([first, tokens], dim=1) + self.positional_embedding
        tokens = self.transformer.resblocks(self.ln_pre(tokens))
        return tokens[:, 1:].transpose(1, 2).reshape(patches.shape)


class QuickGELU(nn.Module):
    def forward(self, values: Tensor) -> Tensor:
        return values * torch.sigmoid(1.702 * values)


class Bottleneck(nn.Module):
    def __init__(self, inward: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.conv1, self.bn1 = nn.Conv2d(inward, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        steps: dict[str, nn.Module] = {"-1": nn.AvgPool2d(stride)}
        steps |= {"0": nn.Conv2d(inward, 4 * width, 1, bias=False), "1": nn.BatchNorm2d(4 * width)}
        self.downsample = nn.Sequential(OrderedDict(steps))

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.bn2(self.conv2(self.bn1(self.conv1(maps)).relu())).relu()
        inner = self.bn3(self.conv3(F.avg_pool2d(inner, self.stride)))
        return (inner + self.downsample(maps)).relu()


class ResNet(nn.Module):
    """One bottleneck a stage; images → the deepest map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.conv1, self.bn1 = nn.Conv2d(3, half, 3, 2, 1, bias=False), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = nn.Conv2d(half, half, 3, 1, 1, bias=False), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = nn.Conv2d(half, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        inward = width
        for stage in range(4):
            inner = width * 2**stage
            block = Bottleneck(inward, inner, stride=1 if stage == 0 else 2)
            setattr(self, f"layer{stage + 1}", nn.Sequential(block))
            inward = 4 * inner
        self.attnpool = nn.Module()
        self.attnpool.positional_embedding = nn.Parameter(torch.randn(50, inward))
        for name in ("k_proj", "q_proj", "v_proj", "c_proj"):
            setattr(self.attnpool, name, nn.Linear(inward, inward))

    def forward(self, images: Tensor) -> Tensor:
        maps = self.bn1(self.conv1(images)).relu()
        maps = self.bn2(self.conv2(maps)).relu()
        maps = F.avg_pool2d(self.bn3(self.conv3(maps)).relu(), 2)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            maps = stage(maps)
        return maps


def with_text(encoder: nn.Module, prefix: str = "") -> dict[str, Tensor]:
    """What a CLIP file holds: the image encoder under `visual.`, beside the text encoder."""
    text = {
        "positional_embedding": torch.randn(77, 16),
        "text_projection": torch.randn(16, 8),
        "logit_scale": torch.tensor(4.6),
        "transformer.resblocks.0.attn.in_proj_weight": torch.randn(48, 16),
        "transformer.resblocks.0.mlp.c_fc.weight": torch.randn(64, 16),
        "token_embedding.weight": torch.randn(100, 16),
        "ln_final.weight": torch.randn(16),
    }
    image = {f"visual.{name}": tensor for name, tensor in encoder.state_dict().items()}
    return {f"{prefix}{name}": tensor for name, tensor in (image | text).items()}


@pytest.fixture
def clip() -> SimpleNamespace:
    """CLIP's two image encoders, its activation, and what its files hold beside an encoder."""
    return SimpleNamespace(ViT=ViT, ResNet=ResNet, QuickGELU=QuickGELU, with_text=with_text)
