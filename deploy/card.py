"""A model card in Markdown, filled from the files of a run alone.

Mitchell et al. 2019, "Model Cards for Model Reporting".
"""

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev

from deploy.choice import choose_training
from runs.classes import BACKGROUND
from runs.directory import RunDirectory
from runs.errors import EosweepError
from runs.plain import markdown, plain
from runs.records import RunRecord, TrialRecord

Loading = Callable[[Path, RunRecord, TrialRecord], Iterator[str]]
"""Lines on how the model is used."""

SAMPLE = """\
> **Trained on a synthetic sample.** The images and labels were made by the program itself, and the
> scores below say nothing about real data.
"""


def model_card(run: Path, name: str | None) -> str:
    """The card of a trial or a repeat; without a name, of the winner (see `runs.winner`).

    Raises:
        ModelError, RunDirectoryError: the run or the training cannot be used.
    """
    return _card(run, name, _use_of_run)


def hub_card(run: Path, name: str | None, pipeline: str) -> str:
    """The card of a model that is used without its run, with the front matter that the hub reads.

    Args:
        pipeline: what the hub calls the task.

    Raises:
        ModelError, RunDirectoryError: the run or the training cannot be used.
    """
    front = ("---", "library_name: eosweep", f"pipeline_tag: {pipeline}", "---", "", "")
    return "\n".join(front) + _card(run, name, _use_of_folder)


def _card(run: Path, name: str | None, loading: Loading) -> str:
    directory = RunDirectory(run)
    record = directory.run()
    training = choose_training(directory, name)
    parts = (
        _heading(record, training),
        _scores(directory, record, training),
        _data(record),
        _training(record, training),
        _use(record, training),
        ("## How to use it", "", *loading(run, record, training)),
        _origin(run, record),
    )
    return "\n".join(line for part in parts for line in (*part, ""))


def _heading(record: RunRecord, training: TrialRecord) -> Iterator[str]:
    config = training.config
    yield f"# {markdown(record.name)}: {markdown(training.name)}"
    yield ""
    if record.sample:
        yield SAMPLE
    arm = ", ".join(f"{factor} {markdown(str(value))}" for factor, value in training.arm.items())
    yield (
        f"A model for {record.task}: head {_code(config['head'])} over backbone "
        f"{_code(config['backbone'])}, trained on {record.data.name}. It is of the arm {arm}, one "
        f"of {len(record.arms)} that the sweep {markdown(record.name)} compared by "
        f"{markdown(record.metric)} on validation images."
    )


def _scores(directory: RunDirectory, record: RunRecord, own: TrialRecord) -> Iterator[str]:
    tests = directory.test().scores
    found, tested = _at_best(own), tests.get(own.name, {})
    interval = _interval(directory.path, own.name, record) if tested else "not computed"
    yield "## Scores"
    yield ""
    yield (
        f"All between 0 and 1, higher is better. The weights are those of epoch {own.best_epoch}, "
        f"the best by {record.metric} on validation: the scores there are chosen to be high, and "
        "those on test, which was looked at once, are the ones to expect on such images."
    )
    if record.metric_over == "scenes":
        yield (
            "They are of whole scenes: tiles are stitched over their overlap, as in a map, and "
            "each pixel is counted once."
        )
    yield ""
    yield from _table(
        ("metric", "validation", "test"),
        [
            (markdown(metric), _number(found.get(metric)), _number(tested.get(metric)))
            for metric in record.metrics
        ],
    )
    yield ""
    images = record.data.counts.get("test")
    metric = markdown(record.metric)
    yield f"95 % interval of {metric} on test, over its {images} images: {interval}."
    others = [one for one in directory.repeats() if one.of == (own.of or own.name)]
    found_again = [tests.get(one.name, {}).get(record.metric) for one in others]
    values = [value for value in found_again if value is not None]
    if len(values) > 1:
        yield (
            f"Trained again with {len(values)} other seeds, the same configuration has "
            f"{record.metric} {mean(values):.4f} ± {stdev(values):.4f} on test (mean and standard "
            "deviation)."
        )


def _data(record: RunRecord) -> Iterator[str]:
    data = record.data
    yield "## Data"
    yield ""
    height, width = data.window
    yield from _listed(
        f"data set: {data.name}{' (the synthetic sample)' * record.sample}",
        f"images: {', '.join(f'{count} {split}' for split, count in data.counts.items())}",
        f"bands, in this order: {markdown(', '.join(data.bands))}; stored as {data.dtype}",
        f"windows of {height} × {width} px of the files, resized to {data.image_size} × "
        f"{data.image_size} px",
        f"SHA-256 of what was used: `{data.fingerprint}`",
    )
    yield ""
    if data.class_pixels:
        total = sum(data.class_pixels)
        rows = [
            (str(number), markdown(name), f"{pixels / total:.2%}")
            for number, (name, pixels) in enumerate(
                zip((BACKGROUND, *data.classes), data.class_pixels, strict=True)
            )
        ]
        yield from _table(("id", "class", "share of training pixels"), rows)
    elif data.class_images:
        yield from _table(
            ("id", "class", "training images"),
            [
                (str(number), markdown(name), f"{images:,}")
                for number, (name, images) in enumerate(
                    zip(data.classes, data.class_images, strict=True), 1
                )
            ],
        )
    else:
        yield from _table(
            ("id", "class"),
            [(str(number), markdown(name)) for number, name in enumerate(data.classes, 1)],
        )


def _training(record: RunRecord, training: TrialRecord) -> Iterator[str]:
    weights = dict(zip(record.arms, record.weights, strict=True)).get(training.arm)
    size = f"{training.parameters:,}" if training.parameters is not None else "not recorded"
    yield "## Training"
    yield ""
    yield from _listed(
        f"initial weights: {f'stage {_code(weights)}' if weights else 'none (at random)'}",
        f"parameters: {size}",
        f"{len(training.epochs)} epochs in {training.seconds:,.0f} s on "
        f"{training.device or 'a device that is not recorded'}; it ended as: {training.status}",
        f"searched: {', '.join(training.tuned) or 'nothing'}",
    )
    yield ""
    yield from _table(
        ("setting", "value"),
        [(markdown(key), _code(value)) for key, value in training.config.items()],
    )


def _use(record: RunRecord, training: TrialRecord) -> Iterator[str]:
    data = record.data
    height, width = data.window
    yield "## Intended use"
    yield ""
    yield (
        f"Finding {markdown(', '.join(data.classes))} in images like those it was trained on: of "
        "the same sensor and processing, with pixels of the same size on the ground."
    )
    yield ""
    yield "## Limits"
    yield ""
    limits = [
        f"It has seen one data set, {data.name}. How it does on other regions, seasons and "
        "sensors was not measured.",
        f"It needs {len(data.bands)} bands in the scale of the training data ({data.dtype}); other "
        "values give results without a warning where they are of the same type.",
        f"It sees {height} × {width} px at a time, and nothing of what lies beyond.",
    ]
    if record.sample:
        limits.insert(0, "It was trained on synthetic images: it is of no use on real ones.")
    if training.status != "done":
        limits.append(f"Its training did not run to the end: {training.status}.")
    if data.skipped_files:
        limits.append(f"{len(data.skipped_files)} files could not be used and were left out.")
    limits.append("The run does not record licences: see those of the data and initial weights.")
    yield from _listed(*limits)


def _use_of_run(run: Path, record: RunRecord, training: TrialRecord) -> Iterator[str]:
    yield "```"
    folder, name = shlex.quote(plain(str(run))), shlex.quote(plain(training.name))
    yield f"python -m deploy predict {folder} IMAGE.tif --trial {name}"
    yield f"python -m deploy export {folder} --trial {name}"
    yield "```"
    yield ""
    yield "```python"
    yield "import deploy"
    yield ""
    yield f"model = deploy.load_winner({json.dumps(str(run))}, {json.dumps(training.name)})"
    yield from _prediction(record)


def _use_of_folder(_: Path, record: RunRecord, __: TrialRecord) -> Iterator[str]:
    yield "With the code of eosweep on the path, and this folder on disk:"
    yield ""
    yield "```python"
    yield "import deploy"
    yield ""
    yield 'model = deploy.load("FOLDER")'
    yield from _prediction(record)


def _prediction(record: RunRecord) -> Iterator[str]:
    data = record.data
    array = f"{data.dtype} [{len(data.bands)}, H, W]"
    yield f'found = model.predict("IMAGE.tif")  # or stored values, {array}'
    yield "```"


def _origin(run: Path, record: RunRecord) -> Iterator[str]:
    yield "## Origin"
    yield ""
    versions = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    yield from _listed(
        f"run: {markdown(run.name)}, started {record.started}, seed {record.seed}",
        f"command: {_code(record.command)}",
        f"revision: {record.git or 'not recorded'}",
        f"versions: {versions}",
    )


def _interval(run: Path, name: str, record: RunRecord) -> str:
    """Of the metric on test, by a bootstrap over the images; else why there is none."""
    from analysis import bootstrap, interval, load, read_tally, scene_resamples

    try:
        tally = read_tally(load(run), name)
        draws = scene_resamples(tally.scenes.tolist(), record.seed)
        sample = bootstrap([tally], record.metric, draws)
    except EosweepError as error:
        return f"not computed ({error})"
    bounds = interval(sample)
    if bounds is None:
        return f"not computed ({sample.obstacle})"
    return f"{bounds[0]:.4f} to {bounds[1]:.4f} (bootstrap, {len(draws):,} resamples)"


def _at_best(training: TrialRecord) -> dict[str, float]:
    """The metrics of the epoch whose weights are kept."""
    return next((dict(one) for one in training.epochs if one["epoch"] == training.best_epoch), {})


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _code(value: object) -> str:
    """In the type of code, in a cell as well; nothing in it is Markdown."""
    text = plain(str(value)).replace("`", "'").replace("|", r"\|")
    return f"`{text}`"


def _listed(*lines: str) -> Iterator[str]:
    yield from (f"- {plain(line)}" for line in lines)


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for cells in (header, ["---"] * len(header), *rows):
        yield "| " + " | ".join(cells) + " |"
