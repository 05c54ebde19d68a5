"""Weights that a source publishes for a backbone: where they lie, and what they are made for."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from datasets.spectrum import Band


@dataclass(frozen=True)
class Scale:
    """What stored values weights were trained on: (value - mean) / std went into the network.

    Attributes:
        mean, std: of each of the weights' bands, or one for all.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Published:
    """Weights.

    Attributes:
        name: what their source calls them.
        repository: on the Hugging Face hub, `owner/name@revision`.
        filename: in the repository.
        bands: what their first layer was made for; None where it is made for any, or nothing says.
        licence: an identifier, or what to read.
        scale: of their input; None where their source does not say.
        local: what the file is called in a folder of one's own, where its own name would not tell.
    """

    name: str
    repository: str
    filename: str
    bands: tuple[Band, ...] | None
    licence: str
    scale: Scale | None
    local: str = ""

    @property
    def stored_as(self) -> str:
        """What the file is called in a folder of one's own."""
        return self.local or self.filename.rpartition("/")[2]


def hub_file(url: str) -> tuple[str, str, str]:
    """Repository, revision and file of an address `https://HUB/OWNER/NAME/resolve/REVISION/FILE`.

    Raises:
        ValueError: it is none.
    """
    parts = urlsplit(url).path.strip("/").split("/")
    if len(parts) < 5 or parts[2] != "resolve":
        raise ValueError(f"{url} is no file of a repository on the hub")
    return "/".join(parts[:2]), parts[3], "/".join(parts[4:])


def unknown_licence(repository: str) -> str:
    """What to do where the licence of weights is not known here."""
    return f"unknown: read the model card huggingface.co/{repository}"
