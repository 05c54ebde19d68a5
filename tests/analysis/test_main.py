import subprocess
import sys
from pathlib import Path

import pytest

from analysis.__main__ import main
from tests.mounts import read_only

ROOT = Path(__file__).parents[2]


def test_command_ranks_without_ray_or_torch(folder: Path) -> None:
    program = (
        "import runpy, sys\n"
        f"sys.argv = ['analysis', 'rank', {str(folder)!r}]\n"
        "try:\n    runpy.run_module('analysis', run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "assert not {'ray', 'torch'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "landslide_backbones: AP50" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rank", "{run}/nowhere"], "there is no run directory"),
        (["rank", "{run}/trials"], "has no run.json"),
        (["rank", "{run}", "--sort", "AP500"], "did you mean 'AP50'?"),
        (["classes", "{run}"], "has no metrics of single classes"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_status_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main([argument.format(run=folder) for argument in arguments]) == 2
    output = capsys.readouterr()
    assert told in output.err
    assert len(output.err.splitlines()) == 1
    assert output.out == ""


def test_options_reach_the_ranking(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rank", str(folder), "--trials", "--sort", "AP", "--format", "csv"]) == 0
    header, first, *_ = capsys.readouterr().out.splitlines()
    assert header.startswith("number,backbone,pretraining,lr")
    assert first.startswith("4,resnet18")


def test_reader_that_leaves_early_sees_no_traceback(folder: Path) -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "analysis", "rank", str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert command.stdout and command.stderr
    command.stdout.close()
    assert command.stderr.read() == ""
    command.stderr.close()
    assert command.wait() == 0


@pytest.mark.parametrize(
    ("command", "option"), [("report", "--output"), ("figures", "--to"), ("pictures", "--to")]
)
def test_a_run_that_is_read_only_is_read_and_what_is_written_goes_elsewhere(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, option: str
) -> None:
    with read_only(folder):
        assert main(["rank", str(folder)]) == 0
        capsys.readouterr()
        assert main([command, str(folder)]) == 2
        said = capsys.readouterr().err
        assert f"read-only: name another folder with {option} FOLDER" in said
        assert len(said.splitlines()) == 1
        if command == "report":
            assert main(["report", str(folder), "--output", str(tmp_path / "there")]) == 0
    assert (tmp_path / "there" / "report.html").is_file() == (command == "report")
