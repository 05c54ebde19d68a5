"""Image files → files of maps, with a trained model."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from datasets.bands import Bands
from deploy.errors import ModelError
from deploy.maps.files import VectorFormat, Watch
from deploy.maps.images import Image, open_image
from deploy.maps.vectors import crs_member
from deploy.tasks import use_of
from deploy.trained import Trained


def predict_files(
    trained: Trained,
    files: Sequence[Path],
    folder: Path,
    vectors: VectorFormat | None,
    *,
    bands: Bands | None = None,
    threshold: float | None = None,
) -> Iterator[Path]:
    """Write the maps of each image into `folder`, which exists, and yield their names when done.

    Every image is opened before the first is worked on; a bar shows how far it is, on a terminal.

    Args:
        vectors: how polygons are written; None leaves it to the task.
        bands: which bands of each image are the model's, see `bands.bands_of`.
        threshold: the lowest score of an object, or probability of a class, that counts.

    Raises:
        ModelError: an image or an option cannot be used, or two would give maps of one name.
    """
    check_threshold(threshold)
    make_maps = use_of(trained.task).maps
    _check(trained, files, vectors, bands)
    for file in files:
        with open_image(file, trained.data, bands) as image, _progress(image) as watch:
            written = make_maps(trained, image, folder, file.stem, vectors, threshold, watch)
        yield from written


def check_threshold(threshold: float | None) -> None:
    """Raise `ModelError` if it can be no probability."""
    if threshold is not None and not 0 <= threshold <= 1:
        raise ModelError(f"threshold {threshold:g}: it lies between 0 and 1")


def _check(
    trained: Trained, files: Sequence[Path], vectors: VectorFormat | None, bands: Bands | None
) -> None:
    twice = [stem for stem, count in Counter(file.stem for file in files).items() if count > 1]
    if twice:
        raise ModelError(
            f"the maps of {len(files)} images would go to files of one name ({', '.join(twice)}): "
            "predict them one at a time, with another --out for each"
        )
    for file in files:
        with open_image(file, trained.data, bands) as image:
            if vectors == "geojson":
                crs_member(image.crs)


@contextmanager
def _progress(image: Image) -> Iterator[Watch]:
    """A bar for one image, on standard error, if that is a terminal."""
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(Path(image.name).name, total=image.height * image.width)
        yield lambda window: bar.advance(task, window.height * window.width)
