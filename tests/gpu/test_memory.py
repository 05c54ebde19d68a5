"""A slot ends where its share of the GPU does, and the failure is told from others."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
import torch

from sweeps.failures import Failure, failure_of
from sweeps.slots import Slots, for_tensors, limit_to_slot


def fill(gigabytes: float) -> Failure | None:
    """Take so much of a GPU in a slot of a fifth of it; what came of it."""
    limit_to_slot(Slots(cpu=1, gpu=0.2, count=1, per_machine=1))
    try:
        torch.empty(round(gigabytes * 1e9), dtype=torch.uint8, device="cuda")
    except torch.OutOfMemoryError as error:
        return failure_of(error)
    return None


@pytest.mark.parametrize(("part", "kind"), [(0.9, None), (1.1, "memory")])
def test_a_slot_that_is_too_small_is_told_from_other_failures(
    gpu: torch.device, part: float, kind: str | None
) -> None:
    total = torch.cuda.get_device_properties(gpu).total_memory
    # In a process of its own: a limit stays for as long as a process lives.
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        failure = process.submit(fill, part * for_tensors(0.2, total) * total / 1e9).result()
    assert (failure and failure.kind) == kind
