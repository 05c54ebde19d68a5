"""What may happen to a sweep, one function a fault.

Each gets a command that runs and a moment that has come, does its worst, waits for the command's
end and undoes what a person would undo. It returns the exit status and what was said.
"""

import contextlib
import pickle
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.faults.harness import MOMENTS, Running, Sweep

Ended = tuple[int, list[str]]
Fault = Callable[[Sweep, Running, random.Random], Ended]


def driver_killed(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """The command itself; its Ray ends with it."""
    running.process.kill()
    return running.end()


def worker_killed(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """Whichever worker is at work; the sweep does not need a person."""
    running.kill(r"^(trial|weights|test|timing) ")
    return running.end()


def stage_worker_killed(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """The worker that makes initial weights."""
    running.kill(r"^weights ")
    return running.end()


def scoring_worker_killed(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """The worker that scores on test."""
    running.kill(r"^test ")
    return running.end()


def raylet_killed(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """What starts Ray's workers on a machine."""
    running.kill(r"raylet/raylet ")
    return running.end()


def gcs_killed(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """Ray's memory of the whole cluster."""
    running.kill(r"gcs_server ")
    return running.end()


def signalled(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """Ctrl-C, a scheduler's notice, a closed terminal."""
    running.process.send_signal(chance.choice([signal.SIGINT, signal.SIGTERM, signal.SIGHUP]))
    return running.end()


def disk_filled(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """The results' disk, which is small here; a person makes room."""
    ballast = sweep.run.path.parent / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(2**16))
    ended = running.end()
    ballast.unlink()
    return ended


def results_read_only(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """As a file system becomes after an error; a person mounts it again."""
    with _read_only(sweep.run.path.parent):
        return running.end()


def cache_read_only(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """The same of decoded data and initial weights; without harm once the weights are made."""
    with _read_only(sweep.folder / "cache"):
        return running.end()


@contextlib.contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", folder, folder], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    yield
    subprocess.run(["umount", "--lazy", folder], check=True)


def storage_gone(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """The server of the sweep's storage does not answer; a person starts it again."""
    assert sweep.s3 is not None
    sweep.s3.stop()
    ended = running.end()
    sweep.s3.start_again()
    return ended


def file_damaged(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """After Ctrl-C, one file of the run is cut short, a bit of it is another, or it is a payload.

    What cannot be made again is refused by name; then a person puts the file back.
    """
    running.process.send_signal(signal.SIGINT)
    ended = running.end()
    files = [file for file in sorted(sweep.run.path.rglob("*")) if file.is_file() and _size(file)]
    if not files:
        return ended
    file = chance.choice(files)
    whole = file.read_bytes()
    at = chance.randrange(len(whole))
    flipped = whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]
    ran = sweep.folder / "the payload ran"
    file.write_bytes(chance.choice([whole[:at], flipped, pickle.dumps(Payload(ran))]))
    status, said = sweep.start("--resume").end()
    assert not ran.exists(), f"{file} is run"
    if status != 0:
        assert file.name in "\n".join(said), f"{file} is damaged: {said}"
        file.write_bytes(whole)
    return ended


def second_command(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """Somebody starts the same sweep again: it is refused, and the first one goes on."""
    status, (said,) = sweep.start(chance.choice(["--resume", "budget.trials=3"])).end()
    assert status == 2 and "another process is running in" in said
    return running.end()


def other_sweep(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """Another sweep begins, with the same cache; a while later, it is interrupted."""
    other = sweep.start("name=other", "seed=4")
    other.wait_for(chance.choice(MOMENTS[:5]))
    other.process.send_signal(signal.SIGINT)
    status, said = other.end()
    assert status == 130, said
    return running.end()


def clock_set_back(sweep: Sweep, running: Running, chance: random.Random) -> Ended:
    """Somebody sets the clock of the machine an hour back."""
    sweep.clock.touch()
    return running.end()


class Payload:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.file,)


def _size(file: Path) -> int:
    return file.stat().st_size


class Kind(NamedTuple):
    """A fault, and what must come of it.

    Attributes:
        status: of the command.
        said: in what it prints as an error; "" where it prints none.
        needs: a fixture that it needs.
        moments: after which of the sweep's lines it comes.
    """

    fault: Fault
    status: tuple[int, ...]
    said: str = ""
    needs: str | None = None
    moments: tuple[str, ...] = MOMENTS


KINDS = (
    Kind(driver_killed, (-signal.SIGKILL,)),
    Kind(worker_killed, (0,)),
    Kind(raylet_killed, (1,), "--resume"),
    Kind(disk_filled, (1,), "No space left", "small_disk"),
    Kind(signalled, (130,), "--resume"),
    Kind(gcs_killed, (1,), "--resume"),
    Kind(file_damaged, (130,), "--resume"),
    Kind(results_read_only, (1,), "read-only|Read-only", "small_disk"),
    Kind(second_command, (0,)),
    Kind(other_sweep, (0,)),
    Kind(clock_set_back, (0,)),
    Kind(stage_worker_killed, (0,), moments=MOMENTS[:1]),
    Kind(scoring_worker_killed, (0,), moments=MOMENTS[-2:-1]),
    Kind(cache_read_only, (0, 1), "[Rr]ead-only", "mounts"),
    Kind(storage_gone, (1,), "storage s3://", "s3"),
)
