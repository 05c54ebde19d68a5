"""analysis reads files: whatever it imports, it never needs torch, Ray or the layers above it."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import analysis

ROOT = Path(__file__).parents[2]


def test_no_module_imports_torch_or_ray() -> None:
    modules = [one.name for one in pkgutil.walk_packages(analysis.__path__, "analysis.")]
    program = (
        f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\n"
        "print({'torch', 'ray', 'sweeps', 'deploy'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"


def test_no_import_is_hidden_in_a_function() -> None:
    """Not even of torch when it is needed: the text of the modules does not name it."""
    files = list((ROOT / "analysis").rglob("*.py"))
    named = [file.name for file in files if "import torch" in file.read_text()]
    assert files and not named
