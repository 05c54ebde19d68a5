"""Whether there is space for a run: what it writes, where, and how much is free there.

Sizes follow from the parameters of the arms' models. A training holds its best weights and, to
resume from, its latest state and the one before, each of weights and AdamW's two moments, and of
the average of the weights, if there is one.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ray._private.ray_constants import OBJECT_STORE_MINIMUM_MEMORY_BYTES

from models.features import FEATURES, FeatureStore, bytes_kept
from runs.directory import GROUPS
from runs.files import is_writable, nearest_folder
from sweeps.cluster import place_of_ray
from sweeps.faults import SweepError
from sweeps.fine_tuning import averages
from sweeps.nodes import cluster_address
from sweeps.plan import Plan
from sweeps.space import complete

STATE = 3
"""A state to resume from, in weights: the weights themselves and AdamW's two moments."""


SHARED_MEMORY = Path("/dev/shm")
"""A file system of Linux that lies in memory."""


@dataclass(frozen=True)
class Need:
    """What a run writes into a folder.

    Attributes:
        what: is written.
        least, most: bytes: what the run cannot do without, and what it takes if every trial waits.
        free: bytes that are free there.
    """

    what: str
    folder: Path
    least: int
    most: int
    free: int

    def sentence(self) -> str:
        """What is needed, and what is free."""
        needed = _size(self.least)
        if self.most > self.least:
            needed += f" to {_size(self.most)}"
        short = "; this may be too little" if self.most > self.free else ""
        return f"{self.what}: {needed} of {_size(self.free)} that are free in {self.folder}{short}"


def needs(plan: Plan) -> list[Need]:
    """What is still to be written into the cache, the run directory and Ray's own folder."""
    found = [_of_cache(plan), _of_features(plan), of_trainings(plan)]
    if cluster_address(plan.sweep.cluster) is None:
        found.append(_of_ray())
    return [need for need in found if need.most]


def check_disk(plan: Plan) -> None:
    """Refuse a run that surely has too little space, or a cache that cannot be completed.

    Raises:
        SweepError: with a sentence for each file system that is too small.
    """
    if plan.missing and not is_writable(plan.cache):
        names = ", ".join(stage.name for stage in plan.missing)
        raise SweepError(
            f"{plan.cache} is read-only, but lacks initial weights that are to be made ({names}): "
            "make it writable, or name another folder with --cache DIR"
        )
    if _of_features(plan).most and not is_writable(plan.cache) and not _kept(plan):
        raise SweepError(
            f"{plan.cache} is read-only, but lacks the features of frozen backbones: make it "
            "writable, name another folder with --cache DIR, or set keep_features: false"
        )
    if short := [line for group in _by_disk(needs(plan)) for line in _shortage(group)]:
        raise SweepError("\n".join(short))


def _of_cache(plan: Plan) -> Need:
    """Weights of the stages that are to be made, and what those in training resume from."""
    sizes = [
        max(plan.weights[arm] for arm in plan.served_by(stage))
        for stage in plan.missing
        if plan.served_by(stage)
    ]
    at_once = sum(sorted(sizes)[-plan.at_once :])
    made = sum(sizes)
    return _need("initial weights", plan.cache, made, made + 2 * STATE * at_once)


def _of_features(plan: Plan) -> Need:
    """Features of frozen backbones: one set for each network, its initial weights and the data.

    Networks from scratch have other weights under every seed. On a GPU most maps are in bfloat16,
    of half the size. Which of those in the cache are of these weights is not known before the
    weights are made: they are taken to be.
    """
    starts = {arm: stage and stage.key for arm, stage in plan.starts.items()}
    names = {arm: complete(plan.sweep, arm)["backbone"] for arm in plan.features}
    data = {arm: plan.seen[arm].fingerprint for arm in plan.features}
    sets = {(data[arm], names[arm], starts[arm], size) for arm, size in plan.features.items()}
    seeds = plan.sweep.repeats.seeds if plan.sweep.repeats else 0
    once = sum(size for *_, size in sets)
    again = sum(seeds * size for *_, start, size in sets if start is None)
    kept = _kept(plan)
    least = max(0, once - kept) // (2 if plan.slots.gpu else 1)
    return _need("features of frozen backbones", plan.cache, least, max(0, once + again - kept))


def _kept(plan: Plan) -> int:
    """What features of the arms' data take that are in the cache."""
    data = {plan.seen[arm].fingerprint for arm in plan.features}
    return sum(bytes_kept(FeatureStore(plan.cache / FEATURES, one)) for one in data)


def _of_ray() -> Need:
    """Its object store lies in shared memory; on disk where that is small, as in containers."""
    least = OBJECT_STORE_MINIMUM_MEMORY_BYTES
    shared = SHARED_MEMORY.is_dir() and shutil.disk_usage(SHARED_MEMORY).free >= least
    place = SHARED_MEMORY if shared else place_of_ray()
    return _need("Ray's object store", place, least, least)


def of_trainings(plan: Plan) -> Need:
    """Best weights of each arm and of its repeats, and what unfinished trials resume from."""
    largest = max(plan.weights.values())
    repeats = plan.trainings - plan.trials
    kept = sum(sorted(plan.weights.values())[: plan.trials]) + repeats * largest
    at_once = min(plan.at_once, plan.trials)
    least = kept + at_once * largest  # of frozen parts, a state holds no moments
    waiting = plan.trials if plan.sweep.scheduler.name != "none" else at_once
    state = STATE + averages(plan.sweep)
    most = max(least, kept + waiting * (1 + 2 * state) * largest)
    files = (file for group in GROUPS for file in (plan.directory.path / group).glob("*/*"))
    written = sum(file.stat().st_size for file in files)
    what = "checkpoints and weights"
    return _need(what, plan.directory.path, max(0, least - written), max(0, most - written))


def _need(what: str, folder: Path, least: int, most: int) -> Need:
    return Need(what, folder, least, most, shutil.disk_usage(nearest_folder(folder)).free)


def _by_disk(found: Iterable[Need]) -> list[list[Need]]:
    """Those of one file system share its space."""

    def disk(need: Need) -> int:
        return nearest_folder(need.folder).stat().st_dev

    return [list(group) for _, group in groupby(sorted(found, key=disk), disk)]


def _shortage(group: list[Need]) -> list[str]:
    """A sentence where needs of one file system are together larger than what is free."""
    least, free = sum(need.least for need in group), group[0].free
    if least <= free:
        return []
    parts = " and ".join(f"{need.what} in {need.folder}" for need in group)
    return [
        f"the disk is too small: {parts} need at least {_size(least)}, and {_size(free)} are free: "
        "free some, or choose other folders with --results DIR and --cache DIR"
    ]


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
