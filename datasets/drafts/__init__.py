"""A first sweep file for a folder of data: every value with the reason for it."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from datasets.cache import as_listed, divided, seen_from_afar
from datasets.describe import Description
from datasets.drafts import choices
from datasets.drafts.study import study
from datasets.drafts.written import Section, commented, lines
from datasets.leaks import Audit
from datasets.options import Dataset, tiling_of
from datasets.source import DataError, Listing
from runs.progress import UNSEEN, Progress


def draft(found: Description, cache: Path, progress: Progress = UNSEEN) -> Iterator[str]:
    """The lines of the file.

    Raises:
        DataError: the data cannot be divided into train, val and test, or hold nothing to find.
    """
    survey = found.survey
    if not survey.held and not survey.all_pixels[1:255].any() and not survey.all_images.any():
        raise DataError(f"{found.root}: the labels hold no object, so there is nothing to learn")
    dataset = choices.dataset_keys(found)
    given = found.options.model_dump(exclude_unset=True)
    section = {**given, **{key.name: key.value for key in dataset}}
    options = Dataset.model_validate(section)
    listing, audit = _divided(found, options, cache, progress)
    counts = {split: len(items) for split, items in listing.splits.items()}
    sections = [Section("dataset", "", dataset), *study(found, options, counts)]
    return chain(_head(found, audit), lines([*choices.top_keys(found), *sections]))


def _divided(
    found: Description, options: Dataset, cache: Path, progress: Progress
) -> tuple[Listing, Audit]:
    """The splits as the sweep will make them."""
    source, root, division = found.source, found.root, options.splits.division
    listing = as_listed(source.find(root, tiling_of(source, options)), division, root)
    seen = seen_from_afar(source, root, listing, cache, progress)
    return divided(source, root, listing, seen, division, cache, progress)


def _head(found: Description, audit: Audit) -> Iterator[str]:
    name = choices.name_of(found.root)
    yield from commented(f"A first sweep for {found.root}: {found.survey.listing.layout}.")
    yield "#"
    yield f"#   .venv/bin/python tune_main.py sweeps/{name}.yaml --dry-run"
    yield "#"
    yield from commented(
        "Written from what the data hold; change what you know better. Every key:"
        " docs/sweep-file.md."
    )
    for line in audit.lines:
        yield from commented(f"LEAK: {line}. The plan refuses it; dataset.leaks: allow accepts it.")
    for problem in found.survey.problems:
        yield from commented(f"BAD FILE: {problem.file}: {problem.reason}.")
    yield ""
