"""Whether Ray is still there while a sweep runs on it.

Ray itself waits for ever for a raylet that has died, and ends the process, with a C++ stack trace,
a minute after its GCS has.
"""

import contextlib
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping

from runs.errors import EosweepError
from sweeps.signals import interrupt

EVERY_S = 0.5
"""How often each part of Ray is asked for a connection."""
BUSY_S = 20.0
"""For how long a part may say nothing at all: its machine may be overloaded, or be gone."""
LEAVE_S = 20.0
"""How long the main thread may take to leave what it does, before the process is ended."""

Address = tuple[str, int]


class RayLostError(EosweepError):
    """A part of Ray on which a sweep runs has died; everything that was done is on record."""


@contextlib.contextmanager
def watched(parts: Mapping[str, Address], patience_s: float) -> Iterator[None]:
    """Watch the parts of Ray, by what a person calls them, during the block.

    Args:
        patience_s: for how long a part may refuse connections, see `BUSY_S` as well.

    Raises:
        RayLostError: from the middle of the block, one of them has died.
    """
    watch = _Watch(parts, patience_s)
    watch.start()
    try:
        yield
    except KeyboardInterrupt:
        if watch.lost is None:
            raise
        raise RayLostError(watch.lost) from None
    finally:
        watch.over.set()


class _Watch(threading.Thread):
    """Connects to the parts again and again, and interrupts the main thread when one is gone."""

    def __init__(self, parts: Mapping[str, Address], patience_s: float) -> None:
        super().__init__(name="watch", daemon=True)
        self.parts, self.patience_s = parts, patience_s
        self.over = threading.Event()
        self.lost: str | None = None

    def run(self) -> None:
        answered = dict.fromkeys(self.parts, time.monotonic())
        while not self.over.wait(EVERY_S):
            for name, address in self.parts.items():
                refusal = _refusal(address)
                if self.over.is_set():  # Ray is being stopped
                    return
                if refusal is None:
                    answered[name] = time.monotonic()
                    continue
                busy = not isinstance(refusal, ConnectionRefusedError)
                patience_s = BUSY_S if busy else self.patience_s
                if time.monotonic() - answered[name] > patience_s:
                    self._leave(f"{name} has died (killed, or out of memory)")
                    return

    def _leave(self, why: str) -> None:
        self.lost = why
        interrupt(at_once=True)
        if not self.over.wait(LEAVE_S):  # a call of Ray's that heeds no signal
            print(f"{why}. All is kept: continue with --resume", file=sys.stderr, flush=True)
            os._exit(1)


def _refusal(address: Address) -> OSError | None:
    """Why nothing answers at an address; None if something does."""
    try:
        socket.create_connection(address, timeout=5).close()
    except OSError as error:
        return error
    return None
