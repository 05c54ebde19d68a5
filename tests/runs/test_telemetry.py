"""Libraries do not report how they are used, whichever part of the project is imported."""

import os
import subprocess
import sys

import pytest

from runs.telemetry import SILENT
from tests.processes import ROOT


@pytest.mark.parametrize("room", ["runs.arms", "datasets", "models.backbones", "sweeps.schema"])
def test_reports_are_off_before_a_library_is_imported(room: str) -> None:
    script = f"import {room}, huggingface_hub.constants as c; print(c.HF_HUB_DISABLE_TELEMETRY)"
    environment = {name: value for name, value in os.environ.items() if name not in SILENT}
    command = [sys.executable, "-c", script]
    said = subprocess.check_output(command, cwd=ROOT, env=environment, text=True)
    assert said == "True\n"
