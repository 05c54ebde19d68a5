"""No library sends anything while a sweep runs."""

from pathlib import Path

import pytest

from tests.processes import ROOT, marked

AUDIT = '''\
"""Imported by every Python process at its start: notes connections that leave this machine."""

import os
import socket
import sys


def note(event, arguments):
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        if arguments[0].type != socket.SOCK_STREAM:
            return  # asks the kernel for its own address, and sends nothing
        host = arguments[1][0]
    else:
        return
    # Ray's dashboard asks the machine itself in which cloud it is.
    metadata = ("169.254.169.254", "metadata.google.internal")
    if host not in (None, "", "localhost", "127.0.0.1", "::1", socket.gethostname(), *metadata):
        with open(os.environ["CONNECTIONS"], "a") as file:
            file.write(f"{host} {sys.argv}\\n")


sys.addaudithook(note)
with open(os.environ["CONNECTIONS"] + ".processes", "a") as file:
    file.write(f"{os.getpid()}\\n")
'''
SWEEP = """\
name: small
task: segmentation
metric: mIoU
dataset: {name: landslide4sense, image_size: 32}
compare: {pretraining: [scratch]}
fixed: {backbone: test_vit, lr: 1.0e-3}
budget: {trials: 1, epochs: 1}
"""


@pytest.mark.slow
def test_nothing_leaves_this_machine_while_a_sweep_runs(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(AUDIT)
    (tmp_path / "small.yaml").write_text(SWEEP)
    noted = tmp_path / "connections"
    command = [str(ROOT / "tune_main.py"), str(tmp_path / "small.yaml")]
    command += [f"--results={tmp_path}", f"--cache={cache}"]
    variables = {"PYTHONPATH": str(tmp_path), "CONNECTIONS": str(noted)}
    with marked(command, tmp_path, **variables) as running:
        status, error = running.finish(within_s=500)
    assert status == 0, error
    assert len(noted.with_name("connections.processes").read_text().split()) > 3
    assert not noted.exists(), noted.read_text()
