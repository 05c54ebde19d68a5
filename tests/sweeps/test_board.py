"""TensorBoard, opened on a run directory, shows its trials and its repeats."""

from pathlib import Path

from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

from sweeps.board import Board


def test_events_of_trials_and_repeats_are_found_in_the_run_directory(tmp_path: Path) -> None:
    for name in ("trials/000-a", "repeats/000-a-seed1"):
        with Board(tmp_path / name, {"lr": 1e-3}, "detection", ("AP50",), (0, 1, 2), 0) as board:
            board.epoch(1, {"AP50": 0.5, "loss": 2.0, "seconds": 3.0})
    found = EventMultiplexer().AddRunsFromDirectory(str(tmp_path)).Reload()
    tags = {"val/AP50", "train/loss", "train/seconds"}
    for name in ("trials/000-a", "repeats/000-a-seed1"):
        assert tags <= set(found.Runs()[name]["scalars"])
