"""Follows a run directory and sends what is new to trackers. Runs in a process of its own.

The records of a run are its only memory, so that they are all there is to follow: what was sent of
each is noted in `tracking/NAME.json`, and a resumed sweep sends the rest.
"""

import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

from pydantic import BaseModel

from runs.directory import PICTURE, RunDirectory, read_record, write_record
from runs.records import Scores, Status, TrialRecord
from sweeps.tracking import TRACKERS
from sweeps.tracking.outcome import outcome_of
from sweeps.tracking.tracker import UNSENT, Followed, Update

EVERY_S = 2.0
"""A run is looked at no more often than this."""
RETRY_S = 60.0
"""A tracker that has failed is left alone for so long."""

LOG = Path("tracking") / "output.log"
"""In the run directory: what the libraries say."""


class Message(NamedTuple):
    """What the driver is told; `texts` are by name of a tracker."""

    kind: Literal["opened", "refused", "failed", "ended"]
    texts: dict[str, str]


class Progress(BaseModel):
    """What was sent of a trial or repeat."""

    epoch: int = UNSENT
    status: Status = "waiting"
    tested: bool = False


class Sent(BaseModel):
    """`tracking/NAME.json`: what was sent, and where to."""

    format: Literal[1] = 1
    where: str
    trainings: dict[str, Progress] = {}


class Follower:
    """Sends what is new to one tracker.

    Attributes:
        failure: why it could not, the last time that it was tried; "" if it could.
    """

    def __init__(self, name: str, followed: Followed) -> None:
        self.name, self.followed = name, followed
        self.tracker = TRACKERS[name](followed)
        self.file = followed.directory.path / "tracking" / f"{name}.json"
        self.file.parent.mkdir(exist_ok=True)
        before = read_record(self.file, Sent) if self.file.exists() else None
        here = Sent(where=self.tracker.where)
        self.sent = before if before and before.where == here.where else here
        self.failure = ""
        self._retry_at = 0.0

    def open(self) -> bool:
        """Open the tracker; whether it could be opened."""
        try:
            self.tracker.open()
        except self.tracker.failures as error:
            self._failed(error)
        return not self.failure

    @property
    def due(self) -> bool:
        """Whether it has not failed lately."""
        return time.monotonic() >= self._retry_at

    def catch_up(self, records: Sequence[TrialRecord], tests: Mapping[str, Scores]) -> None:
        """Send what is new of `records`; a failure is noted."""
        before = self.sent.trainings.copy()
        try:
            for record in records:
                self._send(record, tests.get(record.name, {}))
            self.failure = ""
        except self.tracker.failures as error:
            self._failed(error)
        if self.sent.trainings != before:
            write_record(self.file, self.sent)

    def finish(self, concluded: bool) -> None:
        """Send the outcome, if there is one, and what is in memory."""
        try:
            if concluded:
                with TemporaryDirectory() as folder:
                    self.tracker.conclude(outcome_of(self.followed.directory, Path(folder)))
            self.tracker.close()
        except self.tracker.failures as error:
            self._failed(error)

    def _send(self, record: TrialRecord, test: Scores) -> None:
        sent = self.sent.trainings.get(record.name, Progress())
        epoch = int(record.epochs[-1]["epoch"]) if record.epochs else UNSENT
        # A trial that was interrupted may be a few epochs behind what was sent: it repeats them.
        now = Progress(
            epoch=max(epoch, sent.epoch), status=record.status, tested=sent.tested or bool(test)
        )
        if now == sent:
            return
        picture = self.followed.directory.folder(record) / PICTURE
        drawn = now.status != "running" and picture.exists()
        scores = {name: value for name, value in test.items() if value is not None}
        metrics = self.followed.record.metrics
        update = Update(record, sent.epoch, metrics, picture if drawn else None, scores)
        self.tracker.send(update)
        self.sent.trainings[record.name] = now

    def _failed(self, error: Exception) -> None:
        self.failure = " ".join(str(error).split())[:200] or type(error).__name__
        self._retry_at = time.monotonic() + RETRY_S


def follow(run: Path, names: Sequence[str], driver: Connection) -> None:
    """Send what is new until the driver says whether the run is concluded, or is gone.

    The driver is told, as a `Message` each: how to look at what is sent, or why a tracker cannot be
    opened; once for each tracker, that it has failed; and at the end the failures that remain.
    """
    os.setsid()  # Ctrl-C is for the driver alone: what is left is still sent
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # with which the driver ends this
    (run / "tracking").mkdir(exist_ok=True)
    _write_output_into(run / LOG)
    followers: list[Follower] = []
    for name in names:
        follower = Follower(name, Followed(RunDirectory(run)))
        if not follower.open():
            driver.send(Message("refused", {name: follower.failure}))
            return
        followers.append(follower)
    driver.send(Message("opened", {one.name: one.tracker.look for one in followers}))
    directory = RunDirectory(run)
    concluded = _follow_until_told(directory, followers, driver)
    records, tests = _read(directory)
    for one in followers:
        one.catch_up(records, tests)
        one.finish(concluded)
    with contextlib.suppress(BrokenPipeError):
        driver.send(Message("ended", {one.name: one.failure for one in followers if one.failure}))


def _follow_until_told(
    directory: RunDirectory, followers: Sequence[Follower], driver: Connection
) -> bool:
    """Whether the run has a ranking."""
    warned: set[str] = set()
    pause = EVERY_S
    while not driver.poll(pause):
        began = time.monotonic()
        records, tests = _read(directory)
        pause = max(EVERY_S, 10 * (time.monotonic() - began))  # of a large run, once in a while
        for one in followers:
            if one.due:
                one.catch_up(records, tests)
            if one.failure and one.name not in warned:
                warned.add(one.name)
                driver.send(Message("failed", {one.name: one.failure}))
    try:
        return bool(driver.recv())
    except EOFError:  # the driver was killed
        return False


def _read(directory: RunDirectory) -> tuple[list[TrialRecord], dict[str, Scores]]:
    """Trials and repeats, and their scores on test."""
    return [*directory.trials(), *directory.repeats()], directory.test().scores


def _write_output_into(log: Path) -> None:
    """What the libraries print is not for the terminal, where the live view is."""
    with log.open("a") as opened:
        for stream in (1, 2):
            os.dup2(opened.fileno(), stream)
