"""A part of Ray that dies ends a sweep soon, with a sentence."""

import socket
import subprocess
import sys
import time

import pytest

from sweeps.signals import heed_interrupts
from sweeps.watch import RayLostError, watched
from tests.processes import ROOT


def test_part_that_dies_interrupts_the_main_thread_with_what_it_was() -> None:
    heed_interrupts()
    with (
        socket.create_server(("127.0.0.1", 0)) as part,
        pytest.raises(RayLostError, match=r"^the raylet has died"),
        watched({"the raylet": part.getsockname()}, patience_s=0.5),
    ):
        time.sleep(1.5)
        part.close()
        time.sleep(20)


def test_interrupt_of_a_person_stays_one() -> None:
    heed_interrupts()
    with (
        socket.create_server(("127.0.0.1", 0)) as part,
        pytest.raises(KeyboardInterrupt),
        watched({"the raylet": part.getsockname()}, patience_s=0.5),
    ):
        raise KeyboardInterrupt


STUCK = """
import sweeps.watch
from sweeps.signals import heed_interrupts, held_back
sweeps.watch.LEAVE_S = 1
heed_interrupts()
with sweeps.watch.watched({"the raylet": ("127.0.0.1", 1)}, 0.5), held_back():
    sweeps.watch.time.sleep(60)
"""


def test_call_that_heeds_no_signal_is_left() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("the raylet has died")
    assert done.stderr.endswith("continue with --resume\n")
    assert done.stderr.count("\n") == 1
