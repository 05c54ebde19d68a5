"""A trained model as ONNX, checked against the original before it is given away."""

import contextlib
import importlib.util
import io
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from datasets import DataError, open_split
from deploy.faults import ModelError
from models.losses.pixels import class_logits
from models.heads.segmenters import SegmentationModel
from deploy.trained import Trained

PACKAGES = ("onnx", "onnxruntime", "onnxscript")
CHECKED = 8
"""Images that the exported model is compared on, at most."""

ALLOWED = {"probability": 1e-3, "score": 1e-3, "box corner, px": 0.1}
"""How far an output may be from the original's; a detector's boxes in px of its input."""

Arrays = list[NDArray[Any]]


class Probabilities(nn.Module):
    """Stored values float32 [N, C, S, S] → probabilities [N, K + 1, S, S] of classes 0 … K."""

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.model, self.normalisation = trained.model, trained.normalisation

    def forward(self, images: Tensor) -> Tensor:
        """As `SegmentationModel.predict`, which gives images one by one."""
        assert isinstance(self.model, SegmentationModel)
        return class_logits(self.model.outputs(self.normalisation(images))).float().softmax(dim=1)


class FoundObjects(nn.Module):
    """Stored values float32 [1, C, S, S] → boxes [M, 4] (xyxy, px), scores [M], labels [M]."""

    def __init__(self, trained: Trained) -> None:
        super().__init__()
        self.model, self.normalisation = trained.model, trained.normalisation

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of the one image in `images`."""
        (found,) = self.model.predict(self.normalisation(images))
        return found["boxes"], found["scores"], found["labels"]


@dataclass(frozen=True)
class Form:
    """How the models of a task are exported.

    Attributes:
        module: what is exported of a trained model.
        outputs: their names.
        batch: images that it is exported with, and compared on, at once; of 1, it takes no more.
        differences: the largest differences between its outputs and the original's, by what they
            are of, see `ALLOWED`.
    """

    module: Callable[[Trained], nn.Module]
    outputs: tuple[str, ...]
    batch: int
    differences: Callable[[Arrays, Arrays], dict[str, float]]


def differences_of_probabilities(found: Arrays, expected: Arrays) -> dict[str, float]:
    """Of each pixel and class."""
    return {"probability": float(np.abs(found[0] - expected[0]).max())}


def differences_of_objects(found: Arrays, expected: Arrays) -> dict[str, float]:
    """Of each object to the nearest of its class on the other side; infinite if there is none.

    Their order may differ, where the model is as sure of one as of another.
    """
    one_sided = bool(len(found[0])) != bool(len(expected[0]))
    if one_sided or not len(found[0]):
        return dict.fromkeys(("score", "box corner, px"), np.inf if one_sided else 0.0)
    boxes = np.abs(found[0][:, None] - expected[0]).max(axis=2)
    scores = np.abs(found[1][:, None] - expected[1])
    apart = np.maximum(boxes / ALLOWED["box corner, px"], scores / ALLOWED["score"])
    apart[found[2][:, None] != expected[2]] = np.inf
    rows, columns = np.indices(apart.shape)
    nearest = [(rows[:, 0], apart.argmin(axis=1)), (apart.argmin(axis=0), columns[0])]
    if any(np.isinf(apart[pairs]).any() for pairs in nearest):
        return dict.fromkeys(("score", "box corner, px"), np.inf)
    return {
        "score": float(max(scores[pairs].max() for pairs in nearest)),
        "box corner, px": float(max(boxes[pairs].max() for pairs in nearest)),
    }


FORMS = {
    "segmentation": Form(Probabilities, ("probabilities",), 2, differences_of_probabilities),
    "detection": Form(FoundObjects, ("boxes", "scores", "labels"), 1, differences_of_objects),
}
"""By task."""


def export_onnx(trained: Trained, file: Path) -> str:
    """Write `trained` to `file`, whole or not at all; gives a sentence on how it was checked.

    The folder of `file` exists.

    The input is called `images`: stored values, as float32. Of the two ways that PyTorch has, the
    one that traces is tried first, for it knows detectors and is fast; then the one that compiles.

    Raises:
        ModelError: a package is missing, the model cannot be exported, or what was exported does
            not give what the original gives.
    """
    check_packages()
    form = FORMS[trained.task]
    module = form.module(trained).eval().requires_grad_(False)
    patches, origin = test_patches(trained)
    with TemporaryDirectory(prefix=".partial-", dir=file.parent) as folder:
        partial = Path(folder) / file.name
        _convert(module, patches[: form.batch], form, partial, trained)
        largest = _largest_differences(module, partial, patches, form)
        told = ", ".join(f"{value:.1e} ({name})" for name, value in largest.items())
        if any(value > ALLOWED[name] for name, value in largest.items()):
            raise ModelError(
                f"{trained.name} was exported, but on {origin} its outputs are up to {told} from "
                "those of the original: nothing was written"
            )
        _describe(partial, trained)
        partial.replace(file)
    return f"{file}: {trained.name}; largest difference from the original on {origin}: {told}"


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
        images = open_split(data.cache, "test").images
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
            with _quiet():
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
def _quiet() -> Iterator[None]:
    """Without what PyTorch tells of its progress, and prints of a graph that it cannot export."""
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


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
    """Put into the file what one needs to know to use it."""
    import onnx

    model = onnx.load(file)
    data = trained.data
    told = {
        "task": trained.task,
        "classes": list(data.classes),
        "bands": list(data.bands),
        "dtype": data.dtype,
        "image_size": data.image_size,
        "window": list(data.window),
        "source": f"{trained.run.name}/{trained.name}",
    }
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in told.items()})
    onnx.save(model, file)
