"""The signals that end a command: each is a Ctrl-C.

SIGTERM comes from a scheduler that takes the machine back, SIGHUP from a terminal that is closed,
SIGUSR1 and SIGUSR2 from a job whose time is nearly over (`sbatch --signal=B:USR1@120`).

Every thread and child process blocks them, and one thread waits for them. So the handlers that
Ray's C++ installs, which abort the process, never run; and a signal that is sent to a whole group
of processes ends the command, and not the workers under it.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
WAKE = signal.SIGALRM
"""Wakes the main thread, whose handler raises `KeyboardInterrupt`."""


class _Interrupt:
    """The handler of `WAKE`.

    Attributes:
        held: how many `held_back` blocks the main thread is in.
        due: an interrupt waits for the end of these blocks.
        spent: there was one, and what follows is winding up.
        raised: there was one, and nothing has been wound up since.
        at_once: Ray Tune is not waited for.
    """

    def __init__(self) -> None:
        self.held, self.due, self.spent, self.at_once = 0, False, False, False
        self.raised = False

    def __call__(self, *_: Any) -> None:
        if self.spent:
            return
        if self.held:
            self.due = True
            return
        # Ray Tune installs a handler of SIGUSR1 while it runs: it ends its loop between two events.
        tune = signal.getsignal(signal.SIGUSR1)
        if callable(tune) and not self.at_once:
            tune(signal.SIGUSR1, None)
            return
        self.spent = self.raised = True
        raise KeyboardInterrupt


_interrupt = _Interrupt()


def interrupt(*, at_once: bool = False) -> None:
    """Raise `KeyboardInterrupt` in the main thread; may be called from any thread.

    Args:
        at_once: also in the middle of Ray Tune's work, which then is not ended in order.
    """
    _interrupt.at_once |= at_once
    signal.pthread_kill(threading.main_thread().ident or 0, WAKE)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let no interrupt come before the end of the block, which must not be left half-way."""
    _interrupt.held += 1
    try:
        yield
    finally:
        _interrupt.held -= 1
        if _interrupt.due and not _interrupt.held:
            _interrupt.due = False
            _interrupt()


def ignore_interrupts() -> None:
    """Ignore what comes after the first interrupt, until `heed_interrupts`: it is winding up."""
    _interrupt.spent, _interrupt.raised = True, False


def insist() -> None:
    """End Ray Tune's loop, which still runs, if an interrupt was raised before.

    Then it was lost: Python drops what is raised while it frees an object, or in a callback of C++,
    and Ray has many of these.
    """
    tune = signal.getsignal(signal.SIGUSR1)
    if _interrupt.raised and callable(tune):
        tune(signal.SIGUSR1, None)


def heed_interrupts() -> None:
    """From now on, the next interrupt raises `KeyboardInterrupt`."""
    _interrupt.spent = _interrupt.raised = _interrupt.at_once = _interrupt.due = False
    signal.signal(WAKE, _interrupt)


def interrupt_on_signals() -> None:
    """Let each of `ENDING` interrupt the main thread, which must not have started others yet.

    What is ignored already, as SIGHUP under `nohup`, stays so.
    """
    heed_interrupts()
    taken = {number for number in ENDING if signal.getsignal(number) != signal.SIG_IGN}
    signal.pthread_sigmask(signal.SIG_BLOCK, taken)
    threading.Thread(target=_wait_for, args=(taken,), name="signals", daemon=True).start()


def _wait_for(numbers: set[signal.Signals]) -> None:
    while True:
        signal.sigwait(numbers)
        interrupt()
