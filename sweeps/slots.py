"""How many trials fit a machine at once: a slot is the share of it that one trial holds."""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runs.errors import EosweepError
from sweeps.schema import Resources

if TYPE_CHECKING:
    import torch


class DoesNotFitError(EosweepError):
    """Not a single trial fits the machine."""


@dataclass(frozen=True)
class Machine:
    """The resources of one machine, or of one node of a cluster."""

    cpus: int
    gpus: int


@dataclass(frozen=True)
class Slot:
    """What one job holds of a machine.

    Attributes:
        cpu: CPU cores, and torch threads.
        gpu: share of one GPU, at most 1; 0 without one.
    """

    cpu: int
    gpu: float

    @property
    def doubled(self) -> "Slot":
        """With twice the share of the GPU, at most all of it."""
        return Slot(self.cpu, min(1.0, 2 * self.gpu))


@dataclass(frozen=True)
class Slots:
    """The slots in which a sweep's trials run, where nothing else is known of their arms.

    Attributes:
        cpu, gpu: of each, see `Slot`.
        count: how many trials run at once.
        per_machine: how many of them on the machine that takes most.
        note: how this differs from what the sweep asks for, in a sentence; empty if it does not.
    """

    cpu: int
    gpu: float
    count: int
    per_machine: int
    note: str = ""

    @property
    def each(self) -> Slot:
        """One of them."""
        return Slot(self.cpu, self.gpu)

    def of(self, gpu: float | None) -> float:
        """How many of them a share of a GPU is; 1 without one."""
        return gpu / self.gpu if gpu and self.gpu else 1.0


def this_machine() -> Machine:
    """The cores this process may use, and the GPUs that torch sees."""
    import torch

    return Machine(len(os.sched_getaffinity(0)), torch.cuda.device_count())


def allocate(resources: Resources, machines: list[Machine]) -> Slots:
    """Divide `machines` into slots of the size that the sweep asks for.

    Several GPUs are not one pool: a trial's share is of a single GPU, so that three shares of 0.3
    fit on each.

    Raises:
        DoesNotFitError: saying which resource is short.
    """
    gpus = sum(machine.gpus for machine in machines)
    gpu = (1.0 if resources.gpu is None else resources.gpu) if gpus else 0.0
    fitting = [_fit(machine, Slot(resources.cpu, gpu)) for machine in machines]
    count = sum(fitting)
    if count == 0:
        with_gpu = [machine for machine in machines if machine.gpus or not gpu]
        most = max(machine.cpus for machine in with_gpu)
        kind = "largest machine with a GPU" if gpu else "largest machine"
        raise DoesNotFitError(
            f"a trial needs {resources.cpu} CPU cores and the {kind} has {most}: "
            "lower resources.cpu"
        )
    if not gpu:
        note = "no GPU was found: trials run on the CPU cores" if resources.gpu else ""
        return Slots(resources.cpu, 0.0, count, max(fitting), note)
    crowds = [
        math.ceil(fit / machine.gpus) for machine, fit in zip(machines, fitting, strict=True) if fit
    ]
    share = max(gpu, part(max(crowds)))
    used = sum(math.ceil(fit / _per_gpu(share)) for fit in fitting)
    note = _note(resources, share, used, gpus)
    return Slots(resources.cpu, share, count, max(fitting), note)


def limit_to_slot(slot: Slot) -> "torch.device":
    """Limit this worker to its slot: its threads, and its share of the GPU's memory.

    Ray does not enforce a share of a GPU. With the limit, a trial that needs more memory fails
    alone, with a reason, and the other trials on that GPU continue.

    Returns:
        The device to train on.
    """
    import torch

    torch.set_num_threads(slot.cpu)
    if not slot.gpu or not torch.cuda.is_available():
        return torch.device("cpu")
    if slot.gpu < 1:
        total = torch.cuda.get_device_properties("cuda").total_memory
        torch.cuda.set_per_process_memory_fraction(for_tensors(slot.gpu, total))
    return torch.device("cuda")


def for_tensors(share: float, total: int) -> float:
    """The part of a GPU's memory of `total` bytes that a trial may fill with tensors.

    Raises:
        ValueError: its share has no room for CUDA itself.
    """
    from models.gpu import CONTEXT

    left = share - CONTEXT / total
    if left <= 0:
        raise ValueError(
            f"a share of {share:g} of a GPU of {total / 2**30:.0f} GiB is too small for CUDA "
            "itself: set a larger resources.gpu"
        )
    return left


def device_name(device: "torch.device") -> str:
    """In the records: `cpu`, or the name of the GPU, and its type where that is not bfloat16."""
    import torch

    from models.gpu import computes_bfloat16

    if device.type != "cuda":
        return "cpu"
    name = torch.cuda.get_device_name(device)
    return name if computes_bfloat16(device) else f"{name}, float32"


def part(trials: int) -> float:
    """Of a GPU, if so many trials have it in equal parts; Ray counts in steps of 0.0001."""
    return 10_000 // trials / 10_000


def _note(resources: Resources, share: float, used: int, gpus: int) -> str:
    """How the shares differ from what is asked for, and how many GPUs stay idle."""
    notes = []
    if resources.gpu is not None and share > resources.gpu + 1e-4:
        notes.append(f"a trial gets {share:g} of a GPU instead of {resources.gpu:g}: as many fit")
    if used < gpus:
        notes.append(f"{used} of {gpus} GPUs are used, for want of cores: lower resources.cpu")
    return "; ".join(notes)


def count_on(machines: Iterable[Machine], slot: Slot) -> int:
    """How many jobs that hold `slot` there may be at once."""
    return sum(_fit(machine, slot) for machine in machines)


def _fit(machine: Machine, slot: Slot) -> int:
    by_cpu = machine.cpus // slot.cpu
    if not slot.gpu:
        return by_cpu
    return min(by_cpu, machine.gpus * _per_gpu(slot.gpu))


def _per_gpu(share: float) -> int:
    # 1 / 0.1 is 9.999…: rounding errors are ignored, as in Ray's own fixed-point shares.
    return int(1 / share + 1e-4)
