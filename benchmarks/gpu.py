"""Everything that only a GPU can tell, in one command of less than 25 minutes.

    python benchmarks/gpu.py --out gpu.md
    python benchmarks/gpu.py --out gpu.md memory packing

Each part is a command of its own with a limit of time, most of them a script of this folder that
can be run by itself. What they print in Markdown goes into one file, with what was not done, and
why.
Nothing else may run on the machine.
"""

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
TIMED_OUT = 124


@dataclass(frozen=True)
class Part:
    """A section of the page.

    Attributes:
        command: what Python is given to print it.
        minutes: after so many it is ended.
    """

    title: str
    command: tuple[str, ...]
    minutes: float

    def section(self) -> Iterator[str]:
        """Do it; what it printed, and why it ended if that is not as it should."""
        yield f"## {self.title}\n"
        start = time.perf_counter()
        status, out, err = _ended(self.command, self.minutes)
        yield out.strip()
        if status == TIMED_OUT:
            yield f"\n**Not all was done**: it was ended after {self.minutes:g} minutes"
        elif status:
            yield f"\n**Failed** with status {status}: {_last_line(err)}"
        yield f"\n`python {' '.join(self.command)}`: {time.perf_counter() - start:.0f} s\n"


PARTS = {
    "tests": Part("Tests that need a GPU", ("-m", "pytest", "-n", "0", "-rs", "tests/gpu"), 2),
    "memory": Part("Predicted and real memory", ("benchmarks/memory.py", "--device", "cuda"), 3),
    "step": Part("A training step", ("benchmarks/step.py", "--device", "cuda"), 3),
    "packing": Part("Copies on one GPU", ("benchmarks/packing.py",), 5),
    "pressure": Part("Out of memory", ("benchmarks/pressure.py",), 3),
    "throughput": Part(
        "Trials an hour",
        (
            *("benchmarks/throughput.py", "--minutes", "2"),
            *("resources.gpu=1", "resources.gpu=0.25", "resources.gpu=auto"),
        ),
        8.5,
    ),
}


def about() -> str:
    """The machine, in Markdown."""
    import torch

    lines = [f"Python {platform.python_version()}, torch {torch.__version__}"]
    if torch.cuda.is_available():
        card = torch.cuda.get_device_properties(0)
        lines.append(
            f"{torch.cuda.device_count()} × {card.name}, {card.total_memory / 2**30:.1f} GiB, "
            f"CUDA {torch.version.cuda}"
        )
    else:
        lines.append("**no GPU**: what needs one is not done")
    return "\n".join(f"- {line}" for line in lines)


def _ended(command: tuple[str, ...], minutes: float) -> tuple[int, str, str]:
    """The status of a command of Python, and what it has printed, also if it had no time left."""
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=HERE.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=60 * minutes)
        except subprocess.TimeoutExpired:
            process.terminate()
            out, err = process.communicate()
            return TIMED_OUT, out, err
    return process.returncode, out, err


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.parts) - PARTS.keys()):
        parser.error(f"no part {', '.join(unknown)}: there are {', '.join(PARTS)}")
    page = ["# What a GPU says\n", about(), ""]
    for name in arguments.parts or PARTS:
        for line in PARTS[name].section():
            print(line, flush=True)
            page.append(line)
        unfinished = arguments.out.with_suffix(".unfinished")
        unfinished.write_text("\n".join(page))
        unfinished.replace(arguments.out)


if __name__ == "__main__":
    main()
