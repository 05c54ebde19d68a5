"""Graphics cards by name: how much memory each has."""

from dataclasses import dataclass
from pathlib import Path

from runs.errors import EosweepError, did_you_mean

GIB = 2**30
DRIVER = Path("/sys/module/nvidia/version")
AMPERE = 8
"""The compute capability since which NVIDIA's GPUs compute in bfloat16."""


class UnknownCardError(EosweepError):
    """There is no card of this name in the table."""


@dataclass(frozen=True)
class Card:
    """A kind of GPU.

    Attributes:
        memory: bytes, as CUDA reports them: less than what the card is sold with.
        bfloat16: whether it computes in it; trainings are in float32 where not.
        driver: its version; empty of a card that is not there.
    """

    name: str
    memory: int
    bfloat16: bool = True
    driver: str = ""


CARDS = {
    name: Card(shown, round(gib * GIB), capability >= AMPERE)
    for name, shown, gib, capability in (
        ("t4", "T4", 14.56, 7.5),
        ("v100", "V100 (16 GB)", 15.75, 7.0),
        ("v100-32gb", "V100 (32 GB)", 31.73, 7.0),
        ("a10g", "A10G", 21.99, 8.6),
        ("l4", "L4", 22.03, 8.9),
        ("rtx3090", "RTX 3090", 23.57, 8.6),
        ("rtx4090", "RTX 4090", 23.52, 8.9),
        ("rtx5090", "RTX 5090", 31.36, 12.0),
        ("a100-40gb", "A100 (40 GB)", 39.38, 8.0),
        ("a100", "A100 (80 GB)", 79.14, 8.0),
        ("l40s", "L40S", 44.39, 8.9),
        ("h100", "H100", 79.10, 9.0),
        ("h200", "H200", 139.80, 9.0),
        ("b200", "B200", 178.35, 10.0),
    )
}
"""By the name that `--for` takes. Drivers differ by some tenths of a percent; these are low."""


def card_named(name: str) -> Card:
    """The card of a name, in letters of any case. UnknownCardError: there is none."""
    if name.lower() not in CARDS:
        raise UnknownCardError(f"--for: no card '{name}' is known{did_you_mean(name, CARDS)}")
    return CARDS[name.lower()]


def this_card() -> Card | None:
    """The GPU of this machine, the one of least memory where they differ; None without any."""
    import torch

    if not torch.cuda.is_available():
        return None
    gpus = [torch.cuda.get_device_properties(gpu) for gpu in range(torch.cuda.device_count())]
    least = min(gpus, key=lambda gpu: gpu.total_memory)
    bfloat16 = least.major >= AMPERE
    return Card(least.name, least.total_memory, bfloat16, _driver())


def _driver() -> str:
    """The version of NVIDIA's driver, where its kernel module tells it."""
    return DRIVER.read_text().strip() if DRIVER.is_file() else "unknown"
