"""Whether the same seeds would give the same trials again."""

import pandas as pd

from analysis.loading import Run
from analysis.wording import listed


def determinism_notes(run: Run) -> list[str]:
    """What would vary if the sweep were run again; nothing if all would be the same."""
    trained = pd.concat([run.trials, run.repeats])
    on_gpu = trained[trained["device"].fillna("cpu") != "cpu"]
    if on_gpu.empty:
        return []
    if not run.record.deterministic:
        return [
            "Trained on a GPU, which adds up in changing order (gradients of RoIAlign and of "
            "interpolation among others): the same seed gives the same trial but for rounding, "
            "which grows over the epochs. `deterministic: true` makes them the same where it can."
        ]
    notes = []
    for operations, names in on_gpu["name"].groupby(on_gpu["undetermined"]):
        if operations:
            notes.append(
                f"Not the same twice, because {listed(str(operations).split())} has no "
                f"deterministic algorithm: {', '.join(names)}."
            )
    return notes
