"""Every signal that ends a command is one Ctrl-C, whoever handles signals besides."""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from sweeps.signals import ENDING
from tests.processes import ROOT

COMMAND = """
import signal, sys, time
from sweeps.signals import held_back, insist, interrupt_on_signals
interrupt_on_signals()
# As Ray does: a handler that aborts.
signal.signal(signal.SIGTERM, signal.SIG_DFL)
try:
    {body}
    print("ready", flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    time.sleep(1)
    print("wound up", flush=True)
"""


@contextlib.contextmanager
def command(body: str = "pass", shell: str = "") -> Iterator[subprocess.Popen[str]]:
    script = COMMAND.replace("{body}", body)
    line = ["sh", "-c", f'{shell}exec "$@"', "sh", sys.executable, "-c", script]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        yield running
        running.kill()


@pytest.mark.parametrize("number", ENDING)
def test_first_signal_interrupts_and_the_next_do_not_disturb_winding_up(
    number: signal.Signals,
) -> None:
    with command() as running:
        assert running.stdout is not None
        running.send_signal(number)
        assert running.stdout.readline() == "interrupted\n"
        running.send_signal(number)
        assert running.stdout.readline() == "wound up\n"
        assert running.wait() == 0


def test_what_is_held_back_comes_at_the_end_of_the_block() -> None:
    body = """with held_back():
        print("ready", flush=True)
        time.sleep(1)
        print("whole", flush=True)
"""
    with command(body) as running:
        assert running.stdout is not None
        running.send_signal(signal.SIGTERM)
        assert running.stdout.read().split() == ["whole", "interrupted", "wound", "up"]


def test_hangup_stays_ignored_under_nohup() -> None:
    with command(shell="trap '' HUP; ") as running:
        running.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(timeout=1)


def test_an_interrupt_that_python_drops_ends_ray_tunes_loop_all_the_same() -> None:
    """It is raised while an object is freed, where nobody can catch it."""
    body = """class Freed:
        def __del__(self):
            print("ready", flush=True)
            time.sleep(5)
    Freed()
    signal.signal(signal.SIGUSR1, lambda *_: print("Tune is told", flush=True))
    insist()
"""
    with command(body) as running:
        assert running.stdout is not None
        running.send_signal(signal.SIGTERM)
        assert running.stdout.readline() == "Tune is told\n"
