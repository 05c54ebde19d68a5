"""What is drawn for the report, and why something is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.figures import FIGURES, sketch_figures
from analysis.figures import Section as FigureSection
from analysis.loading import Run
from analysis.pictures import Picture, draw_pictures, earlier_pictures
from analysis.pictures.score_map import score_map
from analysis.report.map_drawing import DrawnMap, draw_map
from analysis.report.parts import Plate, figure_plate, picture_plate
from analysis.tables.formats import as_csv
from runs.errors import EosweepError

CHARTS = {
    "arms": "ranking",
    "learning": "curves",
    "pareto": "pareto",
    "parallel": "parallel",
    "packing": "timeline",
}
"""The script of the page that draws what a figure shows, for readers who run scripts."""


@dataclass(frozen=True)
class Drawn:
    """Figures by name, and pictures of predictions.

    Attributes:
        figures: those that apply to the run.
        reasons: why the others do not, by name.
        files: the data of each figure as CSV, by its name.
        pictures: of predictions.
        layered: the same with their layers; those that were drawn without have none.
        map: of the test images; None where their places or the decoded images are not known.
        no_pictures: why they could not be drawn now; "" if they were.
    """

    figures: Mapping[str, Plate]
    reasons: Mapping[str, str]
    files: dict[str, str]
    pictures: tuple[Plate, ...]
    layered: tuple[Picture, ...]
    map: DrawnMap | None
    no_pictures: str

    def plates(self, section: FigureSection) -> tuple[Plate, ...]:
        """The figures of a section that apply to the run."""
        return tuple(self.figures[name] for name in _names(section) if name in self.figures)

    def absent(self, section: FigureSection) -> tuple[str, ...]:
        """The others of the section, and why each does not."""
        return tuple(
            not_shown(FIGURES[name].what, self.reasons[name])
            for name in _names(section)
            if name in self.reasons
        )


def not_shown(what: str, reason: str) -> str:
    """What a section lacks, and why, in two sentences."""
    return f"Not shown: {what}. {reason[:1].upper()}{reason[1:]}."


def draw(run: Run, folder: Path) -> Drawn:
    """Draw what can be drawn of a run: figures for the page alone, pictures into `folder`."""
    sketches, reasons = sketch_figures(run)
    figures = {
        name: figure_plate(name, sketch, CHARTS.get(name, "")) for name, sketch in sketches.items()
    }
    files = {name: as_csv(sketch.data) for name, sketch in sketches.items()}
    no_pictures, places = "", None
    try:
        pictures = draw_pictures(run, folder)
        places = score_map(run)
    except EosweepError as error:
        pictures, no_pictures = earlier_pictures(folder), str(error)
    plates = tuple(picture_plate(number, one) for number, one in enumerate(pictures, 1))
    layered = tuple(one for one in pictures if one.layers)
    mapped = draw_map(places, pictures) if places else None
    return Drawn(figures, reasons, files, plates, layered, mapped, no_pictures)


def _names(section: FigureSection) -> list[str]:
    return [name for name, figure in FIGURES.items() if figure.section == section]
