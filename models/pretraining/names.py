"""Finding a network's tensors in somebody else's file: containers, prefixes, layouts.

Weights may lie under a container's key (`state_dict`, `model`, `teacher`, …) and behind a common
prefix (`module.`, `backbone.`, `encoder.`, …). Neither is guessed from a list: of all readings of
the file, the one that fits most of the network's tensors is taken. Layouts of other names than
timm's are in `models.pretraining.layouts`.
"""

import math
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from timm.layers import resample_abs_pos_embed, resample_patch_embed
from torch import Tensor, nn

from models.pretraining.audit import audit, shape_text
from models.pretraining.layouts import translate
from models.pretraining.layouts.translation import under

# Where several containers fit alike, the averaged weights are the ones their makers evaluate.
AVERAGED = ("teacher", "model_ema", "state_dict_ema")


@dataclass(frozen=True)
class Reading:
    """Tensors of a file, under the network's names.

    Attributes:
        state: the tensors, in the network's layout.
        place: where in the file they lay, for a person; empty for its top without a prefix.
        outside: names of the tensors beside the prefix (a head, a decoder), not in `state`.
        resized: tensors that were resampled to the network's size, with both shapes.
        refusal: why they cannot be this network's however many fit, a clause; empty if they can.
    """

    state: dict[str, Tensor]
    place: str
    outside: tuple[str, ...]
    resized: tuple[str, ...]
    refusal: str = ""


def best_reading(network: nn.Module, content: Mapping[str, object]) -> Reading:
    """The reading of a file's `content` that fits most tensors of `network`."""
    ranked = []
    for container, tensors in _containers(content):
        reading = _read(network, container, tensors)
        matched = audit(network, reading.state, container).matched
        ranked.append((matched, container in AVERAGED, reading))
    if not ranked:
        return Reading({}, "", (), ())
    return max(ranked, key=lambda rank: rank[:2])[2]


def _containers(
    content: Mapping[str, object], key: str = ""
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Every mapping in the file, nested ones too, that has tensors by name: its key, and those."""
    tensors = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, Tensor)
    }
    if tensors:
        yield key, tensors
    for name, value in content.items():
        # An optimiser's state is numbered, not named.
        if isinstance(name, str) and isinstance(value, Mapping):
            yield from _containers(value, f"{key}.{name}" if key else name)


def _read(network: nn.Module, container: str, tensors: dict[str, Tensor]) -> Reading:
    translation = translate(network, tensors)
    prefix = _common_prefix(translation.state, frozenset(network.state_dict()))
    named, outside = under(translation.state, prefix)
    state = _timm_sizes(network, named)
    places = (
        f"[{container}]" * bool(container),
        f" under {prefix}" * bool(prefix),
        f" in the layout of {translation.layout}" * bool(translation.layout),
    )
    return Reading(
        state=state,
        place="".join(places),
        outside=translation.outside + outside,
        resized=tuple(
            f"{name} {shape_text(named[name])} to {shape_text(tensor)}"
            for name, tensor in state.items()
            if name in named and named[name].shape != tensor.shape
        ),
        refusal=translation.refusal,
    )


def _common_prefix(tensors: Mapping[str, Tensor], expected: frozenset[str]) -> str:
    """The prefix behind which most of `expected` are found; empty where none helps."""
    found: Counter[str] = Counter({"": 0})
    for name in tensors:
        parts = name.split(".")
        for start in range(len(parts)):
            if ".".join(parts[start:]) in expected:
                found[".".join([*parts[:start], ""])] += 1
    return found.most_common(1)[0][0]


def _timm_sizes(network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Bring older layouts and other image sizes to the network's, as timm does for this family."""
    modules = (sys.modules[kind.__module__] for kind in type(network).__mro__)
    known = (getattr(module, "checkpoint_filter_fn", None) for module in modules)
    convert = next(filter(None, known), None)
    if convert is None:
        return _token_sizes(network, state)
    try:
        return convert(dict(state), network)
    except (AttributeError, LookupError, RuntimeError, ValueError, AssertionError):
        # timm's conversion expects weights of this family; for others the audit has the words.
        return _token_sizes(network, state)


def _token_sizes(network: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Positions and patches of a vision transformer that is not timm's, at the network's size.

    Positions [1, P + N², D] are enlarged bicubically, patches [O, C, …, k, k] by the pseudo-inverse
    of the resizing (Beyer et al. 2023, "FlexiViT").
    """
    fitted, expected = dict(state), network.state_dict()
    for name, tensor in state.items():
        wanted = expected.get(name)
        if wanted is None or wanted.shape == tensor.shape or wanted.ndim != tensor.ndim:
            continue
        if name.endswith(("pos_embed", "pos_emb")) and tensor.ndim == 3:
            fitted[name] = _positions(tensor, wanted.shape[1])
        elif "patch_embed" in name and tensor.ndim in (4, 5):
            kernels = tensor.flatten(0, -3).unsqueeze(1)
            resampled = resample_patch_embed(kernels, list(wanted.shape[-2:]))
            fitted[name] = resampled.reshape(*tensor.shape[:-2], *wanted.shape[-2:])
    return fitted


def _positions(tensor: Tensor, tokens: int) -> Tensor:
    """Positions [1, P + M², D] as [1, P + N², D] of so many tokens; unchanged if they are none."""
    side = math.isqrt(tokens)
    prefix = tokens - side**2
    patches = tensor.shape[1] - prefix
    if math.isqrt(patches) ** 2 != patches:
        return tensor
    return resample_abs_pos_embed(tensor, [side, side], num_prefix_tokens=prefix)
