"""What a tracker is sent at the end: the ranking, and the winner as a run directory of its own."""

import shutil
from pathlib import Path

import analysis
from analysis.tables.formats import as_csv
from runs.directory import RunDirectory
from runs.files import write_text
from runs.winner import rank_records
from sweeps.tracking.tracker import Outcome


def outcome_of(directory: RunDirectory, folder: Path) -> Outcome:
    """The outcome of a run that has ended and has a report; what is made for it is in `folder`.

    Raises:
        EosweepError: a file of the run is damaged.
    """
    ranking = analysis.rank_arms(analysis.load(directory.path))
    table = folder / "ranking.csv"
    write_text(table, as_csv(ranking))
    ranking = ranking.astype(object).where(ranking.notna(), None)
    report = directory.path / "report.html"
    return Outcome(
        ranking=ranking,
        files=(table, report, directory.sweep_file),
        pictures=tuple(sorted((directory.path / "pictures").glob("*.png"))),
        model=_winner_alone(directory, folder / "model"),
        winner=directory.training().name,
    )


def _winner_alone(directory: RunDirectory, folder: Path) -> Path:
    """A run directory without the other arms; the trial that the winner repeats is in it."""
    alone = RunDirectory(folder)
    alone.write_run(directory.run())
    first = rank_records(directory.trials(), directory.repeats())[0]
    for record in (first.trial, first.model):
        alone.write_training(record)
    shutil.copy(directory.weights_file(first.model), alone.weights_file(first.model))
    return folder
