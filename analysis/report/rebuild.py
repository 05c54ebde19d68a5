"""How the run can be made again: command, code, data, seeds, and the sweep itself."""

from analysis.report.sections import Listing, Section
from analysis.report.words import count, listed
from analysis.runs import Run

UNKNOWN = "not on record"


def rebuild(run: Run) -> Section:
    """The last section of the report."""
    info = run.info
    return Section(
        anchor="rebuild",
        title="How to rebuild it",
        paragraphs=(
            "Check out the revision, install the versions (requirements.lock has all of them), and "
            "run the command; the sweep as it was resolved is below.",
        ),
        facts=(
            ("command", info.get("command", UNKNOWN)),
            ("git revision", _revision(run)),
            ("versions", _versions(run)),
            ("data", _data(run)),
            ("seeds", _seeds(run)),
            ("started", ", then resumed ".join([info.get("started", UNKNOWN), *_resumed(run)])),
            ("run directory", str(run.path)),
        ),
        listings=(*_weights(run), *_sweep(run)),
    )


def _revision(run: Run) -> str:
    revision = run.info.get("git") or "not in a git repository"
    if revision.endswith("+changes"):
        return f"{revision} (the code differed from the commit: it cannot be rebuilt for certain)"
    return revision


def _versions(run: Run) -> str:
    versions = run.info.get("versions", {})
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or UNKNOWN


def _data(run: Run) -> str:
    data = run.info["data"]
    root = data.get("root")
    where = "the embedded sample" if run.info["sample"] else root or "its place is not on record"
    return f"{data['name']}, {where}, fingerprint {data.get('fingerprint', UNKNOWN)}"


def _seeds(run: Run) -> str:
    seeds = f"{run.info['seed']} (search, and training of every trial)"
    if len(run.repeats):
        repeats = sorted(set(run.repeats["seed"]))
        seeds += f"; {listed([str(seed) for seed in repeats])} (repeats)"
    return seeds


def _resumed(run: Run) -> list[str]:
    return run.info.get("resumed", [])


def _weights(run: Run) -> tuple[Listing, ...]:
    weights: dict[str, str | None] = run.info.get("weights", {})  # type: ignore[assignment]
    lines = [f"{arm}: {key}" for arm, key in weights.items() if key]
    if not lines:
        return ()
    title = f"Initial weights of {count(len(lines), 'arm')}, by the hash of what shaped them"
    return (Listing(title, "\n".join(lines)),)


def _sweep(run: Run) -> tuple[Listing, ...]:
    file = run.path / "sweep.yaml"
    if not file.is_file():
        return ()
    return (Listing("sweep.yaml, as it was resolved", file.read_text()),)
