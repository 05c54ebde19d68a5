"""What a source of backbones is. Without torch, so that a sweep file is checked at once."""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast

from datasets.spectrum import Band
from runs.errors import EosweepError, did_you_mean

if TYPE_CHECKING:
    from models.backbones.features import Features
    from models.backbones.published import Published

DEFAULT = "timm"
"""The source of a bare name."""

MissingBands = Literal["error", "mean"]
"""What stands for a band that a network wants and the data lack: nothing, or the mean of the bands
that are there, pixel by pixel."""


class UnknownBackboneError(EosweepError):
    """There is no backbone of this name, or a head cannot use its features."""


class NotInstalledError(UnknownBackboneError):
    """The library of a backbone's source is not installed."""


class BandsError(EosweepError):
    """A network wants to know more of the bands, or wants other bands, than the data have."""


class Images(NamedTuple):
    """What a network is built for.

    Attributes:
        bands: what each channel is.
        size: height and width, px.
        missing: what stands for a band that the network wants and the images lack.
    """

    bands: Sequence[Band]
    size: int
    missing: MissingBands


class Library(Protocol):
    """What the module of a source answers."""

    def check(self, name: str) -> None:
        """Raise `UnknownBackboneError`, with the nearest right name, unless `name` is known.

        It builds nothing.
        """

    def build(self, name: str, images: Images) -> "Features":
        """The network, its weights at random.

        Raises:
            BandsError: the network cannot see these bands.
        """

    def usual_weights(self, name: str) -> str | None:
        """The weights that `pretraining: default` means; None where there are none."""

    def published(self, name: str) -> Mapping[str, "Published"]:
        """All weights of a backbone, by name."""


@dataclass(frozen=True)
class Source:
    """Where backbones come from.

    Attributes:
        name: what stands before the `/`.
        module: what answers as `Library` says; it imports the source's library when it builds.
        package: the library's name where Python imports it.
        option: of pip, where the library's own requirements do not fit ours.
    """

    name: str
    module: str
    package: str
    option: str = ""

    @property
    def installed(self) -> bool:
        """Whether the library is there; it is not imported."""
        return find_spec(self.package) is not None

    @property
    def library(self) -> Library:
        """What answers for this source."""
        return cast(Library, importlib.import_module(self.module))


def source_of(backbone: str, sources: Mapping[str, Source]) -> tuple[Source, str]:
    """The source of a backbone, which is installed, and what the source calls it.

    Raises:
        UnknownBackboneError: there is no such source.
        NotInstalledError: its library is not installed.
    """
    before, slash, after = backbone.partition("/")
    title, name = (before, after) if slash else (DEFAULT, backbone)
    if title not in sources:
        hint = did_you_mean(title, sources)
        raise UnknownBackboneError(f"there is no source of backbones '{title}'{hint}")
    source = sources[title]
    if not source.installed:
        raise NotInstalledError(
            f"{title} is not installed, and backbone '{backbone}' is one of its own: "
            f"pip install {source.option}-r requirements-{title}.txt"
        )
    return source, name
