"""Whether a GPU computes the same twice, and which operations cannot.

On a CPU all of them do, with the same number of threads.
"""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

WITHOUT = re.compile(r"(?P<operation>\S+) does not have a deterministic implementation")
"""How PyTorch warns of an operation that a deterministic algorithm was asked of in vain."""


def be_deterministic() -> None:
    """Use deterministic algorithms in this process, where there are some; before CUDA starts.

    They are slower, and take more memory. See "Reproducibility" in PyTorch's notes.
    """
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    # Memory that an operation has not written yet is nobody's result.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


@contextmanager
def without_algorithm(operations: set[str]) -> Iterator[None]:
    """Add to `operations` the names of those that have no deterministic algorithm and are used.

    Other warnings are shown as ever.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("always", f".*{WITHOUT.pattern}")
        show = warnings.showwarning

        def hear(message: Warning | str, *where: Any, **options: Any) -> None:
            if found := WITHOUT.search(str(message)):
                operations.add(found["operation"])
            else:
                show(message, *where, **options)

        warnings.showwarning = hear
        yield
