"""Maps of a backbone that a head does not read: what makes them is taken out."""

from collections.abc import Iterable

from torch import Tensor, nn

from models.backbones import Backbone


def leave_out(backbone: Backbone, levels: Iterable[int]) -> None:
    """Take the layers of some levels (0: stride 4, … 3: stride 32) out of the pyramid, in place.

    Their maps have no channels then. Else layers would be counted and stored that are not trained.
    """
    for level in levels:
        backbone.pyramid[level] = NoChannels()


class NoChannels(nn.Module):
    """In place of layers whose map nothing reads."""

    def forward(self, maps: Tensor) -> Tensor:
        """Maps [B, C, s, s] → [B, 0, s, s]."""
        return maps[:, :0]
