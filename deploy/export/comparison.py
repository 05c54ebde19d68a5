"""How a model fares with less compute: each precision's score on test, and its cost on one core."""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from datasets import DataError, Split
from deploy.errors import ModelError
from deploy.export.measuring import RUNS, latencies, one_thread, onnx, pytorch, score_of
from deploy.export.memory import peak_memory
from deploy.export.onnx_file import check_packages, write_onnx
from deploy.trained import Trained
from runs.files import write_text

FILE = "comparison.json"

ORIGINAL = "PyTorch float32"

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Variant:
    """The model in one precision.

    Attributes:
        name: the program that runs it, and the precision.
        file: name of the file in the folder; None of the original.
        megabytes: of the file, 10⁶ bytes.
        score: the metric on the test split; None where that is not known.
        loss: the original's score less its own.
        latency_ms: median milliseconds of one image, on one core.
        times: its latency as a multiple of the original's.
        memory_mb: peak of a process that does nothing else, its libraries included.
        note: why something is missing.
    """

    name: str
    file: str | None = None
    megabytes: float | None = None
    score: float | None = None
    loss: float | None = None
    latency_ms: float | None = None
    times: float | None = None
    memory_mb: float | None = None
    note: str = ""

    def beside(self, original: "Variant") -> "Variant":
        """Itself with `loss` and `times`."""
        loss = times = None
        if self.score is not None and original.score is not None:
            loss = original.score - self.score
        if self.latency_ms is not None and original.latency_ms is not None:
            times = self.latency_ms / original.latency_ms
        return replace(self, loss=loss, times=times)


@dataclass(frozen=True)
class Comparison:
    """The variants of a model, the original first.

    Attributes:
        source: run and training.
        metric: what `score` is by.
        images: of the test split; 0 if the cache is gone, and nothing was scored.
        checked: how the file in float32 was compared with the original, output by output.
        runs: times that each was run for its latency.
    """

    source: str
    metric: str
    images: int
    checked: str
    runs: int
    variants: tuple[Variant, ...]


def export_and_compare(trained: Trained, run: Path, folder: Path, tell: Tell) -> Comparison:
    """Write `trained` into `folder`, which exists, in every precision, and `comparison.json`.

    What a graph cannot be converted to is left out, and the variant says why.

    Args:
        trained: on the CPU.
        run: the run directory that it is of.
        tell: called with a line at each step.

    Raises:
        ModelError: a package is missing, or the model cannot be exported at all.
    """
    check_packages()
    test = _split(trained, "test")
    image = _one_image(trained, test)
    float32 = folder / "model.onnx"
    tell("float32: exporting, and comparing with the original")
    checked = write_onnx(trained, float32)
    files = {"ONNX float32": float32, **_fewer_bits(trained, float32, image, tell)}
    shows = {ORIGINAL: pytorch(trained)}
    shows |= {name: onnx(trained, file) for name, file in files.items() if isinstance(file, Path)}
    variants = []
    with one_thread():
        tell("timing")
        timed = latencies(shows, image)
        for name, show in shows.items():
            tell(f"{name}: memory, and score on test")
            file = files.get(name)
            model = (file,) if isinstance(file, Path) else (run, trained.name)
            variants.append(
                Variant(
                    name=name,
                    file=file.name if isinstance(file, Path) else None,
                    megabytes=file.stat().st_size / 1e6 if isinstance(file, Path) else None,
                    score=None if test is None else score_of(trained, show, test),
                    latency_ms=timed[name],
                    memory_mb=peak_memory(image, *model),
                )
            )
    variants = [one.beside(variants[0]) for one in variants]
    variants += [Variant(name, note=why) for name, why in files.items() if isinstance(why, str)]
    compared = Comparison(
        trained.source, trained.metric, len(test or ()), checked, RUNS, tuple(variants)
    )
    text = json.dumps(asdict(compared), indent=2, ensure_ascii=False)
    write_text(folder / FILE, text + "\n")
    return compared


def show_comparison(compared: Comparison) -> str:
    """A comparison as a table for a terminal."""
    table = Table(title=f"{compared.source} on one core", title_justify="left")
    table.add_column("")
    for heading in ("MB", compared.metric, "loss", "ms", "× PyTorch", "memory, MB"):
        table.add_column(heading, justify="right")
    for one in compared.variants:
        table.add_row(
            one.name,
            _number(one.megabytes, ".1f"),
            _number(one.score, ".4f"),
            _number(one.loss, "+.4f"),
            _number(one.latency_ms, ".1f"),
            _number(one.times, ".2f"),
            _number(one.memory_mb, ".0f"),
        )
    buffer = io.StringIO()
    Console(file=buffer, width=100).print(table)
    scored = (
        f"{compared.metric} on {compared.images} test images; loss: that of PyTorch less its own"
        if compared.images
        else "no scores, because the cache of the data is gone: run the sweep again to make it"
    )
    lines = [
        *(line.rstrip() for line in buffer.getvalue().splitlines()),
        f"{scored}.",
        f"Latency: median of {compared.runs} runs of one image, in turn. Memory: peak of a process "
        "with its libraries.",
        *(f"{one.name}: {one.note}." for one in compared.variants if one.note),
        f"ONNX float32 beside PyTorch, {compared.checked}.",
    ]
    return "\n".join(lines)


def _fewer_bits(
    trained: Trained, float32: Path, image: NDArray[np.float32], tell: Tell
) -> dict[str, Path | str]:
    """The files in half and int8 beside that in float32; where there is none, why."""
    from deploy.export.precisions import CALIBRATION, write_half, write_int8

    def write_int8_if_calibrated(file: Path) -> None:
        train = _split(trained, "train")
        if train is None:
            raise ModelError("it needs training images, and the cache of the data is gone")
        write_int8(float32, file, image, train.images[:CALIBRATION])

    written: dict[str, Path | str] = {}
    for precision, write in {
        "half": lambda file: write_half(float32, file, image),
        "int8": write_int8_if_calibrated,
    }.items():
        tell(f"{precision}: converting")
        file = float32.with_name(f"model.{precision}.onnx")
        try:
            write(file)
            written[f"ONNX {precision}"] = file
        except ModelError as error:
            file.unlink(missing_ok=True)  # of an earlier export
            written[f"ONNX {precision}"] = str(error)
    return written


def _split(trained: Trained, name: str) -> Split | None:
    try:
        return trained.split(name)
    except DataError:
        return None


def _one_image(trained: Trained, test: Split | None) -> NDArray[np.float32]:
    """The first test image; without its cache, one of the mean of the training data."""
    data = trained.data
    if test is not None:
        return np.asarray(test.images[:1], dtype=np.float32)
    shape = (1, len(data.bands), data.image_size, data.image_size)
    return np.broadcast_to(data.neutral[:, None, None], shape).astype(np.float32)


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
