"""A trained model as a notebook uses it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.bands import Bands
from deploy.maps.images import open_array, open_image, scale_in_words
from deploy.maps.predict import check_threshold
from deploy.results import Result
from deploy.tasks import use_of
from deploy.trained import Trained


@dataclass(frozen=True, eq=False, repr=False)
class Predictor:
    """A trained model; its text says what it is and which images it expects.

    Attributes:
        trained: the network, its normalisation, and what it was trained on.
    """

    trained: Trained

    def predict(
        self,
        image: str | Path | NDArray[np.generic],
        *,
        bands: Bands | None = None,
        threshold: float | None = None,
    ) -> Result:
        """What the model finds in an image of any size, tile by tile as in `deploy.maps`.

        Args:
            image: a file that GDAL can read (GeoTIFF, PNG, JPEG, …), one in the format of the
                model's data set, or stored values [bands, H, W]. Values are of the type and scale
                of the training data.
            bands: which bands of the image are the model's, in its order: numbers from 1, or names
                that describe them in the file.
            threshold: the lowest score of an object that counts; of a segmenter, the lowest
                probability of a class, below which a pixel is background; of a classifier, that
                of a class which a tile has.

        Returns:
            Of a segmenter a `ClassMap`, of a detector `FoundBoxes`, of a classifier `TileLabels`.

        Raises:
            ModelError: the image cannot be read, or is not as the training data were.
            DataError: a file in the data set's own format is damaged.
        """
        check_threshold(threshold)
        data = self.trained.data
        opened = (
            open_array(image, data, bands)
            if isinstance(image, np.ndarray)
            else open_image(Path(image).expanduser(), data, bands)
        )
        with opened as seen:
            return use_of(self.trained.task).result(seen, self.trained, threshold)

    def __repr__(self) -> str:
        trained, data = self.trained, self.trained.data
        return (
            f"{trained.source}: {trained.task} of {', '.join(trained.classes)}\n"
            f"{trained.metric} {trained.score:.3f} on validation\n"
            f"expects {data.dtype} values, {scale_in_words(data)}"
        )
