"""What a model finds in one image, as the bytes of an answer."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import rasterio

from deploy.maps.class_raster import colours, write_class_raster
from deploy.maps.classes import class_parts
from deploy.maps.images import Image
from deploy.maps.labels import geojson_of_labels, labelled_tiles
from deploy.maps.objects import object_rows
from deploy.maps.outlines import areas
from deploy.maps.tiles import Find
from deploy.maps.vectors import features_of_areas, features_of_objects, geojson
from deploy.results import whole_mask
from deploy.trained import Trained

Answer = Callable[[Image, Trained, Find], bytes]


def areas_of_classes(image: Image, trained: Trained, find: Find) -> bytes:
    """GeoJSON: the connected areas of each class."""
    features = features_of_areas(
        areas([whole_mask(image, trained, find)]), trained.classes, image.transform
    )
    return "".join(geojson(features, image.crs)).encode()


def class_geotiff(image: Image, trained: Trained, find: Find) -> bytes:
    """The class raster that `python -m deploy predict` writes."""
    parts = class_parts(image, trained.data, find, trained.batch)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "classes.tif"
        write_class_raster(file, image, parts, trained.data, trained.source)
        return file.read_bytes()


def class_png(image: Image, trained: Trained, find: Find) -> bytes:
    """Class ids of each pixel, in the classes' colours; transparent where there is no data."""
    mask = whole_mask(image, trained, find)
    profile = {"driver": "PNG", "dtype": "uint8", "count": 1}
    with rasterio.MemoryFile() as memory:
        with memory.open(height=mask.shape[0], width=mask.shape[1], **profile) as raster:
            raster.write_colormap(1, colours(trained.data))
            raster.write(mask, 1)
        return memory.read()


def objects(image: Image, trained: Trained, find: Find) -> bytes:
    """GeoJSON: boxes with class and score."""
    rows = object_rows(image, trained.data, find, trained.batch)
    found = (row.objects for row in rows)
    features = features_of_objects(found, trained.classes, image.transform)
    return "".join(geojson(features, image.crs)).encode()


def labels_of_tiles(image: Image, trained: Trained, find: Find) -> bytes:
    """GeoJSON: the outline of each tile with its classes, and how sure the model is of each."""
    tiles = labelled_tiles(image, trained.data, find, trained.batch)
    return "".join(geojson_of_labels(tiles, trained.classes, image)).encode()
