"""Published scores beside ours: rows that are shown, and neither ranked nor set in bold."""

import pandas as pd

from analysis.runs import Run

#: What stands in the column ``rank`` of a published row.
REF = "ref"


def with_references(run: Run, ranking: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The ranking of ``rank_arms``, and below it the published rows that have ``metric``.

    Best first, and below instead of in between: others scored them, maybe on another split. Of the
    other columns they have the factors that are published; the rest is missing.
    """
    published = published_rows(run, metric)
    if published.empty:
        return ranking
    # A factor that shares its name with another column has kept its prefix.
    bare = {f"arm/{name}": name for name in run.info["factors"] if f"arm/{name}" not in ranking}
    published = published.rename(columns=bare)
    published.insert(0, "rank", REF)
    whole_numbers = ranking.select_dtypes("int64").columns
    ours = ranking.astype(dict.fromkeys(whole_numbers, "Int64"))  # which can be missing
    return pd.concat([ours, published], ignore_index=True)


def published_rows(run: Run, metric: str) -> pd.DataFrame:
    """A row a published score, best first: ``arm/<factor>``, and ``best``."""
    references = run.info.get("references")
    rows = references["rows"] if references else []
    scored = [row for row in rows if row["scores"].get(metric) is not None]
    published = pd.DataFrame([row["arm"] for row in scored]).add_prefix("arm/")
    published["best"] = [row["scores"][metric] for row in scored]
    return published.sort_values("best", ascending=False, kind="stable")


def reference_notes(run: Run, metric: str) -> list[str]:
    """Where the published rows come from, if there are any."""
    references = run.info.get("references")
    if not references or published_rows(run, metric).empty:
        return []
    origin = f"{REF}: published, not measured here and not ranked. {references['source']}"
    sample = "They are of the real data, the others of the sample." if run.info["sample"] else ""
    sentences = [part.strip().rstrip(".") for part in (origin, references["note"], sample)]
    return [" ".join(f"{sentence}." for sentence in sentences if sentence)]
