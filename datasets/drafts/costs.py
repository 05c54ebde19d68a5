"""How long training takes, before anything is trained: measured once, kept as numbers."""

from typing import NamedTuple


class Cost(NamedTuple):
    """Processor seconds that a megapixel of training images takes, by task."""

    segmentation: float
    detection: float

    @property
    def classification(self) -> float:
        """At most that of segmentation: the same backbone, and no decoder."""
        return self.segmentation


SECONDS: dict[str, Cost] = {
    "resnet18": Cost(4.1, 4.4),
    "efficientnet_b0": Cost(4.4, 4.9),
    "resnet50": Cost(7.7, 7.8),
    "swin_tiny_patch4_window7_224": Cost(10.3, 10.4),
    "convnext_tiny": Cost(8.1, 8.2),
}
"""Processor time on one core of an Intel Xeon, from scratch, three bands, with the head that a task
has by default. `benchmarks/training_cost.py` prints these numbers for another machine."""
