"""What the trained models of a run find on its test images: what of the analysis needs torch.

The decoded images and the weights lie where the run left them. Either may be gone by the time a run
is read; what was drawn of them before stays.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.runs import AnalysisError, Run
from analysis.tallies import read_tally
from datasets import DataError, Split, open_split

STAYS = "Pictures and maps that were drawn earlier stay as they are."
AT_ONCE = 8

Found = dict[str, NDArray]
"""What a model finds in an image, by the names of its task: ``mask`` uint8 [S, S], or ``boxes``
float32 [M, 4] (x0 y0 x1 y1 in pixel edges), ``labels`` int64 [M] and ``scores`` float32 [M]."""


def open_test(run: Run, name: str) -> Split:
    """The test images, which must be those that the tally of the trial ``name`` is of.

    Raises:
        AnalysisError: the run does not say where its decoded images are, they are not there or are
            others now; or the trial has no tally.
    """
    tally = read_tally(run, name)
    cache = run.info["data"].get("cache")
    if cache is None:
        raise AnalysisError(
            f"{run.path} was made by an earlier version, which did not note where its decoded "
            f"images lie: nothing can be drawn of it. {STAYS}"
        )
    try:
        split = open_split(Path(cache), "test")
    except DataError as error:
        raise AnalysisError(
            f"The decoded images of {run.path} are gone: {error} Check its sweep with the same "
            f"cache, which decodes them there again. {STAYS}"
        ) from error
    if split.names != tuple(tally.names.tolist()):
        raise AnalysisError(
            f"{cache} holds other test images than {run.path} was tested on: the data changed "
            f"since. {STAYS}"
        )
    return split


def predictions(run: Run, name: str, split: Split, indices: Sequence[int]) -> Iterator[Found]:
    """What the trial or repeat ``name`` finds in some images of a split, one after another.

    Raises:
        AnalysisError: its weights are not there, or are of other code.
    """
    import torch

    from deploy.faults import ModelError
    from deploy.trained import open_trained

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        trained = open_trained(run.path, name, device)
    except ModelError as error:
        raise AnalysisError(f"{error}. {STAYS}") from error
    for start in range(0, len(indices), AT_ONCE):
        rows = np.array(indices[start : start + AT_ONCE])
        for found in trained.find(split.images[rows]):
            yield {key: value.cpu().numpy() for key, value in found.items()}
