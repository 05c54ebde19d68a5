"""What a person stops while a sweep runs: one trial, or an arm.

A request is an empty file in the run directory: `stop/arm=resnet18-mae`, `stop/trial=003-vit-mae`.
The running sweep looks there, ends what is named, and proposes no more of the arm. What it ended
stays so. If the file of an arm is deleted, the arm is proposed again from then on. A resumed run
proposes everything again from the start: since and until which proposal an arm was stopped is on
record in `stops.json`.
"""

from collections.abc import Mapping

from runs.arms import Arm
from runs.directory import RunDirectory
from runs.records import ArmStop, TrialRecord


class Stops:
    """The arms and trials that were stopped by hand.

    Args:
        names: of the arms of the sweep, as in the names of its trials.
    """

    def __init__(self, directory: RunDirectory, names: Mapping[Arm, str]) -> None:
        self.directory, self.names = directory, names
        self._arms = list(directory.stops())
        self._requests = {f"arm={names[arm]}" for arm in self.arms}

    @property
    def changed(self) -> bool:
        """Whether there are other requests than at the last `take`."""
        return self._requested() != self._requests

    def take(self, proposed: int) -> None:
        """Put the requests into force, after so many proposals."""
        self._requests = self._requested()
        wanted = {arm for arm, name in self.names.items() if f"arm={name}" in self._requests}
        stops = [
            stop if stop.until is not None or stop.arm in wanted else _lifted(stop, proposed)
            for stop in self._arms
        ]
        new = [arm for arm in self.names if arm in wanted - self.arms]
        stops += [ArmStop(arm=arm, since=proposed) for arm in new]
        if stops != self._arms:
            self._arms = stops
            self.directory.write_stops(stops)

    @property
    def arms(self) -> set[Arm]:
        """Those that are stopped now."""
        return {stop.arm for stop in self._arms if stop.until is None}

    def arms_at(self, number: int) -> set[Arm]:
        """Those of which proposal `number` could not be."""
        return {
            stop.arm
            for stop in self._arms
            if stop.since <= number and (stop.until is None or number < stop.until)
        }

    def hold(self, record: TrialRecord) -> bool:
        """Whether a trial or repeat is to end, itself or with its arm."""
        return record.arm in self.arms or f"trial={record.name}" in self._requests

    def _requested(self) -> set[str]:
        folder = self.directory.requests_folder
        return {file.name for file in folder.iterdir()} if folder.is_dir() else set()


def _lifted(stop: ArmStop, proposed: int) -> ArmStop:
    return stop.model_copy(update={"until": proposed})
