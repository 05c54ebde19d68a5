"""Finding a network's tensors in somebody else's file: containers, prefixes, layouts.

Weights may lie under a container's key (`state_dict`, `model`, `teacher`, …) and behind a common
prefix (`module.`, `backbone.`, `encoder.`, …). Neither is guessed from a list: of all readings of
the file, the one that fits most of the network's tensors is taken. Layouts of other names than
timm's are in `models.pretraining.layouts`.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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
    convert = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return state
    try:
        return convert(dict(state), network)
    except (AttributeError, LookupError, RuntimeError, ValueError, AssertionError):
        # timm's conversion expects weights of this family; for others the audit has the words.
        return state
