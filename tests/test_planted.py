"""Nothing that is read runs code: a payload is planted in every file that is read as state.

It never fires, and the reader says what is wrong in a sentence or makes the file again.
"""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import deploy
from datasets import Prepared, open_split
from datasets.options import Dataset, prepare_dataset
from deploy.hub import write_hub
from deploy.trained import open_trained
from models.architecture import ARCHITECTURE, architecture
from models.build import build_model
from models.model import Classes
from models.pretraining import store
from models.pretraining.files import read_tensors
from runs.directory import RunDirectory
from runs.errors import EosweepError
from runs.factory import run_record, trial_record
from runs.predictions import read_predictions, write_predictions
from runs.records import LatencyRecord, StagesRecord, StopsRecord, TestRecord
from runs.tallies import PixelTally, read_tally, write_tally
from sweeps.read import read_sweep
from sweeps.resuming import ResumeFile
from sweeps.run_directory import check_run_directory
from sweeps.schema import Sweep
from tests.own_rasters import images, masks

FIRED = "fired"
CONFIG = {"head": "fpn", "backbone": "test_resnet", "batch_size": 2}


class Payload:
    """Leaves a file where it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.marker = folder / FIRED

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


def as_pickle(payload: Payload) -> bytes:
    return pickle.dumps(payload)


def as_torch(payload: Payload) -> bytes:
    file = io.BytesIO()
    torch.save({"model": payload}, file)
    return file.getvalue()


def as_old_torch(payload: Payload) -> bytes:
    file = io.BytesIO()
    torch.save({"model": payload}, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def as_arrays(payload: Payload) -> bytes:
    file = io.BytesIO()
    names = ("names", "confusion", "boxes", "sizes", "systems")
    np.savez(file, **{name: np.array([payload], dtype=object) for name in names})
    return file.getvalue()


def as_yaml(payload: Payload) -> bytes:
    call = "!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path"
    return f"name: {call} ['{payload.marker}']]\ntask: segmentation\n".encode()


PAYLOADS = (as_pickle, as_torch, as_old_torch, as_arrays, as_yaml)


@pytest.mark.parametrize("form", [as_pickle, as_torch, as_old_torch, as_arrays])
def test_the_payloads_fire_where_they_are_trusted(form: Any, tmp_path: Path) -> None:
    content = io.BytesIO(form(Payload(tmp_path)))
    if form is as_pickle:
        pickle.load(content)
    elif form is as_arrays:
        np.load(content, allow_pickle=True)["names"]
    else:
        torch.load(content, weights_only=False)
    assert (tmp_path / FIRED).exists()


class State(NamedTuple):
    """A file that is read as state: where it lies, and what reads it."""

    file: str
    read: Callable[[Path], object]


INITIAL = [f"initial.{suffix}" for suffix in ("safetensors", "pth", "pt", "bin", "ckpt")]
RUN_FILES = [
    State("run.json", lambda run: RunDirectory(run).run()),
    State("trials/000/trial.json", lambda run: RunDirectory(run).trials()),
    State("stages.json", lambda run: RunDirectory(run).stages()),
    State("stops.json", lambda run: RunDirectory(run).stops()),
    State("test.json", lambda run: RunDirectory(run).test()),
    State("latency.json", lambda run: RunDirectory(run).latency()),
    State("sweep.yaml", lambda run: check_run_directory(RunDirectory(run), sweep(), True)),
    State("sweep.yaml", lambda run: read_sweep(run / "sweep.yaml")),
    State("trials/000/weights.safetensors", open_trained),
    State("trials/000/test.npz", lambda run: read_tally(run / "trials/000/test.npz")),
    State("trials/000/predictions.h5", lambda run: found_in(run / "trials/000/predictions.h5")),
    State("hub/config.json", lambda run: deploy.load(run / "hub")),
    State("hub/model.safetensors", lambda run: deploy.load(run / "hub")),
    *(State(name, lambda run, name=name: read_tensors(run / name)) for name in INITIAL),
]


@pytest.fixture(scope="module")
def run_of_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A run directory with all that is read of one, by its names."""
    folder = tmp_path_factory.mktemp("whole")
    directory = RunDirectory(folder)
    data = {"name": "landslide4sense"}
    record = run_record([{"backbone": "test_resnet"}], data=data)
    directory.write_run(record)
    classes = Classes(record.data.classes, record.data.class_pixels, record.data.class_areas)
    model = build_model("segmentation", CONFIG, 3, 32, classes)
    hashed = architecture(model)
    trial = trial_record(0, record.arms[0], 0.5, name="000", config=CONFIG, architecture=hashed)
    directory.write_training(trial)
    metadata = {"epoch": "1", ARCHITECTURE: hashed}
    save_file(model.state_dict(), directory.weights_file(trial), metadata=metadata)
    write_tally(
        directory.tally_file(trial), PixelTally(np.array(["a"]), np.ones((1, 3, 3), int), None)
    )
    with write_predictions(directory.predictions_file(trial)) as predictions:
        predictions.add(["a"], [{"mask": np.zeros((4, 4), np.uint8)}])
    directory.write_stages(StagesRecord().stages)
    directory.write_stops(StopsRecord().arms)
    directory.write_test(TestRecord())
    directory.write_latency(LatencyRecord())
    directory.sweep_file.write_text(SWEEP)
    (folder / "hub").mkdir()
    write_hub(folder, None, folder / "hub")
    for name in INITIAL[1:]:
        torch.save({"weight": torch.zeros(3)}, folder / name)
    save_file({"weight": torch.zeros(3)}, folder / INITIAL[0])
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.fixture
def run(run_of_files: dict[str, bytes], tmp_path: Path) -> Path:
    """A copy that a test may change."""
    for name, content in run_of_files.items():
        file = tmp_path / "run" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return tmp_path / "run"


@pytest.mark.parametrize("state", RUN_FILES, ids=lambda state: state.file)
def test_a_run_is_read_as_it_is(run: Path, state: State) -> None:
    """Lest what follows is refused for another reason."""
    state.read(run)


@pytest.mark.parametrize("form", PAYLOADS)
@pytest.mark.parametrize("state", RUN_FILES, ids=lambda state: state.file)
def test_a_payload_in_a_run_is_refused_in_a_sentence(run: Path, state: State, form: Any) -> None:
    (run / state.file).write_bytes(form(Payload(run)))
    with pytest.raises(EosweepError, match=Path(state.file).name):
        state.read(run)
    assert not (run / FIRED).exists()


@pytest.mark.parametrize("form", PAYLOADS)
def test_a_payload_in_the_state_of_a_training_is_passed_over(tmp_path: Path, form: Any) -> None:
    resume = ResumeFile(tmp_path / "resume.pt")
    for epoch in (1, 2):
        resume.write({"epoch": epoch})
    resume.file.write_bytes(form(Payload(tmp_path)))
    assert resume.read() == {"epoch": 1}
    resume.before.write_bytes(form(Payload(tmp_path)))
    assert resume.read() is None
    assert not (tmp_path / FIRED).exists()


@pytest.mark.parametrize("form", PAYLOADS)
@pytest.mark.parametrize("name", [store.WEIGHTS, store.RECORD])
def test_a_payload_in_stored_weights_is_made_again(tmp_path: Path, name: str, form: Any) -> None:
    network = nn.Linear(2, 2)
    stored = store.save(tmp_path, "mae", "key", network.state_dict(), {"kind": "mae"})
    (stored.folder / name).write_bytes(form(Payload(tmp_path)))
    assert store.find(tmp_path, "mae", "key") is None
    again = store.save(tmp_path, "mae", "key", network.state_dict(), {"kind": "mae"})
    again.load_into(network)
    assert not (tmp_path / FIRED).exists()


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    """Own rasters, of which most is remembered."""
    images(tmp_path / "data")
    masks(tmp_path / "data")
    own = {"classes": {1: "pond", 2: "field"}, "splits": {"val": 0.25, "test": 0.25}}
    return Dataset(name="raster", root=tmp_path / "data", image_size=32, **own)


@pytest.mark.parametrize("form", [as_pickle, as_arrays])
@pytest.mark.parametrize("same_length", [False, True])
def test_a_payload_in_a_cache_is_refused_or_the_file_made_again(
    data: Dataset, tmp_path: Path, form: Any, same_length: bool
) -> None:
    """Also one that looks whole by its length."""
    cache = tmp_path / "cache"
    prepare_dataset(data, cache)
    whole = {file: file.read_bytes() for file in cache.rglob("*") if file.is_file()}
    kinds = {file.suffix for file in whole}
    assert kinds >= {".json", ".npz", ".images", ".u8"}
    for file, content in whole.items():
        planted = form(Payload(tmp_path))
        file.write_bytes(planted.ljust(len(content), b"\0") if same_length else planted)
        try:
            look_at(prepare_dataset(data, cache))
        except EosweepError as error:
            assert f"{file} is damaged" in str(error)
            file.write_bytes(content)
    assert not (tmp_path / FIRED).exists()


SWEEP = """\
name: made
task: segmentation
metric: mIoU
dataset: {name: landcoverai, image_size: 32}
compare: {backbone: [test_resnet]}
fixed: {pretraining: scratch, lr: 1.0e-3}
budget: {trials: 1, epochs: 1}
"""


def sweep() -> Sweep:
    return Sweep.model_validate(
        {
            "name": "made",
            "task": "segmentation",
            "metric": "mIoU",
            "dataset": {"name": "landcoverai", "image_size": 32},
            "compare": {"backbone": ["test_resnet"]},
            "fixed": {"pretraining": "scratch", "lr": 1e-3},
            "budget": {"trials": 1, "epochs": 1},
        }
    )


def found_in(file: Path) -> object:
    return list(read_predictions(file, ["a"]))


def look_at(prepared: Prepared) -> None:
    for name in prepared.counts:
        split = open_split(prepared, name)
        for row in range(len(split.images)):
            split.objects(row)
