"""The load is in words, with GPUs only where trials use them and their tool is there."""

from pathlib import Path

import pytest

from sweeps.views.machine import Meter, gpu_load


def test_gpu_is_read_as_its_driver_reports_it() -> None:
    assert gpu_load(0, "93, 11540, 81559") == "GPU 0 93 %, 12.1 of 85.5 GB"
    assert gpu_load(1, "[N/A], [N/A], 81559") == "GPU 1 ? %, ? of 85.5 GB"


def test_gpus_are_asked_of_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '7, 1000, 2000'\necho '9, 1000, 2000'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert "GPU 1 9 %" in Meter(gpus=True).read()
    assert "GPU" not in Meter(gpus=False).read()
    tool.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert "GPU" not in Meter(gpus=True).read()
