"""What a job raises has failed; what happened to its worker or its disk is no result."""

import errno

import pytest
import torch

from datasets import DataError
from sweeps.failures import Failure, failure_of, lost_worker
from sweeps.retries import IN_A_ROW, Retries

LOST = lost_worker("")
FULL = failure_of(OSError(errno.ENOSPC, "the disk is full", "trials/000/weights.safetensors"))


def test_what_a_job_raises_itself_is_not_tried_again() -> None:
    failure = failure_of(RuntimeError("CUDA out of memory"))
    assert (failure.kind, failure.reason) == ("raised", "RuntimeError: CUDA out of memory")
    assert not Retries(3).again("a", failure)


def test_a_job_that_has_lost_its_worker_is_tried_again_so_often() -> None:
    retries = Retries(2)
    assert [retries.again("a", LOST) for _ in range(3)] == [True, True, False]
    assert retries.failed("a") == 3
    assert retries.again("b", LOST), "another job is counted for itself"


def test_an_epoch_that_was_not_done_before_makes_up_for_all_losses() -> None:
    """A long training on machines that come and go is never given up as long as it comes on."""
    retries = Retries(1)
    for epoch in (1, 2, 3):
        assert retries.again("a", LOST)
        retries.progress("a", epoch)
    assert retries.again("a", LOST)
    retries.progress("a", 3)
    assert not retries.again("a", LOST), "epoch 3 was done again, and no further one"


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_what_runs_out_of_a_gpus_memory_is_not_tried_again_as_it_was(error: Exception) -> None:
    failure = failure_of(error)
    assert failure.kind == "memory"
    assert not Retries(3).again("a", failure)


def test_failures_of_one_cause_in_a_row_are_nobodys_fault_and_stop_the_sweep() -> None:
    retries = Retries(0)
    others = [failure_of(OSError(errno.ENOSPC, "full", f"trials/{one}")) for one in "bc"]
    judged = [retries.again(name, one) for name, one in zip("abc", [FULL, *others], strict=True)]
    assert judged == [False, True, True]
    assert retries.hopeless


@pytest.mark.parametrize("other", [OSError(errno.EIO, "I/O error", "x"), DataError("no cache")])
def test_other_causes_and_progress_of_anybody_begin_a_new_row(other: Exception) -> None:
    retries = Retries(9)
    for _ in range(IN_A_ROW - 1):
        retries.again("a", FULL)
    retries.again("a", failure_of(other))
    retries.again("a", FULL)
    assert not retries.hopeless
    retries.again("b", FULL)
    retries.progress("c", 1)
    retries.again("b", FULL)
    assert not retries.hopeless


def test_lost_workers_alone_never_stop_a_sweep() -> None:
    """A machine that is lost takes the workers of all its slots at once."""
    retries = Retries(1)
    for slot in range(8):
        retries.again(str(slot), LOST)
    assert not retries.hopeless


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("The actor died because its node has died. Node Id: 1f", "its machine was lost"),
        ("an error raised in its creation task, ray::R.__init__()", "could not be started"),
        ("Task was killed due to the node running low on memory.", "nearly full"),
        ("Worker exit type: SYSTEM_ERROR (1) the process was killed by the OOM killer", "killed"),
    ],
)
def test_why_a_worker_was_lost_is_told_in_words(message: str, why: str) -> None:
    assert lost_worker(message).reason.endswith(why)


def test_a_failure_names_the_file_and_fits_a_line() -> None:
    assert Failure("system", "ENOSPC", "trials/000/weights.safetensors: the disk is full") == FULL
    assert len(failure_of(ValueError("very long\n" * 100)).reason) <= 240
