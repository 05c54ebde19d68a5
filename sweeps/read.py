"""Reads a sweep file and the overrides of the command line, or reports every fault at once."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from runs.errors import did_you_mean
from runs.overrides import parse_override
from runs.progress import UNSEEN, Progress
from runs.storage import storage_address
from sweeps.check import keys_at_fault, names_at_fault
from sweeps.faults import Fault, Key, SweepError
from sweeps.schema import STRENGTHS, Sweep

FREE_KEYS = ("compare", "tune", "fixed")
"""Sections whose own keys may hold dots (`loss_weights.roi_box`)."""

MOST_VALUES = 100_000
"""Of a sweep file. Aliases of aliases unfold to any number in a few lines."""

MESSAGES = {
    "missing": "this key is missing",
    "int_from_float": "this should be a whole number",
    "model_type": "this should be keys and values, such as {key: value}",
    "path_type": "this should be a path",
    "string_pattern_mismatch": "only letters, digits, dots, dashes and underscores are allowed",
}


def read_sweep(path: Path, overrides: Sequence[str] = (), progress: Progress = UNSEEN) -> Sweep:
    """Read `path`, apply dotted overrides such as `budget.trials=6`, and check everything.

    Raises:
        SweepError: one line for each fault: file, line, key, what is wrong, the nearest name.
    """
    document = _load(path)
    typed = [_parse(text) for text in overrides]
    origins = _overlay(path, document, typed)
    try:
        plain = _plain(document)
        # A section whose lines are all commented out counts as absent.
        sweep = Sweep.model_validate({k: value for k, value in plain.items() if value is not None})
    except ValidationError as error:
        raise _error(path, document, origins, _faults(error)) from None
    # Names of models are checked only in a file without other faults, because torch and timm are
    # slow to import.
    faults = keys_at_fault(sweep)
    if not faults:
        progress.step("importing torch and timm")
        faults = names_at_fault(sweep)
    if faults:
        raise _error(path, document, origins, faults)
    return sweep


def read_name(path: Path, overrides: Sequence[str] = ()) -> str:
    """The name of the sweep, whose other keys are not checked.

    Raises:
        SweepError: there is no such file, or an override is none.
    """
    document = _load(path)
    _overlay(path, document, [_parse(text) for text in overrides])
    return str(document.get("name"))


def read_storage(path: Path, overrides: Sequence[str] = ()) -> str | None:
    """The storage of the sweep, whose other keys are not checked.

    Raises:
        SweepError: there is no such file, an override is none, or this is no storage.
    """
    document = _load(path)
    _overlay(path, document, [_parse(text) for text in overrides])
    text = document.get("storage")
    try:
        return None if text is None else storage_address(str(text))
    except ValueError as error:
        raise SweepError(f"{path}: storage: {error}") from None


def _overlay(
    path: Path, document: CommentedMap, typed: Sequence[tuple[str, Any]]
) -> dict[Key, str]:
    """Write into `document` the values of `on_sample` and, over them, those of the command line.

    Returns:
        For the key of each value that is not from its line in the file: where it is from.
    """
    on_sample = document.pop("on_sample", None)
    origins = {_override(document, dotted, value): "command line" for dotted, value in typed}
    if "on_sample" in document:
        raise SweepError("command line: override the key itself, not on_sample: it has priority")
    dataset = document.get("dataset")
    real = isinstance(dataset, CommentedMap) and dataset.get("root") is not None
    if on_sample is None or real:
        return origins
    if not isinstance(on_sample, CommentedMap):
        raise SweepError(f"{path}: on_sample: write keys and values, such as budget.trials: 12")
    lines = {key: on_sample.lc.key(key)[0] + 1 for key in on_sample}
    beneath = {
        _override(document, str(key), value): f"{path}:{lines[key]}"
        for key, value in on_sample.items()
    }
    for dotted, value in typed:
        _override(document, dotted, value)
    return beneath | origins


def _load(path: Path) -> CommentedMap:
    if not path.is_file():
        there = sorted(path.parent.glob("*.yaml")) if path.parent.is_dir() else []
        known = f"; in {path.parent} there are: {', '.join(p.name for p in there)}" if there else ""
        raise SweepError(f"{path}: there is no such sweep file{known}")
    try:
        document = YAML(typ="rt").load(path)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = str(error.problem).split(", the first")[0]
        raise SweepError(f"{path}:{line}: this is not YAML: {problem}") from None
    except (YAMLError, ValueError, RecursionError) as error:
        problem = str(error).strip().replace("\n", " ")
        raise SweepError(f"{path}: this is not YAML: {problem}") from None
    if not isinstance(document, CommentedMap):
        raise SweepError(f"{path}:1: a sweep file is a mapping of keys such as name, task, dataset")
    if _size(document, {}) > MOST_VALUES:
        raise SweepError(f"{path}: its aliases unfold to more than {MOST_VALUES:,} values")
    return document


def _size(node: Any, known: dict[int, int]) -> int:
    """How many values a node unfolds to."""
    if not isinstance(node, CommentedMap | CommentedSeq):
        return 1
    if id(node) not in known:
        parts = node.values() if isinstance(node, CommentedMap) else node
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def _parse(text: str) -> tuple[str, Any]:
    try:
        return parse_override(text)
    except ValueError as error:
        raise SweepError(f"command line: {error}") from None


def _override(document: CommentedMap, dotted: str, value: Any) -> Key:
    """Write `value` at a dotted key of `document`; returns the parts of the key."""
    parts = dotted.split(".")
    if parts[0] in FREE_KEYS and len(parts) > 1:
        parts = [parts[0], ".".join(parts[1:])]
        section = document.get(parts[0])
        known = [*section, *STRENGTHS] if isinstance(section, CommentedMap) else [*STRENGTHS]
        # tune.lr.log_uniform reaches into the entry `lr`; tune.loss_weights.roi_box names one, and
        # tune.augment.scale does, beside an entry `augment`.
        around = [k for k in known if f"{parts[1]}.".startswith(f"{k}.")]
        if around:
            head = max(around, key=len)
            parts = [parts[0], head, *filter(None, parts[1][len(head) + 1 :].split("."))]
    target = document
    for part in parts[:-1]:
        if not isinstance(target.get(part), CommentedMap):
            target[part] = CommentedMap()
        target = target[part]
    target[parts[-1]] = value
    return tuple(parts)


def _plain(node: Any) -> Any:
    if isinstance(node, CommentedMap):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    # ruamel's own number and text types are subclasses that print and pickle differently.
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _faults(error: ValidationError) -> list[Fault]:
    """Pydantic's errors as faults. A key that is missing because it is misspelt is one fault."""
    faults = [_fault(details) for details in error.errors()]
    meant = {
        (*fault.key[:-1], name)
        for fault in faults
        for name in re.findall(r"did you mean '(.+)'\?", fault.message)
    }
    return [f for f in faults if not (f.message == MESSAGES["missing"] and f.key in meant)]


def _fault(details: Any) -> Fault:
    """A pydantic error as a fault."""
    key: Key = details["loc"]
    kind = details["type"]
    if kind == "extra_forbidden":
        return Fault(key, "there is no such key" + did_you_mean(str(key[-1]), _siblings(key[:-1])))
    if kind == "model_type" and key[0] == "tune":
        return Fault(key, _no_domain(str(key[-1]), details["input"]))
    if kind in MESSAGES:
        return Fault(key, MESSAGES[kind])
    message = details["msg"].removeprefix("Value error, ").replace("Input should", "this should")
    value = details["input"]
    got = f", not {value!r}" if isinstance(value, bool | int | float | str) else ""
    own_words = kind == "value_error"
    return Fault(key, message if own_words else message + got)


def _no_domain(name: str, value: Any) -> str:
    """What to write where a tuned setting has no range and no choices."""
    message = f"write a range or choices, such as tune.{name}='{{log_uniform: [1e-4, 1e-2]}}'"
    if isinstance(value, bool | int | float | str):
        message += f", or fix the value with fixed.{name}={value} and remove tune.{name}"
    return message


def _siblings(key: Key) -> Iterable[str]:
    """The keys of the section `key` of a sweep."""
    section: Any = Sweep
    for part in key:
        field = section.model_fields.get(part) if _is_section(section) else None
        if field is None:
            # an entry of a mapping such as tune or weights.checkpoints, whose type is the section
            continue
        section = _section_of(field.annotation)
    return list(section.model_fields)


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _section_of(annotation: Any) -> Any:
    """The section type inside `X`, `X | None` or `dict[str, X]`."""
    if _is_section(annotation):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if (found := _section_of(inner)) is not None:
            return found
    return None


def _error(
    path: Path, document: CommentedMap, origins: dict[Key, str], faults: Iterable[Fault]
) -> SweepError:
    lines = []
    for fault in faults:
        written = f"{path}:{_line(document, fault.key)}"
        around = [key for key in origins if _same_branch(key, fault.key)]
        origin = origins[max(around, key=len)] if around else written
        lines.append(f"{origin}: {'.'.join(map(str, fault.key))}: {fault.message}")
    return SweepError("\n".join(lines))


def _same_branch(one: Key, other: Key) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _line(document: CommentedMap, key: Key) -> int:
    """The line of `key`, from 1; if it is not in the file, of the nearest section around it."""
    node: Any = document
    line = 1
    for part in key:
        if isinstance(node, CommentedMap) and part in node:
            line = node.lc.key(part)[0] + 1 if part in (node.lc.data or {}) else line
        elif isinstance(node, CommentedSeq) and isinstance(part, int) and part < len(node):
            line = node.lc.item(part)[0] + 1
        else:
            break
        node = node[part]
    return line
