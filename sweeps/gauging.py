"""Before the trials, the trainings of the arms are measured on the GPUs that they will run on.

Each is alone on a GPU, which is held for that: first one copy, then 2, 4, 8, …, each a process of
its own, until more of them do not make all together faster, or have no room.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import ray
import torch
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import (
    NodeAffinitySchedulingStrategy,
    PlacementGroupSchedulingStrategy,
)

from datasets import Prepared, open_split
from models.build import model_for, recipe_of
from models.gauge import Taken, taken, turns
from models.tasks import TASKS
from runs.arms import Arm
from runs.errors import EosweepError
from runs.progress import Progress
from sweeps.cards import Card, this_card
from sweeps.failures import Failure, failure_of, lost_worker
from sweeps.gauges import GAIN, Gauge, Shape, keep, kept
from sweeps.packing import cores_of_a_gpu, slots_of
from sweeps.plan import Plan
from sweeps.shaping import largest_config
from sweeps.space import Config
from sweeps.sync import Sync

ANSWER_S = 600.0
"""How long copies may take for a turn. The first one includes starting processes."""
PART = 0.01
"""Of the GPU that is held for a measurement, each copy is given so much: Ray asks for a number."""


class NoGpuError(EosweepError):
    """PyTorch does not see a GPU that Ray has."""


class CopyFailedError(EosweepError):
    """A copy of a training has failed; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


@dataclass(frozen=True)
class Work:
    """What a copy trains.

    Attributes:
        data: as the arm sees them.
        sync: brings them to the node.
    """

    task: str
    config: Config
    data: Prepared
    sync: Sync


class Copies(Protocol):
    """Copies of a training, which run at the same time. CopyFailedError: one has failed."""

    def grow(self, copies: int) -> list[Taken]:
        """Start more of them, so that there are so many, and warm these up; what each takes."""

    def turn(self) -> float:
        """Let all take a turn, from the same moment; their optimiser steps a second, together."""


def gauge(copies: Copies, memory: int, most: int) -> Gauge:
    """Measure a training alone, then 2, 4, 8, … copies of it.

    Args:
        memory: bytes of the GPU.
        most: so many copies may run at once.

    Raises:
        CopyFailedError: the training has failed alone.
    """
    (first,) = copies.grow(1)
    rates = {1: copies.turn()}
    count = 2
    while count <= most and count * (first.reserved + first.context) <= memory:
        try:
            copies.grow(count)
            rates[count] = copies.turn()
        except CopyFailedError:
            break
        if rates[count] < GAIN * rates[count // 2]:
            break
        count *= 2
    return Gauge(rates, first.reserved, first.context)


def measured(
    plan: Plan, progress: Progress, device_of: Callable[[], Card | None] = this_card
) -> Plan:
    """The plan with the slots of its arms, whose trainings are measured if they are not known.

    Ray must have been started. With shares that the sweep has written, nothing is measured.

    Args:
        device_of: asked on each node, for its GPU.

    Raises:
        NoGpuError: PyTorch does not see a GPU that Ray has.
    """
    if not plan.shapes:
        return plan
    gauges, failed = {}, dict[Arm, str]()
    for card, node in _cards(device_of).items():
        gauges[card] = kept(plan.cache, plan.shapes.values(), card)
        unknown = [arm for arm in plan.shapes if plan.shapes[arm] not in gauges[card]]
        new: dict[Shape, Arm] = {}
        for arm in unknown:
            new.setdefault(plan.shapes[arm], arm)
        for number, (shape, arm) in enumerate(new.items(), start=1):
            told = f"measuring on the {card.name}, {number} of {len(new)}: {arm.title}"
            try:
                gauges[card][shape] = _measure(plan, arm, card, node, progress, told)
            except CopyFailedError as error:
                failed |= {one: str(error) for one, s in plan.shapes.items() if s == shape}
                continue
            keep(plan.cache, shape, card, gauges[card][shape])
    return replace(plan, measured=slots_of(plan.shapes, gauges, plan.machines), unmeasured=failed)


def _measure(plan: Plan, arm: Arm, card: Card, node: str, progress: Progress, told: str) -> Gauge:
    cores = cores_of_a_gpu(plan.machines)
    work = Work(plan.sweep.task, largest_config(plan.sweep, arm), plan.seen[arm], plan.sync)
    progress.step(f"{told}, waiting for a GPU")
    with _held(node, cores) as place, _Processes(work, place, cores, progress, told) as copies:
        return gauge(copies, card.memory, cores)


@contextlib.contextmanager
def _held(node: str, cores: int) -> Iterator[PlacementGroup]:
    """A GPU of a node and its cores, for nobody else."""
    here = f"node:{_address(node)}"
    place = placement_group([{"GPU": 1, "CPU": cores, here: 0.001}])
    try:
        ray.get(place.ready())
        yield place
    finally:
        remove_placement_group(place)


class _Processes:
    """Copies as Ray's actors in one place."""

    def __init__(
        self, work: Work, place: PlacementGroup, cores: int, progress: Progress, told: str
    ) -> None:
        self.work, self.cores, self.progress, self.told = work, cores, progress, told
        strategy = PlacementGroupSchedulingStrategy(place, placement_group_bundle_index=0)
        self.kind = ray.remote(num_gpus=PART, num_cpus=0, scheduling_strategy=strategy)(Copy)
        self.actors: list[Any] = []

    def __enter__(self) -> Copies:
        return self

    def __exit__(self, *_: object) -> None:
        for actor in self.actors:
            ray.kill(actor)

    def grow(self, copies: int) -> list[Taken]:
        self.progress.step(f"{self.told}, {copies} at once" if copies > 1 else self.told)
        new = [self.kind.remote() for _ in range(copies - len(self.actors))]
        self.actors += new
        threads = max(1, self.cores // copies)
        return _answers([actor.warm_up.remote(self.work, threads) for actor in new])

    def turn(self) -> float:
        threads = max(1, self.cores // len(self.actors))
        return sum(_answers([actor.turn.remote(threads) for actor in self.actors]))


class Copy:
    """A training in a process of its own, which waits between its turns."""

    turns: Iterator[float]

    def warm_up(self, work: Work, threads: int) -> Taken:
        """Build the model and take the first turn; what is taken at its peak."""
        work.sync.fetch(work.data.folder)
        torch.manual_seed(0)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.turns = turns(
            model_for(work.task, work.config, work.data),
            TASKS[work.task],
            open_split(work.data, "train"),
            open_split(work.data, "val"),
            recipe_of(work.config),
            device,
        )
        self.turn(threads)
        return taken(device)

    def turn(self, threads: int) -> float:
        """Another turn, in so many threads; its optimiser steps a second."""
        torch.set_num_threads(threads)
        return next(self.turns)


def _answers(asked: Sequence[Any]) -> list[Any]:
    """What actors answer. CopyFailedError: one has failed, has died, or does not answer."""
    try:
        return ray.get(list(asked), timeout=ANSWER_S)
    except RayTaskError as error:
        raise CopyFailedError(failure_of(error.cause)) from error
    except RayActorError as error:
        raise CopyFailedError(lost_worker(str(error))) from error
    except GetTimeoutError as error:
        why = f"no answer in {ANSWER_S / 60:g} minutes"
        raise CopyFailedError(Failure("lost", "lost", why)) from error


def _cards(device_of: Callable[[], Card | None]) -> Mapping[Card, str]:
    """The kinds of GPU of the cluster, and a node of each; those of one node are taken to be alike.

    Raises:
        NoGpuError: PyTorch does not see the GPU of a node.
    """
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("GPU")]
    cards: dict[Card, str] = {}
    for node in nodes:
        at = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ask = ray.remote(num_gpus=1, num_cpus=0, max_retries=0, scheduling_strategy=at)
        try:
            card = ray.get(ask(device_of).remote())
        except RayError as error:
            why = str(error).strip().splitlines()[-1]
            raise NoGpuError(
                f"node {node['NodeManagerHostname']} does not tell its GPU: {why}"
            ) from None
        if card is None:
            raise NoGpuError(
                f"PyTorch does not see the GPU that Ray has on node {node['NodeManagerHostname']}: "
                "install a PyTorch with CUDA there, or write resources.gpu: 0"
            )
        cards.setdefault(card, node["NodeID"])
    return cards


def _address(node: str) -> str:
    return next(one["NodeManagerAddress"] for one in ray.nodes() if one["NodeID"] == node)
