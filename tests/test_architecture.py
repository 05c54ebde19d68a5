"""The order of the rooms, read from the imports: what a folder may know of the others.

Imports inside functions and under TYPE_CHECKING count like any other.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("runs", "datasets", "models", "analysis", "deploy", "sweeps", "tune_main")
"""From the ground floor up: a room may import from itself and from those before it."""

HEAVY = {"torch", "torchvision", "timm", "ray"}
WITHOUT = {
    "models": {"ray", "optuna"},
    "datasets": {"ray", "optuna"},
    "runs": {"ray", "optuna", "torch", "pandas"},
}
"""Libraries that a room does not import."""


def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name."""
    files = [ROOT / "tune_main.py"]
    for room in ROOMS[:-1]:
        files += (ROOT / room).rglob("*.py")
    return {name_of(file): file for file in files}


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imports() -> dict[str, dict[str, int]]:
    """What each module imports, and in which line; of the project, the module that is meant."""
    known = modules()
    found: dict[str, dict[str, int]] = {}
    for name, file in known.items():
        found[name] = {}
        for node in ast.walk(ast.parse(file.read_text())):
            for target in targets(node, known):
                found[name].setdefault(target, node.lineno)  # type: ignore[attr-defined]
    return found


def targets(node: ast.AST, known: dict[str, Path]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            submodule = f"{node.module}.{alias.name}"
            yield submodule if submodule in known else node.module


def room(module: str) -> str:
    return module.partition(".")[0]


def where(module: str, target: str) -> str:
    return f"{modules()[module].relative_to(ROOT)}:{imports()[module][target]}"


def test_arrows_go_down_only() -> None:
    for module, imported in imports().items():
        for target in imported:
            if room(target) in ROOMS and ROOMS.index(room(target)) > ROOMS.index(room(module)):
                pytest.fail(
                    f"{where(module, target)} imports {target}, which lies above {room(module)}: "
                    f"move what is needed down, or pass it as an argument"
                )


def test_no_module_imports_itself_in_a_circle() -> None:
    """A package's own `__init__` is not counted: its modules are imported through it."""
    known = imports()
    state: dict[str, int] = {}

    def visit(module: str, path: tuple[str, ...]) -> None:
        state[module] = 1
        for target in known[module]:
            if target not in known or target.startswith(f"{module}."):
                continue
            if state.get(target) == 1 and not module.startswith(f"{target}."):
                circle = " → ".join((*path[path.index(target) :], target))
                pytest.fail(
                    f"imports go in a circle: {circle}. Move what both need to a third file"
                )
            if target not in state:
                visit(target, (*path, target))
        state[module] = 2

    for module in known:
        if module not in state:
            visit(module, (module,))


@pytest.mark.parametrize("name", WITHOUT)
def test_a_room_does_without(name: str) -> None:
    for module, imported in imports().items():
        for target in imported:
            if room(module) == name and target.partition(".")[0] in WITHOUT[name]:
                pytest.fail(
                    f"{where(module, target)} imports {target}: {name} is used without it; do this "
                    "in a higher room"
                )


@pytest.mark.parametrize("start", ["analysis", "models.metrics"])
def test_no_torch_is_reached_from(start: str) -> None:
    """Directly or through what is imported: importing a module runs its packages too."""
    known = imports()
    waiting = [(name, (name,)) for name in known if name == start or name.startswith(f"{start}.")]
    seen = {name for name, _ in waiting}
    while waiting:
        module, path = waiting.pop()
        for target in known[module]:
            if target.partition(".")[0] in HEAVY:
                pytest.fail(
                    f"{start} reaches {target} by {' → '.join(path)}: read files instead, or move "
                    "what is needed to a module without it"
                )
            parents = target.split(".")
            for depth in range(1, len(parents) + 1):
                step = ".".join(parents[:depth])
                if step in known and step not in seen:
                    seen.add(step)
                    waiting.append((step, (*path, step)))


ONCE = {
    "get_close_matches": ("runs/errors.py", "use runs.errors.did_you_mean"),
    ".partial": ("runs", "write through runs.files.whole_file or runs.folders.build_once"),
    "os.replace(": ("runs", "write through runs.files.whole_file"),
}
"""Text that one place holds, and what the others do instead."""


@pytest.mark.parametrize("text", ONCE)
def test_is_written_once(text: str) -> None:
    place, instead = ONCE[text]
    for file in modules().values():
        relative = file.relative_to(ROOT)
        if text in file.read_text() and not relative.is_relative_to(place):
            pytest.fail(f"{relative} has {text}: {instead}")


def test_errors_that_a_person_is_shown_have_one_base() -> None:
    """Every public exception derives from EosweepError, so that a command catches one class."""
    bases: dict[str, tuple[set[str], Path]] = {}
    for file in modules().values():
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                named = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                bases[node.name] = named, file
    for name, (named, file) in bases.items():
        if name.startswith("_") or name == "EosweepError":
            continue
        ancestors = named
        while ancestors and "EosweepError" not in ancestors:
            ancestors = set().union(*(bases[one][0] for one in ancestors if one in bases))
        if not ancestors:
            pytest.fail(
                f"{name} in {file.relative_to(ROOT)} does not derive from runs.errors.EosweepError"
            )
