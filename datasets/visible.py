"""Images of any bands and values as pictures for a person."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def visible(images: NDArray[Any], rgb: tuple[int, int, int] | None) -> NDArray[np.uint8]:
    """Images [B, C, S, S] → uint8 [B, 3, S, S]: the 2nd to 98th percentile of each band to 0 … 255.

    Where red, green and blue are not all among the bands, the first band is shown in grey.
    """
    shown = images[:, list(rgb or (0, 0, 0))].astype(np.float32)
    low, high = np.quantile(
        shown, np.array([0.02, 0.98], np.float32), axis=(0, 2, 3), keepdims=True
    )
    return np.clip((shown - low) / np.maximum(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
