"""A trial is scored on validation and test by what the sweep says is counted."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from datasets import open_split
from models.architecture import load_same
from models.features import FEATURES, FeatureStore, bytes_kept
from models.tasks.segmentation import SEGMENTATION
from models.training import score
from runs.directory import WEIGHTS
from runs.factory import trial_record
from runs.tallies import PixelTally, read_tally
from sweeps.plan import make_plan
from sweeps.run import context_of
from sweeps.run_directory import begin_run_directory
from sweeps.schema import Sweep
from sweeps.slots import Machine
from sweeps.space import complete
from sweeps.trial import Training, initial_model, score_on_test, train_trial
from tests.own_rasters import images, masks

CPU = torch.device("cpu")


def test_validation_and_test_count_scenes_where_the_sweep_says_so(
    make_sweep: Callable[..., Sweep], tmp_path: Path
) -> None:
    """Scenes of 64 × 64 px, in tiles that overlap; the model is scored as initialised."""
    images(tmp_path / "mine")
    masks(tmp_path / "mine")
    sweep = make_sweep(
        task="segmentation",
        metric="mIoU",
        metric_over="scenes",
        dataset={"name": "raster", "root": tmp_path / "mine", "image_size": 32, "overlap": 16},
        compare={"backbone": ["test_resnet"], "pretraining": ["scratch"]},
        tune={},
        fixed={"lr": 1e-3, "epochs": 0},
    )
    plan = make_plan(sweep, tmp_path / "results", tmp_path / "cache", [Machine(cpus=1, gpus=0)])
    begin_run_directory(plan, "test")
    context = context_of(plan).trials
    (arm,) = plan.arms
    config = complete(sweep, arm)
    record = trial_record(
        0, arm, 0.5, config=config, epochs=[{"epoch": 0, "mIoU": 0.5, "seconds": 1.0}], best_epoch=0
    )
    training = Training(record.name, 0, "trials", config, weights=None, until=0, recorded=0)
    (trained,) = train_trial(training, context)
    (tested,) = score_on_test(record, context)
    validation, test = (open_split(plan.data.folder, name) for name in ("val", "test"))

    model, task = initial_model(config, context.task, context.data, None), SEGMENTATION
    for split, numbers in ((validation, trained.numbers["metrics"]), (test, tested.numbers)):
        over_tiles = score(model, task, split, 8, CPU).metrics
        over_scenes = score(model, task, split, 8, CPU, whole_scenes=True).metrics
        assert numbers["mIoU"] == over_scenes["mIoU"] != over_tiles["mIoU"]

    tally = read_tally(plan.directory.tally_file(record))
    assert isinstance(tally, PixelTally)
    assert tally.confusion.sum() == 64 * 64
    assert tally.names.tolist() == list(test.names)
    assert plan.directory.run().metric_over == "scenes"


def test_the_average_is_saved_and_scored_and_features_of_a_frozen_backbone_are_kept(
    make_sweep: Callable[..., Sweep], tmp_path: Path, cache: Path
) -> None:
    """What is in the file of weights gives the score that was reported."""
    sweep = make_sweep(
        task="segmentation",
        metric="mIoU",
        compare={"backbone": ["test_resnet"], "pretraining": ["scratch"]},
        tune={},
        fixed={"lr": 1e-2, "frozen": True, "augment": False, "ema": 0.9, "batch_size": 16},
        budget={"trials": 1, "epochs": 1},
    )
    plan = make_plan(sweep, tmp_path, cache, [Machine(cpus=1, gpus=0)])
    begin_run_directory(plan, "test")
    context = context_of(plan).trials
    config = complete(sweep, plan.arms[0])
    training = Training("000-test", 0, "trials", config, weights=None, until=1, recorded=0)
    (report,) = train_trial(training, context)

    model = initial_model(config, context.task, plan.data, None)
    load_same(model, plan.directory.folder_of("trials", "000-test") / WEIGHTS)
    again = score(model, SEGMENTATION, open_split(plan.data, "val"), 16, CPU).metrics
    assert report.numbers["metrics"]["mIoU"] == pytest.approx(again["mIoU"], rel=1e-3)
    assert bytes_kept(FeatureStore(cache / FEATURES, plan.data.fingerprint)) >= sum(
        plan.features.values()
    )
