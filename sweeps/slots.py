"""How many trials fit a machine at once: a slot is the share of it that one trial holds."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweeps.schema import Resources

if TYPE_CHECKING:
    import torch


class DoesNotFitError(ValueError):
    """Not a single trial fits the machine."""


@dataclass(frozen=True)
class Machine:
    """What there is to share out; of a cluster, each node is one."""

    cpus: int
    gpus: int


@dataclass(frozen=True)
class Slots:
    """The slots that a sweep runs in.

    Attributes:
        cpu: CPU cores, and torch threads, of each.
        gpu: share of one GPU, at most 1; 0 without one.
        count: how many trials run at once.
        per_machine: how many of them on the machine that takes most.
        note: what was decided for the user, in a sentence; empty if nothing.
    """

    cpu: int
    gpu: float
    count: int
    per_machine: int
    note: str = ""

    @property
    def lag(self) -> int:
        """A trial learns from the trials numbered at least this many before it.

        All of those have ended when it is proposed, whatever finished first: that makes search
        and pruning the same twice. One and a half rounds of slots leave room for slow trials,
        so that a slot seldom waits; a single slot needs none.
        """
        return self.count + self.count // 2


def this_machine() -> Machine:
    """The cores this process may use, and the GPUs that torch sees."""
    import torch

    return Machine(len(os.sched_getaffinity(0)), torch.cuda.device_count())


def share_out(resources: Resources, machines: list[Machine]) -> Slots:
    """Slots of the asked size on `machines`.

    Several GPUs are not one pool: a trial's share comes from a single GPU, so 0.3 fits three
    times on each.

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
        note = "no GPU here: trials share the CPU cores instead"
    elif gpu and _per_gpu(gpu) * gpu < 0.999:
        idle = 1 - _per_gpu(gpu) * gpu
        note = f"{gpu:g} does not divide a GPU: {_per_gpu(gpu)} trials on each, {idle:.0%} idle"
    return Slots(resources.cpu, gpu, count, max(fitting), note)


def occupy(slots: Slots) -> "torch.device":
    """Keep this worker within its slot: its threads, and its share of the GPU's memory.

    A share of a GPU limits nothing by itself. Held to it, a trial that needs more fails by itself,
    with a reason, instead of taking its neighbours down.
    """
    import torch

    torch.set_num_threads(slots.cpu)
    if not slots.gpu or not torch.cuda.is_available():
        return torch.device("cpu")
    if slots.gpu < 1:
        torch.cuda.set_per_process_memory_fraction(slots.gpu)
    return torch.device("cuda")


def device_name(device: "torch.device") -> str:
    """What the table calls a device: the GPU's name, or `cpu`."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _fit(machine: Machine, cpu: int, gpu: float) -> int:
    by_cpu = machine.cpus // cpu
    if not gpu:
        return by_cpu
    return min(by_cpu, machine.gpus * _per_gpu(gpu))


def _per_gpu(share: float) -> int:
    # 1 / 0.1 is 9.999…: a hair is forgiven, as Ray's own fixed-point shares do.
    return int(1 / share + 1e-4)
