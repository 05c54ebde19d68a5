"""What a page shows as drawings: where scenes lie, and how values are distributed. As SVG."""

from html import escape

import numpy as np
import shapely
from numpy.typing import NDArray

from datasets.describe import Description
from datasets.footprints import footprints

BINS = 64
WIDTH, HEIGHT = 240, 90  # of a histogram, in its own units
MAP_SIDE = 600  # of the longer side of the map
KNOWN_BANDS = ("red", "green", "blue", "nir")


def scene_map(found: Description) -> str:
    """The outlines of the scenes by split, north up; "" if no place on Earth is known."""
    items = [item for of in found.survey.listing.splits.values() for item in of]
    splits = {item.name: split for split, of in found.survey.listing.splits.items() for item in of}
    prints = footprints(items, found.overview)
    scenes: dict[tuple[str, str], list[shapely.Polygon]] = {}
    for item, outline, frame in zip(items, prints.outlines, prints.frames, strict=True):
        if frame == 0:
            scenes.setdefault((splits[item.name], item.scene), []).append(outline)
    if not scenes:
        return ""
    outlines = {key: shapely.union_all(parts) for key, parts in scenes.items()}
    west, south, east, north = shapely.total_bounds(np.array([*outlines.values()]))
    narrow = 1.0
    if abs(north) <= 90 and abs(east) <= 180:
        narrow = float(np.cos(np.radians((north + south) / 2)))
    scale = MAP_SIDE / max((east - west) * narrow, north - south)
    width, height = (east - west) * narrow * scale, (north - south) * scale

    def placed(corners: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack(
            [(corners[:, 0] - west) * narrow * scale, (north - corners[:, 1]) * scale], axis=-1
        )

    paths = "".join(
        f'<path class="{split}" d="{_path(shapely.transform(outline, placed))}">'
        f"<title>{escape(f'{scene} ({split})')}</title></path>"
        for (split, scene), outline in outlines.items()
    )
    counts = ", ".join(f"{len(of)} {split}" for split, of in found.scenes.items())
    return (
        f'<svg class="map" role="img" aria-label="Map of the scenes by split: {counts}"'
        f' viewBox="-4 -4 {width + 8:.0f} {height + 8:.0f}">{paths}</svg>'
    )


def histogram(name: str, values: NDArray[np.float32]) -> str:
    """How often values occur, from the lowest to the highest but for 0.5 % at both ends."""
    low, high = np.quantile(values, (0.005, 0.995)) if values.size else (0.0, 1.0)
    counts, _ = np.histogram(values, BINS, (low, high if high > low else low + 1))
    heights = counts / max(1, counts.max()) * HEIGHT
    step = WIDTH / BINS
    bars = "".join(
        f"M{index * step:.1f} {HEIGHT}v{-height:.1f}h{step:.1f}v{height:.1f}z"
        for index, height in enumerate(heights)
        if height > 0
    )
    shade = name if name in KNOWN_BANDS else "other"
    label = f"Histogram of {name}, from {low:g} to {high:g}"
    return (
        f'<figure><svg class="histogram" role="img" aria-label="{escape(label)}"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none">'
        f'<path class="band-{shade}" d="{bars}"/></svg>'
        f"<figcaption><b>{escape(name)}</b><span>{low:g}</span><span>{high:g}</span></figcaption>"
        "</figure>"
    )


def _path(outline: shapely.Geometry) -> str:
    rings = [part.exterior for part in shapely.get_parts(outline) if hasattr(part, "exterior")]
    return "".join(
        "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in shapely.get_coordinates(ring)) + "z"
        for ring in rings
    )
