"""Trials an hour of the shipped landslide sweep, on made-up data of Landslide4Sense's true size.

    python benchmarks/throughput.py --minutes 3 resources.gpu=1 resources.gpu=auto

Writes 3,799, 245 and 800 synthetic patches in the layout of the hub (once; 14 bands, 128 px), then
runs `sweeps/landslide_backbones.yaml` with each override for so many minutes from random weights,
in an order of its own each. Prints what each did, in trainings of mean cost to their end an hour,
counted in the operations of the epochs that ended after the first one, and the ratio to the first.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from datasets.samples import landslide4sense
from runs.directory import RunDirectory
from runs.records import RunRecord, TrialRecord

HERE = Path(__file__).resolve().parent.parent
SWEEP = HERE / "sweeps" / "landslide_backbones.yaml"
SIZES = {"train": 3799, "validation": 245, "test": 800}
SPENT = 3
"""The exit status of a command whose `budget.hours` are over."""


def write_data(root: Path, share: float) -> None:
    """All patches of Landslide4Sense, or a share of each split, made up on all cores."""
    if root.exists():
        return
    made = root.with_name(f"{root.name}-unfinished")
    patches = []
    for split, size in SIZES.items():
        for kind in ("images", "annotations"):
            (made / kind / split).mkdir(parents=True, exist_ok=True)
        patches += [(split, number) for number in range(1, max(8, round(share * size)) + 1)]
    with ProcessPoolExecutor() as pool:
        splits, numbers = zip(*patches, strict=True)
        write = partial(landslide4sense.write_patch, made, seed=0)
        list(pool.map(write, splits, numbers, chunksize=16))
    made.rename(root)


def run(override: str, data: Path, folder: Path, minutes: float) -> RunDirectory:
    """A run of so many minutes."""
    name = f"throughput-{override.replace('=', '-')}"
    command: list[str | Path] = [
        *(sys.executable, HERE / "tune_main.py", SWEEP, f"name={name}", f"dataset.root={data}"),
        *("compare.pretraining=[scratch]", f"budget.hours={minutes / 60}", override),
        *("--results", folder / "results", "--cache", folder / "cache"),
    ]
    status = subprocess.run(command, check=False, stdout=sys.stderr).returncode
    if status not in (0, SPENT):
        raise SystemExit(f"{name} ended with status {status}")
    return RunDirectory(folder / "results" / name)


def trials_an_hour(directory: RunDirectory) -> tuple[float, int]:
    """Trainings of mean cost to their end an hour, and how many epochs this is of."""
    record = directory.run()
    ended = sorted(_epochs(record, directory.trials()))
    if len(ended) < 2:
        raise SystemExit(f"{directory.path}: fewer than two epochs ended: give it more --minutes")
    (first, _), (last, _) = ended[0], ended[-1]
    done = sum(cost for _, cost in ended[1:])
    trial = fmean(record.costs) * record.budget.epochs
    return 3600 * done / trial / (last - first), len(ended)


def _epochs(record: RunRecord, trials: Iterable[TrialRecord]) -> Iterator[tuple[float, int]]:
    """When each epoch ended, and what it costs."""
    costs = dict(zip(record.arms, record.costs, strict=True))
    for trial in trials:
        for epoch in trial.epochs:
            yield epoch["time"], costs[trial.arm]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("overrides", nargs="+")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--share", type=float, default=1, help="of the patches")
    parser.add_argument("--folder", type=Path, help="for data and runs; default: a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        write_data(folder / "data", arguments.share)
        base = None
        print("| resources | trials an hour | × | epochs | trials at once |")
        print("|---|---:|---:|---:|---:|")
        for override in arguments.overrides:
            directory = run(override, folder / "data", folder, arguments.minutes)
            rate, epochs = trials_an_hour(directory)
            base = base or rate
            shares = [trial.gpu for trial in directory.trials() if trial.gpu]
            slots = directory.run().slots
            together = slots.together(min(shares, default=slots.gpu))
            print(
                f"| {override} | {rate:.2f} | {rate / base:.2f} | {epochs} | {together} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
