"""The trackers of a run as the command sees them: started, told when to end, and reported on."""

import contextlib
import multiprocessing
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from runs.errors import EosweepError
from sweeps.commands import from_here, resuming_command
from sweeps.tracking.follow import LOG, Message, follow


class TrackingError(EosweepError):
    """A tracker cannot be opened."""


@contextlib.contextmanager
def tracked(names: Sequence[str], run: Path, console: Console) -> Iterator[Callable[[], None]]:
    """Let trackers follow a run directory, which has a `run.json`, until the block ends.

    Yields what is to be called when the run has a ranking and a report. At the end of the block
    everything is sent that was not.

    Raises:
        TrackingError: a tracker cannot be opened. Later failures are printed, and raise nothing.
    """
    if not names:
        yield lambda: None
        return
    tracking = Tracking(names, run, console)
    try:
        yield tracking.conclude
    finally:
        tracking.finish()


class Tracking:
    """The process that follows the run, see `sweeps.tracking.follow`."""

    def __init__(self, names: Sequence[str], run: Path, console: Console) -> None:
        self.names, self.console, self.log = names, console, run / LOG
        self.concluded = False
        self.failures: dict[str, str] | None = None
        self._say(f"tracking       opening {', '.join(names)}")
        spawning = multiprocessing.get_context("spawn")
        self.link, theirs = spawning.Pipe()
        self.process = spawning.Process(target=follow, args=(run, names, theirs), daemon=True)
        self.process.start()
        theirs.close()
        for name, look in self._opened().items():
            self._say(f"{name:<14} {look}")
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def conclude(self) -> None:
        """The run has a ranking and a report."""
        self.concluded = True

    def finish(self) -> None:
        """Wait until everything is sent, and say whether it was."""
        self._say(f"tracking       sending what is left to {', '.join(self.names)}")
        with contextlib.suppress(BrokenPipeError):
            self.link.send(self.concluded)
        try:
            self._listener.join()
        except KeyboardInterrupt:
            self.process.terminate()
            self._warn(f"tracking was interrupted: to send the rest, {resuming_command()}")
            return
        self.process.join()
        if self.failures is None:
            self._warn(f"not all was tracked: to send the rest, {resuming_command()}")
            return
        for name in self.names:
            if name in self.failures:
                self._warn(
                    f"{name}: not all was sent ({self.failures[name]}): to send the rest, "
                    f"{resuming_command()}"
                )
            else:
                self._say(f"{name:<14} has all")

    def _opened(self) -> dict[str, str]:
        try:
            message: Message = self.link.recv()
        except EOFError:
            raise TrackingError(
                f"the trackers cannot be opened, see {from_here(self.log)}"
            ) from None
        if message.kind == "refused":
            ((name, failure),) = message.texts.items()
            raise TrackingError(
                f"{name} cannot be opened: {failure}: fix this, or leave {name} out of `track`; "
                f"then {resuming_command()}"
            )
        return message.texts

    def _listen(self) -> None:
        """Print what fails, until the process has ended."""
        try:
            while (message := self.link.recv()).kind == "failed":
                for name, failure in message.texts.items():
                    self._warn(f"{name} cannot be reached, the sweep continues: {failure}")
            self.failures = message.texts
        except EOFError:
            self._warn(f"tracking has stopped, see {from_here(self.log)}; the sweep continues")

    def _say(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _warn(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True, style="yellow")
