"""Loading weights into a network with an account of what fitted and what did not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest

import torch
from torch import Tensor, nn

from runs.errors import EosweepError

NAMED_CULPRITS = 10


class WeightsDoNotFitError(EosweepError):
    """Weights were found, but too few of the network's tensors are among them."""


@dataclass(frozen=True)
class Audit:
    """What became of each tensor when weights were laid on a network.

    Integer tensors (batch norm's counters) are not counted: they are alike in every network and
    would make a misfit look better than it is.

    Attributes:
        source: where the weights came from, for a person.
        matched: number of the network's tensors with a partner of the same name and shape.
        missing: the network's tensors that the weights lack.
        unexpected: tensors among the weights that the network lacks, such as a classifier's head.
        wrong_shape: tensors of the same name and another shape, with both shapes.
        resized: tensors that were brought to the network's shape on the way (the stem to the
            bands, position embeddings to the image size), with both shapes.
    """

    source: str
    matched: int
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    wrong_shape: tuple[str, ...] = ()
    resized: tuple[str, ...] = ()

    @property
    def expected(self) -> int:
        """Number of the network's tensors."""
        return self.matched + len(self.missing) + len(self.wrong_shape)

    @property
    def fraction(self) -> float:
        """The share of the network's tensors that the weights fill, 0 to 1."""
        return self.matched / self.expected

    @property
    def culprits(self) -> tuple[str, ...]:
        """All that did not fit; missing and unexpected in turn, to show a renaming's two sides."""
        missing = (f"missing {name}" for name in self.missing)
        unexpected = (f"unexpected {name}" for name in self.unexpected)
        turns = chain.from_iterable(zip_longest(missing, unexpected))
        return (*(f"wrong shape {text}" for text in self.wrong_shape), *filter(None, turns))

    def sentence(self) -> str:
        """One line for the plan and the report."""
        parts = [f"{self.source}: {self.matched} of {self.expected} tensors matched"]
        for label in ("missing", "wrong_shape", "unexpected", "resized"):
            names: tuple[str, ...] = getattr(self, label)
            if names:
                rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
                shown = ", ".join(names[:3])
                parts.append(f"{len(names)} {label.replace('_', ' of ')} ({shown}{rest})")
        return "; ".join(parts)


def audit(network: nn.Module, state: Mapping[str, Tensor], source: str) -> Audit:
    """Compare `state` with `network` by name and shape; nothing is loaded."""
    expected = _counted(network.state_dict())
    given = _counted(state)
    shared = [name for name in expected if name in given]
    misshapen = [name for name in shared if given[name].shape != expected[name].shape]
    return Audit(
        source=source,
        matched=len(shared) - len(misshapen),
        missing=tuple(name for name in expected if name not in given),
        unexpected=tuple(name for name in given if name not in expected),
        wrong_shape=tuple(
            f"{name} {shape_text(given[name])}, needed {shape_text(expected[name])}"
            for name in misshapen
        ),
    )


def load_audited(
    network: nn.Module,
    state: Mapping[str, Tensor],
    *,
    source: str,
    threshold: float = 0.9,
    essential: Collection[str] = (),
) -> Audit:
    """Copy into `network` every tensor of `state` that fits, if enough do.

    Args:
        network: changed in place, and only if the weights pass.
        state: tensors by the network's own names; floating-point ones of any precision.
        source: where the weights came from, for messages.
        threshold: the least share of the network's tensors that must match.
        essential: names that must match whatever the share.

    Raises:
        WeightsDoNotFitError: below the threshold, or an essential tensor did not match, or the
            weights are of a deeper network; names the first ten culprits. The network is
            untouched.
    """
    found = audit(network, state, source)
    if deeper := blocks_too_many(found, network):
        raise WeightsDoNotFitError(
            f"{source} does not fit: it has more blocks than the network, such as {deeper[0]}. "
            "Check that the weights are of this backbone and not of a deeper one"
        )
    fitting = {
        name: (tensor, state[name])
        for name, tensor in network.state_dict().items()
        if name in state and state[name].shape == tensor.shape
    }
    lacking = [name for name in essential if name not in fitting]
    if found.fraction < threshold or lacking:
        raise WeightsDoNotFitError(_refusal(found, threshold, lacking))
    with torch.no_grad():
        for target, tensor in fitting.values():
            target.copy_(tensor)
    return found


def blocks_too_many(found: Audit, network: nn.Module) -> list[str]:
    """Surplus tensors that the network has under another number: `layer1.2.…` beside `layer1.1.…`.

    A ResNet-34's weights fill a ResNet-18 to the last tensor; only what is left over tells.
    """

    def unnumbered(name: str) -> str:
        return ".".join("#" if part.isdigit() else part for part in name.split("."))

    known = {unnumbered(name) for name in network.state_dict()}
    return [name for name in found.unexpected if unnumbered(name) in known]


def shape_text(tensor: Tensor) -> str:
    """A tensor's shape as text, `64×3×7×7`; `scalar` for none."""
    return "×".join(str(length) for length in tensor.shape) or "scalar"


def _counted(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in state.items() if tensor.is_floating_point()}


def _refusal(found: Audit, threshold: float, lacking: list[str]) -> str:
    culprits = found.culprits
    shown = culprits[:NAMED_CULPRITS]
    which = f"first {len(shown)} of {len(culprits)}" if len(culprits) > len(shown) else "these"
    too_few = found.fraction < threshold
    why = f"{threshold:.0%} are needed" if too_few else f"{', '.join(lacking)} must be among them"
    return (
        f"{found.source} does not fit: {found.matched} of {found.expected} tensors matched "
        f"({found.fraction:.0%}), {why}; {which} did not: {'; '.join(shown)}. "
        "Check that the weights are of this backbone"
    )
