"""The sentences that say what would separate the arms that are tied."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from math import ceil

from analysis.statistics.bootstrap import Drawn
from analysis.statistics.remedies import MOST_IMAGES, MOST_SEEDS, POWER, Remedy
from analysis.wording import count, listed


def remedy_note(
    first: str, tied: Mapping[str, Remedy | None], seeds: int, drawn: Drawn, over_seeds: bool
) -> str:
    """What is lacking to separate the first arm from each that is tied with it.

    Args:
        first: title of the first arm.
        tied: what would do, by title of each arm that is tied with it.
        seeds: how many the first arm has.
        drawn: the test images.
        over_seeds: whether the variance between seeds is known.
    """
    few_seeds: dict[int, list[str]] = defaultdict(list)
    few_images: dict[int, list[str]] = defaultdict(list)
    close = []
    for title, needed in tied.items():
        if needed is None:
            close.append(title)
        elif needed.images:
            few_images[_rounded_up(_scenes(needed.images, drawn))].append(title)
        elif needed.seeds:
            few_seeds[needed.seeds].append(title)
    most = f"{MOST_SEEDS} seeds of each arm"
    sentences = []
    if few_seeds:
        enough = _enough(few_seeds, "{} of each arm would", first)
        are = "is" if seeds == 1 else "are"
        sentences.append(f"{count(seeds, 'seed')} of the first arm {are} too few: {enough}.")
    if few_images:
        enough = _enough(few_images, f"about {{}}{_of_scenes(drawn)} would", first)
        beside = f"with {most}, " if over_seeds else ""
        sentences.append(f"{drawn.text} are too few: {beside}{enough}.")
    if close:
        beside = f"{most} and " if over_seeds else ""
        sentences.append(
            f"Not even {beside}{MOST_IMAGES} times the test images would separate {first} from "
            f"{listed(close)}."
        )
    if few_seeds or few_images:
        sentences.append(
            f"This holds if differences and variances stay as they are (power {POWER})."
        )
    return " ".join(sentences)


def remedy_in_short(
    tied: Collection[Remedy | None], seeds: int, drawn: Drawn, over_seeds: bool
) -> str:
    """The same of all tied arms together, in half a sentence; arguments as of `remedy_note`."""
    few_seeds = [one.seeds for one in tied if one and one.seeds and not one.images]
    few_images = [one.images for one in tied if one and one.images]
    helped = len(few_seeds or few_images)
    some = "" if helped == len(tied) else f" separate {helped} of them"
    if few_seeds:
        enough = f"{max(few_seeds)} of each arm would{some}"
        return f"{count(seeds, 'seed')} cannot separate these; {enough}"
    if few_images:
        beside = f", with {MOST_SEEDS} seeds of each arm" if over_seeds else ""
        number = _rounded_up(_scenes(max(few_images), drawn))
        enough = f"about {number}{_of_scenes(drawn)} would{some}{beside}"
        return f"{drawn.text} cannot separate these; {enough}"
    return "too close for any reasonable number of seeds or test images"


def _enough(needed: Mapping[int, list[str]], would: str, first: str) -> str:
    """`4 would separate the first arm from a and b, 6 from c`, the fewest first."""
    (least, arms), *more = sorted(needed.items())
    texts = [f"{would.format(least)} separate {first} from {listed(arms)}"]
    texts += [f"{number} from {listed(arms)}" for number, arms in more]
    return ", ".join(texts)


def _of_scenes(drawn: Drawn) -> str:
    """What more are needed of, where that is not what is counted first."""
    return " scenes" if drawn.scenes < drawn.images else ""


def _scenes(units: int, drawn: Drawn) -> int:
    """How many scenes like those that there are count as so many independent images."""
    return ceil(units * drawn.scenes / drawn.units)


def _rounded_up(number: int) -> int:
    """To two digits."""
    unit = 10 ** max(0, len(str(number)) - 2)
    return -(-number // unit) * unit
