"""Whichever file of a run is damaged, the table stays the same, or one sentence names the file."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

import analysis
from models.tensors import read_tensors
from runs.directory import RunDirectory
from runs.errors import EosweepError
from runs.predictions import read_predictions
from runs.tallies import read_tally
from sweeps.agenda import Agenda
from sweeps.ledger import Ledger
from sweeps.plan import Plan, make_plan
from sweeps.read import read_sweep
from sweeps.run import context_of, record_stages
from sweeps.run_directory import begin_run_directory, check_run_directory
from sweeps.slots import Machine
from sweeps.views import Lines

ONE_SLOT = [Machine(cpus=1, gpus=0)]
SWEEP = """\
name: tiny
task: detection
metric: AP50
dataset: {name: landslide4sense, image_size: 32, min_area: 2}
compare: {backbone: [test_resnet], pretraining: [scratch, mae]}
tune: {lr: {log_uniform: [1.0e-4, 1.0e-2]}}
budget: {trials: 4, epochs: 2, pretraining_epochs: 1}
scheduler: {name: asha, grace_epochs: 1, factor: 2}
repeats: {top: 1, seeds: 2}
"""
FLIPS = 2


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """The run directory of a small sweep, beside its file; its jobs are done here, without Ray."""
    folder = tmp_path_factory.mktemp("damage")
    (folder / "tiny.yaml").write_text(SWEEP)
    plan = make_plan(read_sweep(folder / "tiny.yaml", []), folder, cache, ONE_SLOT)
    begin_run_directory(plan, "begun")
    agenda, context = agenda_of(plan), context_of(plan)
    while (job := agenda.next()) is not None:
        agenda.started(job)
        for report in job.reports(context):
            if not agenda.report(job, report):
                break
    assert agenda.complete and not agenda.failures
    record_stages(plan)
    return plan.directory.path


def agenda_of(plan: Plan) -> Agenda:
    ledgers = Ledger(plan.directory, "AP50"), Ledger(plan.directory, "AP50", "repeats")
    return Agenda(plan, *ledgers, Lines(plan, ledgers, Console(quiet=True)), None)


def read(run: Path, name: Path, _: Path) -> str:
    """What the analysis and the users of a model read: of weights and predictions, a digest."""
    if name.name == "weights.safetensors":
        state, _ = read_tensors(run / name)
        return digest_of(tensor.numpy() for _, tensor in sorted(state.items()))
    if name.name == "predictions.h5":
        names = read_tally((run / name).with_name("test.npz")).names
        images = read_predictions(run / name, names)
        return digest_of(array for found in images for array in found.values())
    return analysis.show_ranking(analysis.load(run))


def resume(run: Path, name: Path, cache: Path) -> str:
    """The same after `--resume`, of a run in which nothing is left to do."""
    sweep = read_sweep(run.with_suffix(".yaml"), [])
    check_run_directory(RunDirectory(run), sweep, True)
    plan = make_plan(sweep, run.parent, cache, ONE_SLOT, resume=True)
    begin_run_directory(plan, "resumed")
    agenda = agenda_of(plan)
    assert agenda.next() is None and agenda.complete
    record_stages(plan)
    return read(run, name, cache)


def digest_of(arrays: Iterable[NDArray[Any]]) -> str:
    digest = hashlib.blake2b()
    for array in arrays:
        digest.update(array.tobytes())
    return digest.hexdigest()


def cut(content: bytes, random: np.random.Generator) -> bytes:
    return content[: random.integers(len(content))]


def flip(content: bytes, random: np.random.Generator) -> bytes:
    flipped = bytearray(content)
    flipped[random.integers(len(content))] ^= 1 << random.integers(8)
    return bytes(flipped)


RECORDS = {"run.json", "trial.json", "test.json", "latency.json"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("use", "refused"),
    [
        (read, RECORDS | {"stages.json", "test.npz", "predictions.h5", "weights.safetensors"}),
        (resume, RECORDS),
    ],
)
def test_a_damaged_file_changes_nothing_or_is_named(
    finished: Path, cache: Path, use: Callable[[Path, Path, Path], str], refused: set[str]
) -> None:
    found = sorted(file.relative_to(finished) for file in finished.rglob("*") if file.is_file())
    # One of each kind: of the trials, of the repeats, and of what lies beside them.
    files = list({(name.parts[0], name.suffix): name for name in found}.values())
    if use is resume:  # it reads no more, and writes stages.json again
        files = [name for name in files if name.suffix in (".json", ".yaml", ".journal", ".npz")]
    seen = set()
    for name in files:
        expected = use(finished, name, cache)
        changing = [file for file in found if file == name or file.suffix in (".json", ".yaml")]
        kept = {file: (finished / file).read_bytes() for file in changing}
        for seed, damage in enumerate([cut, *[flip] * FLIPS]):
            random = np.random.default_rng([seed, len(kept[name])])
            (finished / name).write_bytes(damage(kept[name], random))
            case = f"{name}, {damage.__name__}, seed {seed}"
            try:
                assert use(finished, name, cache) == expected, case
            except EosweepError as error:
                seen.add(name.name)
                assert str(finished) in str(error), case
            finally:
                for file, content in kept.items():
                    (finished / file).write_bytes(content)
    assert refused <= seen
