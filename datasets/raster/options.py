"""The keys of a sweep file's `dataset` section that describe one's own rasters and labels."""

from typing import Annotated

from pydantic import Field, field_validator

from runs.sections import Section

Wavelength = Annotated[float, Field(gt=0.1, lt=100)]
Classes = dict[int | str, str] | tuple[str, ...]


class OwnData(Section):
    """Where images and labels lie, and what the labels mean. Paths are below `dataset.root`."""

    images: str | None = Field(
        None, description="pattern of the image files, images/*.tif; null: looked for"
    )
    labels: str | None = Field(
        None,
        description="pattern of masks, vector files, box files or a table, masks/*.tif; '*/': the"
        " folders of the images are their classes; null: looked for",
    )
    layer: str | None = Field(None, description="of a vector file; null: its only one")
    class_field: str | None = Field(
        None, description="field of the polygons or points that holds the class; null: one class"
    )
    classes: Classes | None = Field(
        None,
        description="names by mask value or field value, {1: pond}, or a list of names in the order"
        " of ids 1, 2, …; null: as found",
    )
    background: int | None = Field(
        0, ge=0, description="mask value of no class; null: there is none"
    )
    nodata: float | None = Field(
        None, description="stored value without data; null: what each file declares"
    )
    all_touched: bool = Field(
        False, description="polygons cover each pixel that they touch, not only pixel centres"
    )
    aoi: str | None = Field(None, description="vector file: only what lies inside counts")
    wavelengths: dict[str, Wavelength] | tuple[Wavelength, ...] | None = Field(
        None,
        description="µm, of bands whose names do not tell it: {B5: 0.705}, or a list in the order "
        "of dataset.bands",
    )

    def __hash__(self) -> int:
        """Of all values: `classes` may be a dict, which has no hash of its own."""
        return hash(self.model_dump_json())

    @field_validator("images", "labels", "aoi")
    @classmethod
    def _below_the_root(cls, path: str | None) -> str | None:
        if path is not None and (path.startswith(("/", "~")) or ".." in path.split("/")):
            raise ValueError(f"{path} is relative to dataset.root, and lies below it")
        return path

    @field_validator("classes", mode="before")
    @classmethod
    def _names_by_value_or_listed(cls, classes: object) -> object:
        names = [*(classes.values() if isinstance(classes, dict) else ())]
        if isinstance(classes, list | tuple):
            names = [*classes]
        if classes is not None and not (names and all(isinstance(name, str) for name in names)):
            raise ValueError(
                "write names by value, {1: pond, 2: field}, or in order, [pond, field]"
            )
        return classes

    @field_validator("classes")
    @classmethod
    def _names_differ(cls, classes: Classes | None) -> Classes | None:
        if classes is None:
            return None
        names = [*(classes.values() if isinstance(classes, dict) else classes)]
        plain = [name.strip().casefold() for name in names]
        if twice := sorted(
            {name for name, key in zip(names, plain, strict=True) if plain.count(key) > 1}
        ):
            raise ValueError(f"these names are the same: {', '.join(twice)}")
        return classes
