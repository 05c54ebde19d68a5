"""How many trials fit a machine at once: a slot is the share of it that one trial holds."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
class Slots:
    """The slots in which a sweep's trials run.

    Attributes:
        cpu: CPU cores, and torch threads, of each.
        gpu: share of one GPU, at most 1; 0 without one.
        count: how many trials run at once.
        per_machine: how many of them on the machine that takes most.
        note: how this differs from what the sweep asks for, in a sentence; empty if it does not.
    """

    cpu: int
    gpu: float
    count: int
    per_machine: int
    note: str = ""

    def joined(self, number: int) -> "Slots":
        """Slots of which each has the GPU shares of `number` of these, at most a whole GPU."""
        return replace(self, gpu=min(1.0, number * self.gpu))

    def on(self, machines: Sequence[Machine]) -> int:
        """How many such slots there are on `machines`."""
        return sum(_fit(machine, self.cpu, self.gpu) for machine in machines)


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
    gpu = resources.gpu if gpus else 0.0
    fitting = [_fit(machine, resources.cpu, gpu) for machine in machines]
    count = sum(fitting)
    if count == 0:
        with_gpu = [machine for machine in machines if machine.gpus or not gpu]
        most = max(machine.cpus for machine in with_gpu)
        kind = "largest machine with a GPU" if gpu else "largest machine"
        raise DoesNotFitError(
            f"a trial needs {resources.cpu} CPU cores and the {kind} has {most}: "
            "lower resources.cpu"
        )
    note = ""
    if resources.gpu and not gpus:
        note = "no GPU was found: trials run on the CPU cores"
    elif gpu and _per_gpu(gpu) * gpu < 0.999:
        idle = 1 - _per_gpu(gpu) * gpu
        note = f"{gpu:g} does not divide a GPU: {_per_gpu(gpu)} trials on each, {idle:.0%} idle"
    return Slots(resources.cpu, gpu, count, max(fitting), note)


def limit_to_slot(slots: Slots) -> "torch.device":
    """Limit this worker to its slot: its threads, and its share of the GPU's memory.

    Ray does not enforce a share of a GPU. With the limit, a trial that needs more memory fails
    alone, with a reason, and the other trials on that GPU continue.

    Returns:
        The device to train on.
    """
    import torch

    torch.set_num_threads(slots.cpu)
    if not slots.gpu or not torch.cuda.is_available():
        return torch.device("cpu")
    if slots.gpu < 1:
        torch.cuda.set_per_process_memory_fraction(slots.gpu)
    return torch.device("cuda")


def device_name(device: "torch.device") -> str:
    """The name of a device in the records: that of the GPU, or `cpu`."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _fit(machine: Machine, cpu: int, gpu: float) -> int:
    by_cpu = machine.cpus // cpu
    if not gpu:
        return by_cpu
    return min(by_cpu, machine.gpus * _per_gpu(gpu))


def _per_gpu(share: float) -> int:
    # 1 / 0.1 is 9.999…: rounding errors are ignored, as in Ray's own fixed-point shares.
    return int(1 / share + 1e-4)
