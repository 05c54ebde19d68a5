"""What a run on a GPU would not give again is said, and nothing where all would be the same."""

from pathlib import Path

import analysis
from analysis.determinism import determinism_notes
from runs.directory import RunDirectory
from tests.analysis.made import edit


def train_on(device: str, folder: Path, undetermined: tuple[str, ...] = ()) -> str:
    """As if the first trial had been trained there; its name."""
    directory = RunDirectory(folder)
    first = directory.trials()[0]
    first.device, first.undetermined = device, undetermined
    directory.write_training(first)
    return first.name


def test_on_a_cpu_there_is_nothing_to_say(repeated: Path) -> None:
    assert determinism_notes(analysis.load(repeated)) == []


def test_on_a_gpu_the_same_seed_does_not_give_the_same_trial(repeated: Path) -> None:
    train_on("NVIDIA H100", repeated)
    (note,) = determinism_notes(analysis.load(repeated))
    assert "the same trial but for rounding" in note
    shown = analysis.show_ranking(analysis.load(repeated), format="markdown")
    assert "the same trial but for rounding" in shown


def test_of_deterministic_runs_it_is_said_which_operations_are_not(repeated: Path) -> None:
    name = train_on("NVIDIA H100", repeated, ("upsample_bilinear2d_backward_out_cuda",))
    edit(repeated / "run.json", deterministic=True)
    (note,) = determinism_notes(analysis.load(repeated))
    assert f"upsample_bilinear2d_backward_out_cuda has no deterministic algorithm: {name}" in note
