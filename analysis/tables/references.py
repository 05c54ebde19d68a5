"""Published scores beside ours: rows that are shown, but not ranked and not in bold."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from analysis.loading import AnalysisError, Run
from runs.errors import did_you_mean, first_fault
from runs.records import References

REF = "ref"
"""The `rank` of a published row, with a number where there are several sources."""


def references_of(runs: Sequence[Run]) -> list[References]:
    """The sources that the sweeps themselves name, each once."""
    sources: list[References] = []
    for run in runs:
        if (source := run.record.references) and source not in sources:
            sources.append(source)
    return sources


def read_references(file: Path, factors: Sequence[str]) -> References:
    """A source from a YAML file; see `python -m analysis table --help` for its form.

    Args:
        file: with `source`, `note` and `rows`.
        factors: what an arm of it may have.

    Raises:
        AnalysisError: the file cannot be read, or is not of that form.
    """
    from ruamel.yaml import YAML, YAMLError

    try:
        content = YAML(typ="safe").load(file)
        references = References.model_validate({"note": "", **content})
    except OSError as error:
        raise AnalysisError(f"{file} cannot be read: {error.strerror}") from error
    except (YAMLError, UnicodeDecodeError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise AnalysisError(f"{file} is not YAML of source, note and rows: {reason}") from error
    except ValidationError as error:
        raise AnalysisError(f"{file} is not a list of references ({first_fault(error)})") from error
    unknown = [key for row in references.rows for key in row.arm if key not in factors]
    if unknown:
        raise AnalysisError(
            f"{file} has a row with {unknown[0]}, which is not a factor of the sweep"
            f"{did_you_mean(unknown[0], factors)}"
        )
    return references


def with_references(
    ranking: pd.DataFrame, sources: Sequence[References], metric: str, column: str = "best"
) -> pd.DataFrame:
    """The ranking of `rank_arms`, and below it the published rows that have `metric`.

    Best first, and below ours instead of among them: others scored them, perhaps on another split.
    Of the other columns they have the factors that are published; the rest is missing.

    Args:
        ranking: rows of ours.
        sources: who published what.
        metric: the one that is ranked by.
        column: where its published values go.
    """
    published = published_rows(sources, metric)
    if published.empty:
        return ranking
    published = published.rename(columns={"score": column})
    # A factor that shares its name with another column has kept its prefix.
    bare = {
        name: name.removeprefix("arm/")
        for name in published.columns.astype(str)
        if name not in ranking
    }
    published = published.rename(columns=bare)
    whole_numbers = ranking.select_dtypes("int64").columns
    ours = ranking.astype(dict.fromkeys(whole_numbers, "Int64"))  # which can be missing
    return pd.concat([ours, published], ignore_index=True)


def published_rows(sources: Sequence[References], metric: str) -> pd.DataFrame:
    """A row a published score, best first: `rank` (its mark), `arm/<factor>`, `score`."""
    rows: list[dict[str, object]] = [
        {"rank": mark, **{f"arm/{name}": value for name, value in row.arm.items()}}
        | {"score": row.scores[metric]}
        for mark, source in _marked(sources, metric)
        for row in source.rows
        if row.scores.get(metric) is not None
    ]
    published = pd.DataFrame(rows, columns=None if rows else ["rank", "score"])
    return published.sort_values("score", ascending=False, kind="stable")


def reference_notes(sources: Sequence[References], metric: str, sample: bool) -> list[str]:
    """Where the published rows come from, if there are any; `sample`: ours are of the sample."""
    notes = []
    for mark, source in _marked(sources, metric):
        origin = f"{mark}: published, not measured here and not ranked. {source.source}"
        data = "They are of the real data, the others of the sample." if sample else ""
        sentences = [part.strip().rstrip(".") for part in (origin, source.note, data)]
        notes.append(" ".join(f"{sentence}." for sentence in sentences if sentence))
    return notes


def _marked(sources: Sequence[References], metric: str) -> list[tuple[str, References]]:
    """The sources that have the metric, by how their rows are marked."""
    have = [
        source
        for source in sources
        if any(row.scores.get(metric) is not None for row in source.rows)
    ]
    marks = [REF] if len(have) == 1 else [f"{REF} {number}" for number in range(1, len(have) + 1)]
    return list(zip(marks, have, strict=True))
