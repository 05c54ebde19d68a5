"""How many trials fit a machine at once: a slot is the share of it that one trial holds."""

import os
from dataclasses import dataclass

from sweeps.schema import Resources


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
        gpu: share of one GPU (at most 1), or a number of whole GPUs; 0 without one.
        count: how many trials run at once.
        note: what was decided for the user, in a sentence; empty if nothing.
    """

    cpu: int
    gpu: float
    count: int
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
    count = sum(_fit(machine, resources.cpu, gpu) for machine in machines)
    if count == 0:
        most_cpus = max(machine.cpus for machine in machines)
        most_gpus = max(machine.gpus for machine in machines)
        short = (
            f"{resources.cpu} CPU cores and the largest machine has {most_cpus}: "
            "lower resources.cpu"
            if resources.cpu > most_cpus
            else f"{gpu:g} GPUs and the largest machine has {most_gpus}: lower resources.gpu"
        )
        raise DoesNotFitError(f"a trial needs {short}")
    note = ""
    if resources.gpu and not gpus:
        note = "no GPU here: trials share the CPU cores instead"
    elif 0 < gpu <= 1 and _per_gpu(gpu) * gpu < 0.999:
        idle = 1 - _per_gpu(gpu) * gpu
        note = f"{gpu:g} does not divide a GPU: {_per_gpu(gpu)} trials on each, {idle:.0%} idle"
    return Slots(resources.cpu, gpu, count, note)


def _fit(machine: Machine, cpu: int, gpu: float) -> int:
    by_cpu = machine.cpus // cpu
    if not gpu:
        return by_cpu
    by_gpu = machine.gpus * _per_gpu(gpu) if gpu <= 1 else machine.gpus // int(gpu)
    return min(by_cpu, by_gpu)


def _per_gpu(share: float) -> int:
    # 1 / 0.1 is 9.999…: a hair is forgiven, as Ray's own fixed-point shares do.
    return int(1 / share + 1e-4)
