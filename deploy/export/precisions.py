"""The same network in fewer bits, made from its ONNX file in float32; needs onnxruntime."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions
from onnxruntime.capi import onnxruntime_pybind11_state as state
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

from deploy.errors import ModelError
from deploy.export.onnx_file import quiet
from runs.files import whole_file

PRODUCTS = ("Conv", "MatMul", "Gemm")
"""Operators that hold nearly all weights and take nearly all time."""

CALIBRATION = 32
"""Training images that the ranges of values are taken from, at most."""

FAILURES = (
    *(state.Fail, state.InvalidArgument, state.InvalidGraph, state.NotImplemented),
    *(state.RuntimeException, RuntimeError, ValueError, TypeError, KeyError, AttributeError),
)
"""What the converters and the runtime raise for a graph that they cannot handle."""


def open_session(file: Path) -> InferenceSession:
    """A file ready to run on one core."""
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return InferenceSession(file, options, providers=["CPUExecutionProvider"])


def write_half(float32: Path, file: Path, image: NDArray[np.float32]) -> None:
    """Weights and arithmetic in float16; what goes in and comes out stays float32.

    So does the normalisation: stored values of 16 bits lie beyond what float16 can hold.

    Args:
        image: stored values [1, C, S, S] that the file is tried on.

    Raises:
        ModelError: the graph cannot be converted.
    """

    def convert(partial: Path) -> None:
        model = onnx.load(float32)
        before = _before_the_first_product(model.graph)
        onnx.save(
            convert_float_to_float16(model, keep_io_types=True, node_block_list=before), partial
        )

    _write(file, image, convert)


def write_int8(
    float32: Path, file: Path, image: NDArray[np.float32], training: NDArray[np.generic]
) -> None:
    """Products in 8-bit integers, weights a channel at a time; all other arithmetic in float32.

    Static, as onnxruntime's documentation advises for convolutional networks: the ranges of values
    are taken from `training`, and none has to be found while the model runs. Only the products,
    because of a detector the boxes would be rounded too, to 256 steps.

    Args:
        image: stored values [1, C, S, S] that the file is tried on.
        training: stored values [N, C, S, S] of training images.

    Raises:
        ModelError: the graph cannot be converted.
    """

    def convert(partial: Path) -> None:
        quantize_static(
            float32,
            partial,
            _Images(training),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(PRODUCTS),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )

    _write(file, image, convert)


def _write(file: Path, image: NDArray[np.float32], convert: Callable[[Path], None]) -> None:
    """Write `file` whole, if it can be run."""
    with whole_file(file) as partial:
        try:
            with quiet():
                convert(partial)
                open_session(partial).run(None, {"images": image})
        except FAILURES as error:
            reason = str(error).strip().splitlines()[0].rpartition(" : ")[2].removesuffix(".")
            reason = reason.replace(str(partial), file.name)
            raise ModelError(f"onnxruntime cannot convert this graph ({reason})") from None


def _before_the_first_product(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes that standardise the images; a graph is in the order of execution."""
    kinds = [node.op_type for node in graph.node]
    first = min(kinds.index(kind) for kind in PRODUCTS if kind in kinds)
    return [node.name for node in graph.node[:first]]


class _Images(CalibrationDataReader):
    """Images one at a time, as the quantisation asks for them."""

    def __init__(self, images: NDArray[np.generic]) -> None:
        self._waiting: Iterator[NDArray[np.generic]] = iter(images)

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next input, or None."""
        image = next(self._waiting, None)
        return None if image is None else {"images": image[None].astype(np.float32)}
