"""A description as one HTML file that needs no network."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

import numpy as np

from datasets.colours import class_colours
from datasets.describe import Description
from datasets.describe.drawing import histogram, scene_map
from datasets.describe.facts import Table, remarks, tables, title
from datasets.describe.thumbnails import Thumbnail, thumbnails

STYLE = Path(__file__).with_name("page.css")


def page(found: Description) -> str:
    """The whole file."""
    name = escape(found.root.resolve().name)
    body = "\n".join(_sections(found))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<h1>{name}</h1>
<p>{escape(title(found))}<br>{escape(str(found.root))}</p>
<div class="tables">{"".join(map(_table, tables(found)))}</div>
{body}
</body>
</html>
"""


def _sections(found: Description) -> Iterator[str]:
    if said := remarks(found):
        lines = "".join(
            f"<li{'' if kind == 'note' else ' class=todo'}>{kind}: {escape(text)}</li>"
            for kind, text in said
        )
        yield f'<h2>What to know</h2><ul class="remarks">{lines}</ul>'
    if drawn := scene_map(found):
        yield f"<h2>Where the scenes lie</h2>{_splits_key(found)}{drawn}"
    if shown := thumbnails(found):
        pictures = "".join(map(_figure, shown))
        yield f'<h2>Images and labels</h2>{_class_key(found)}<div class="grid">{pictures}</div>'
    if found.survey.sample:
        values = np.concatenate(found.survey.sample, axis=1)
        drawn = "".join(map(histogram, found.source.bands, values))
        yield f'<h2>Values of the bands</h2><div class="grid">{drawn}</div>'


def _table(one: Table) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in one.header)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in one.rows
    )
    kind = ' class="words"' if one.words else ""
    return f'<div class="scroll"><table{kind}><tr>{head}</tr>{rows}</table></div>'


def _splits_key(found: Description) -> str:
    rows = "".join(
        f'<li><i class="{split}"></i>{split}: {len(scenes)} scene{"s" * (len(scenes) != 1)}</li>'
        for split, scenes in found.scenes.items()
    )
    return f'<ul class="key">{rows}</ul>'


def _class_key(found: Description) -> str:
    classes = found.survey.listing.classes
    _, *colours = class_colours(classes, found.options.colours)
    rows = "".join(
        f'<li><i style="background: rgb{colour}"></i>{escape(name)}</li>'
        for name, colour in zip(classes, colours, strict=True)
    )
    return f'<ul class="key">{rows}</ul>'


def _figure(one: Thumbnail) -> str:
    name = escape(one.name)
    return (
        f'<figure><div class="pair"><img src="{one.plain}" alt="{name}">'
        f'<img src="{one.labelled}" alt="{name} with its labels"></div>'
        f"<figcaption><b>{name}</b><span>{one.split}</span></figcaption></figure>"
    )
