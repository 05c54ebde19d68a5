"""From networks to maps: what a source builds, and how plain vision transformers give four maps."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn


class Features(NamedTuple):
    """A network that gives maps.

    Attributes:
        body: images [B, C, S, S] → maps, channels first; its `.model` is the network under the
            library's own parameter names: the part that has initial weights.
        reductions: stride of each map. Where they are all the same, there are four maps.
        channels: of each map.
        notes: what a person should know of the network, as clauses.
    """

    body: nn.Module
    reductions: Sequence[int]
    channels: Sequence[int]
    notes: tuple[str, ...] = ()


def evenly(depth: int) -> list[int]:
    """Four of `depth` blocks at even depths, the last one last: of 12, those after 3, 6, 9 and 12.

    As in the UPerNet of BEiT (Bao et al. 2022) and DPT (Ranftl et al. 2021). A network of fewer
    than four blocks has some of them twice.
    """
    return [max(0, (quarter * depth) // 4 - 1) for quarter in (1, 2, 3, 4)]


class BlockMaps(nn.Module):
    """Maps of four blocks of a plain vision transformer, taken by forward hooks.

    Args:
        model: gives tokens [B, P + N, D] after each block: P for the whole image, then one for each
            of N = H · W patches, row by row.
        blocks: where `model` keeps its blocks.
        stride: side of a patch, px.
    """

    def __init__(self, model: nn.Module, blocks: str, stride: int) -> None:
        super().__init__()
        self.model, self.blocks, self.stride = model, blocks, stride

    def run(self, images: Tensor) -> None:
        """Run the network through its last block."""
        self.model(images)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images [B, C, S, S] → four maps [B, D, S / stride, S / stride]."""
        found: dict[int, Tensor] = {}

        def keep(index: int, output: Tensor | tuple[Tensor, ...]) -> None:
            found[index] = output[0] if isinstance(output, tuple) else output

        blocks = list(self.model.get_submodule(self.blocks).children())
        chosen = evenly(len(blocks))
        hooks = [
            blocks[index].register_forward_hook(
                lambda _block, _inputs, output, index=index: keep(index, output)
            )
            for index in set(chosen)
        ]
        try:
            self.run(images)
        finally:
            for hook in hooks:
                hook.remove()
        side = images.shape[-1] // self.stride
        return [self.to_map(found[index], side) for index in chosen]

    def to_map(self, tokens: Tensor, side: int) -> Tensor:
        """Tokens of one block → map [B, D, side, side]."""
        return as_map(tokens, side)


def as_map(tokens: Tensor, side: int) -> Tensor:
    """Tokens [B, P + side², D], those of patches last → map [B, D, side, side]."""
    patches = tokens[:, -(side**2) :]
    return patches.transpose(1, 2).reshape(len(tokens), -1, side, side)


def nearest_patch(patch: int) -> int:
    """The power of two next to the side of a patch: 16 for 14."""
    return min((2**power for power in range(1, 7)), key=lambda side: abs(side - patch))


def patch_note(patch: int) -> str:
    """What a person should know of patches that are not as the network was published with."""
    return f"its patches of {patch} px are resampled to {nearest_patch(patch)} px"
