"""Fills pages from the code, so that they cannot differ from it: `<!-- reference: NAME -->`."""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parents[2]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Called by MkDocs for every page."""
    if str(ROOT) not in sys.path:  # MkDocs takes back what a hook adds while it is loaded
        sys.path.insert(0, str(ROOT))
    return re.sub(r"<!-- reference: (\w+) -->", lambda match: WRITERS[match[1]](), markdown)


def sweep_keys() -> str:
    """Every section of a sweep file, in its order."""
    from sweeps.schema import Settings, Sweep

    sections: dict[str, type[BaseModel]] = {}
    for path, section in _sections(Sweep, ""):
        if section not in sections.values():
            sections[path] = section
    parts = [_section("Top level", Sweep)]
    parts += [_section(f"`{path}`", section) for path, section in sections.items()]
    parts.append(_section("Settings: keys of `compare`, `tune` and `fixed`", Settings))
    return "\n\n".join(parts)


def head_options() -> str:
    """Heads with the settings that only they have, and the losses."""
    from models.heads import HEAD_OPTIONS, HEADS
    from models.losses import LOSSES
    from models.losses.image_labels import IMAGE_LOSSES

    heads = ["| head | task | options |", "|---|---|---|"]
    for task, of_task in HEADS.items():
        for name, head in of_task.items():
            own = ", ".join(f"`{option}`" for option in head.options.model_fields) or "none"
            heads.append(f"| `{name}` | {task} | {own} |")
    options = ["| option | default | meaning |", "|---|---|---|"]
    options += [_row(name, field) for name, field in HEAD_OPTIONS.items()]
    losses = " ".join(
        f"Losses of {task}: {', '.join(f'`{name}`' for name in of_task)}."
        for task, of_task in {"segmentation": LOSSES, "classification": IMAGE_LOSSES}.items()
    )
    return "\n\n".join(["\n".join(heads), "\n".join(options), losses])


def augmentation() -> str:
    """Operations with their strengths at each level."""
    from datasets.augment import OPERATIONS, PREFIX, PRESETS

    table = [f"| setting | {' | '.join(PRESETS)} | largest | what a strength s does |"]
    table.append("|---" * (len(PRESETS) + 3) + "|")
    for name, operation in OPERATIONS.items():
        strengths = " | ".join(f"{preset.get(name, 0):g}" for preset in PRESETS.values())
        row = f"| `{PREFIX}{name}` | {strengths} | {operation.most:g} | {operation.meaning} |"
        table.append(row)
    return "\n".join(table)


def contributing() -> str:
    """The list of what can be added, from CONTRIBUTING.md."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return text.partition("\n")[2]


def rule_of_the_winner() -> str:
    """The docstring of the rule itself."""
    import runs.winner

    return str(runs.winner.__doc__).partition("\n\n")[2]


WRITERS: dict[str, Callable[[], str]] = {
    "sweep_keys": sweep_keys,
    "head_options": head_options,
    "augmentation": augmentation,
    "contributing": contributing,
    "rule_of_the_winner": rule_of_the_winner,
}


def _sections(section: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Every section below one, with its dotted path."""
    for name, field in section.model_fields.items():
        inner = _inner(field.annotation)
        if inner is None:
            continue
        below = f"{path}.{name}".lstrip(".")
        if "dict" in str(field.annotation):
            below += ".NAME"
        elif "list" in str(field.annotation):
            below += "[]"
        yield below, inner
        yield from _sections(inner, below)


def _inner(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in get_args(annotation) if (found := _inner(one))), None)


def _section(title: str, section: type[BaseModel]) -> str:
    about = inspect.getdoc(section) or ""
    rows = [_row(name, field) for name, field in section.model_fields.items()]
    head = "| key | default | meaning |\n|---|---|---|"
    return "\n".join([f"### {title}", "", about, "", head, *rows])


def _row(name: str, field: FieldInfo) -> str:
    inner = _inner(field.annotation)
    about = field.description or (str(inspect.getdoc(inner)) if inner else "")
    meaning = about.partition("\n")[0].replace("|", "\\|")
    return f"| `{name}` | {_default(field)} | {meaning} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        return "its defaults"
    words = {None: "null", True: "true", False: "false"}
    text = words[default] if default is None or isinstance(default, bool) else str(default)
    return f"`{text}`" if text else "empty"
