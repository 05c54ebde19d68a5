"""A sweep whose trials run out of a GPU's memory on purpose: all must be trained to their end.

    python benchmarks/pressure.py

Looks for a batch size at which the tensors of a training fit its share of the GPU, so that the plan
lets it pass, but not beside what CUDA takes itself; then runs four such trials side by side. Prints
how each ended, and with which share. On a machine without a GPU it says which one it would take of
`--for CARD`, and runs nothing.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from models.gpu import CONTEXT
from runs.directory import RunDirectory
from sweeps.cards import Card, card_named, this_card
from sweeps.plan import make_plan
from sweeps.read import read_sweep
from sweeps.slots import Machine

HERE = Path(__file__).resolve().parent.parent
SWEEP = HERE / "sweeps" / "landcover_swin.yaml"
OVERRIDES = (
    "name=pressure",
    "dataset.image_size=512",
    "tune.lr={log_uniform: [1e-4, 1e-3]}",
    "compare.backbone=[swin_tiny_patch4_window7_224]",
    "compare.imbalance=[plain]",
    "fixed.head=unet",
    "fixed.pretraining=scratch",
    "budget.trials=4",
    "budget.epochs=3",
    "resources.cpu=1",
)
IMAGES = 24
"""The largest batch that is tried."""
MARGIN = 0.02
"""How far a prediction may be off."""


@dataclass(frozen=True)
class Tight:
    """A sweep whose trials do not fit their slots, though they seem to."""

    batch_size: int
    share: float

    @property
    def overrides(self) -> tuple[str, ...]:
        """What makes it so."""
        return (
            *OVERRIDES,
            f"fixed.batch_size={self.batch_size}",
            f"resources.gpu={self.share}",
        )


def tightest(card: Card, cache: Path) -> Tight:
    """Of all batch sizes the smallest that does it."""
    for batch_size in range(2, IMAGES + 1):
        whole = Tight(batch_size, 1)
        sweep = read_sweep(SWEEP, whole.overrides)
        plan = make_plan(sweep, cache / "no-results", cache, [Machine(4, 1)], card=card)
        assert plan.memory is not None
        (peak,) = plan.memory.peaks.values()
        for trials in range(16, 1, -1):
            held = card.memory // trials
            lowest, highest = (1 + MARGIN) * (held - CONTEXT), (1 - MARGIN) * held
            if lowest < peak.tensors < highest:
                return Tight(batch_size, 10_000 // trials / 10_000)
    raise SystemExit(f"no batch size of this sweep is nearly too large for a share of {card.name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--for", dest="card", help="a GPU that is not there, see `--for`")
    parser.add_argument("--cache", type=Path, default=HERE / "cache")
    arguments = parser.parse_args()
    card = this_card()
    if card is None and arguments.card is None:
        raise SystemExit("there is no GPU: name one with --for")
    tight = tightest(card or card_named(arguments.card), arguments.cache.resolve())
    print(f"batches of {tight.batch_size} in a share of {tight.share:g}\n")
    if card is None:
        return
    with tempfile.TemporaryDirectory() as results:
        command: list[str | Path] = [sys.executable, HERE / "tune_main.py", SWEEP]
        command += [*tight.overrides, "--results", results, "--cache", arguments.cache]
        status = subprocess.run(command, check=False, stdout=sys.stderr).returncode
        print("| trial | status | share that it needed |\n|---|---|---:|")
        records = RunDirectory(Path(results) / "pressure").trials()
        for record in records:
            print(f"| {record.name} | {record.status} | {record.gpu or 'its own'} |")
    lost = sum(record.status != "done" for record in records)
    print(f"\nThe command ended with status {status}; {lost} of {len(records)} trials were lost")


if __name__ == "__main__":
    main()
