"""Bootstraps whose variances are known."""

import numpy as np

from analysis.statistics.bootstrap import Bootstrap

IMAGES = np.array([str(number) for number in range(40)])


def seeds(*scores: float) -> Bootstrap:
    """Seeds that score alike on every image, so that only seeds vary."""
    values = np.array(scores)
    return Bootstrap(IMAGES, values, np.repeat(values[:, None], 100, axis=1))
