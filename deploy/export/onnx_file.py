"""A trained model as ONNX, checked against the original before it is written."""

import contextlib
import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets import DataError
from deploy.errors import ModelError
from deploy.forms import ALLOWED, Form
from deploy.tasks import use_of
from deploy.trained import Trained
from runs.classes import BACKGROUND
from runs.files import whole_file

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
CHECKED = 8
"""Images that the exported model is compared on, at most."""


def write_onnx(trained: Trained, file: Path) -> str:
    """Write `trained` to `file`, whole or not at all; returns how far it is from the original.

    The folder of `file` exists.

    The input is called `images`: stored values, as float32. Of PyTorch's two ways, tracing is
    tried first, because it is fast and exports detectors, then compiling.

    Raises:
        ModelError: a package is missing, the model cannot be exported, or what was exported does
            not give what the original gives.
    """
    check_packages()
    form = use_of(trained.task).form
    module = form.module(trained).eval().requires_grad_(False)
    patches, origin = test_patches(trained)
    with whole_file(file) as partial:
        _convert(module, patches[: form.batch], form, partial, trained)
        largest = _largest_differences(module, partial, patches, form)
        found = ", ".join(f"{value:.1e} ({name})" for name, value in largest.items())
        if any(value > ALLOWED[name] for name, value in largest.items()):
            raise ModelError(
                f"{trained.name} was exported, but on {origin} its outputs are up to {found} from "
                "those of the original: nothing was written"
            )
        _describe(partial, trained)
    return f"largest difference on {origin}: {found}"


def check_packages() -> None:
    """Raise `ModelError` unless all that exporting needs is installed."""
    if missing := [name for name in PACKAGES if importlib.util.find_spec(name) is None]:
        raise ModelError(
            f"exporting needs {' and '.join(missing)}: pip install -r requirements-export.txt"
        )


def test_patches(trained: Trained) -> tuple[NDArray[np.float32], str]:
    """Stored values [N, C, S, S] to compare on, and what they are: test images of the cache.

    Where the cache is gone, random ones about as bright as the training data.
    """
    data = trained.data
    try:
        images = trained.split("test").images
    except DataError:
        rng = np.random.default_rng(0)
        shape = (CHECKED, len(data.bands), data.image_size, data.image_size)
        noise = trained.normalisation.stored(torch.from_numpy(rng.standard_normal(shape)))
        return noise.numpy().astype(np.float32), f"{CHECKED} random images (the cache is gone)"
    some = np.asarray(images[:CHECKED], dtype=np.float32)
    return some, f"{len(some)} test images"


def _convert(
    module: nn.Module, images: NDArray[np.float32], form: Form, file: Path, trained: Trained
) -> None:
    failures = []
    for convert in (_trace, _compile):
        try:
            with quiet():
                convert(module, torch.from_numpy(images), form, file)
        except (RuntimeError, TypeError, ValueError, AssertionError) as error:
            failures.append(str(error).strip().splitlines()[0])
        else:
            return
    raise ModelError(
        f"the head '{trained.config['head']}' over '{trained.config['backbone']}' cannot be "
        f"exported to ONNX by this PyTorch ({'; '.join(failures)})"
    )


def _trace(module: nn.Module, images: Tensor, form: Form, file: Path) -> None:
    torch.onnx.export(
        module,
        (images,),
        str(file),
        dynamo=False,
        input_names=["images"],
        output_names=list(form.outputs),
        dynamic_axes={"images": {0: "n"}} if form.batch > 1 else None,
    )


def _compile(module: nn.Module, images: Tensor, form: Form, file: Path) -> None:
    torch.onnx.export(
        module,
        (images,),
        str(file),
        dynamo=True,
        external_data=False,
        input_names=["images"],
        output_names=list(form.outputs),
        dynamic_shapes=({0: torch.export.Dim.DYNAMIC},) if form.batch > 1 else None,
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress progress, and what is printed of a graph that cannot be exported."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable()
        try:
            yield
        finally:
            logging.disable(before)


def _largest_differences(
    module: nn.Module, file: Path, patches: NDArray[np.float32], form: Form
) -> dict[str, float]:
    import onnxruntime

    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    largest: dict[str, float] = {}
    for first in range(0, len(patches), form.batch):
        images = patches[first : first + form.batch]
        with torch.inference_mode():
            expected = module(torch.from_numpy(images))
        tensors = expected if isinstance(expected, tuple) else (expected,)
        found = session.run(list(form.outputs), {"images": images})
        for name, value in form.differences(found, [one.numpy() for one in tensors]).items():
            largest[name] = max(largest.get(name, 0.0), value)
    return largest


def _describe(file: Path, trained: Trained) -> None:
    """Write into the file what its user needs to know.

    `classes` are the names of class ids 0, 1, 2, …: of a segmenter's channels, and of the labels
    that a detector gives, which has none of 0. Of a classifier's outputs they begin with 1.
    """
    import onnx

    model = onnx.load(file)
    data = trained.data
    names = list(data.classes)
    properties = {
        "task": trained.task,
        "classes": [BACKGROUND, *names] if use_of(trained.task).form.background else names,
        "bands": list(data.bands),
        "dtype": data.dtype,
        "image_size": data.image_size,
        "window": list(data.window),
        "source": trained.source,
    }
    onnx.helper.set_model_props(
        model, {key: json.dumps(value) for key, value in properties.items()}
    )
    onnx.save(model, file)
