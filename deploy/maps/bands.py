"""Which bands of a file are those of a model."""

from collections.abc import Sequence

from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from deploy.errors import ModelError
from runs.errors import did_you_mean

Bands = Sequence[int | str]
"""Bands of a file, in the order of the model's: numbers from 1, or names that describe them."""


def bands_of(
    reader: DatasetReader, name: str, wanted: tuple[str, ...], chosen: Bands | None
) -> tuple[int, ...]:
    """Numbers of the bands, from 1, in the order of the model's.

    Without a choice: where the file describes its bands by all the names that the model has, those;
    else the file must have as many bands as the model, or an alpha band beside them.

    Args:
        name: of the file, for messages.
        wanted: names of the model's bands.
        chosen: which bands to take, whatever they are called.

    Raises:
        ModelError: the file has other bands.
    """
    described = {
        text.casefold(): number
        for number, text in zip(reader.indexes, reader.descriptions, strict=True)
        if text
    }
    if chosen is not None:
        return _chosen(reader, name, wanted, chosen, described)
    if all(band.casefold() in described for band in wanted):
        return tuple(described[band.casefold()] for band in wanted)
    if reader.count == len(wanted):
        return tuple(reader.indexes)
    bands = [
        number
        for number, meaning in zip(reader.indexes, reader.colorinterp, strict=True)
        if meaning != ColorInterp.alpha
    ]
    if len(bands) != len(wanted):
        called = f", described as {', '.join(filter(None, reader.descriptions))}" * bool(described)
        raise ModelError(
            f"{name} has {len(bands)} band{'s' * (len(bands) != 1)}{called}; the model was trained "
            f"on {len(wanted)}: {', '.join(wanted)}; choose those with --bands"
        )
    return tuple(bands)


def _chosen(
    reader: DatasetReader,
    name: str,
    wanted: tuple[str, ...],
    chosen: Bands,
    described: dict[str, int],
) -> tuple[int, ...]:
    if len(chosen) != len(wanted):
        raise ModelError(
            f"bands: {len(chosen)} are chosen, but the model takes {len(wanted)}: "
            f"{', '.join(wanted)}"
        )
    for band in chosen:
        if isinstance(band, str) and band.casefold() not in described:
            hint = did_you_mean(band, filter(None, reader.descriptions))
            raise ModelError(f"{name} describes no band as '{band}'{hint}")
        if isinstance(band, int) and band not in reader.indexes:
            raise ModelError(f"{name} has no band {band}: they run from 1 to {reader.count}")
    return tuple(described[band.casefold()] if isinstance(band, str) else band for band in chosen)
