"""What a run has to do, and in which order: stages, trials, repeats, scoring on test, timing.

There is no barrier between them. A job is given out when what it needs is there: a stage when its
parent's weights are made, a trial when its arm's weights are. Only repeats wait for the end of the
search, because it names them; and models are timed last, one after another, with nothing beside.
"""

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from models.pretraining.stage import Stage
from runs.arms import Arm
from runs.records import LatencyRecord, Status, TestRecord, TrialRecord
from sweeps.failures import Failure
from sweeps.fine_tuning import norms_of
from sweeps.jobs import Job, MakeStage, Score, Time, Train
from sweeps.ledger import Ledger
from sweeps.out_of_memory import Relief, held_by, larger_share, smaller_batches
from sweeps.plan import Plan
from sweeps.proposals import Proposals
from sweeps.repeats import open_repeats
from sweeps.reports import Report
from sweeps.retries import Retries
from sweeps.search import Search, Segment
from sweeps.slots import Slot
from sweeps.space import arm_names
from sweeps.stops import Stops
from sweeps.sync import UNFINISHED
from sweeps.trial import Training
from sweeps.view import View

BY_HAND = "by hand"
"""Why a trial was stopped, in its record."""


class Offer(NamedTuple):
    """A job that may be done now, and what it holds; `take` gives it out."""

    slot: Slot
    take: Callable[[], Job]


class Agenda:
    """The jobs of a run that are left to do.

    Args:
        deadline: by `time.monotonic`, after which no job is given out; None for never. One is
            always given, so that every time slice makes progress.
        retry_failed: trials and repeats that have failed in an earlier command are tried again.

    Attributes:
        running: by name, what is being done: from its handing out to its last report.
        failures: what could not be made, scored or timed, in sentences. After a stage's failure no
            more jobs are given out.
        halted: why no more jobs are given out although nothing has failed for good; None if they
            are.
    """

    def __init__(
        self,
        plan: Plan,
        trials: Ledger,
        repeats: Ledger,
        view: View,
        deadline: float | None,
        *,
        retry_failed: bool = False,
    ) -> None:
        self.plan, self.view, self.deadline = plan, view, deadline
        self.retry_failed = retry_failed
        self.trials, self.repeats = trials, repeats
        self.stops = Stops(plan.directory, arm_names(plan.sweep))
        view.arms_stopped(self.stops.arms)
        proposals = Proposals(plan.sweep, plan.arms, plan.directory, self.stops)
        self.search = Search(
            *(plan.sweep, plan.arms, plan.costs, proposals, trials), retry_failed=retry_failed
        )
        self.retries = Retries(plan.sweep.retries)
        self.failures: list[str] = []
        self.halted: Failure | None = None
        self._stages = {stage.key: stage for stage in plan.missing}
        self._unmade = set(self._stages)
        self._segments: list[Segment] = []
        self._repeats: deque[TrialRecord] | None = None
        self._to_score: deque[TrialRecord] = deque()
        self._to_time: deque[TrialRecord] = deque()
        self._scores = dict(plan.directory.test().scores)
        self._latencies = dict(plan.directory.latency().models)
        self.running: dict[str, Job] = {}
        self._given = 0
        self._stopped = False
        self._spent: dict[str, float] = defaultdict(float)
        self._larger: dict[str, Slot] = {}
        """By name, of jobs that are no trainings: those that have run out of memory."""

    @property
    def complete(self) -> bool:
        """Whether everything was done, or has failed."""
        stages = any(map(self._is_needed, self._stages.values()))
        after = self._repeats or self._to_score or self._to_time
        left = stages or self._segments or after or self.running
        return self._repeats is not None and not left

    @property
    def over(self) -> bool:
        """Whether no job is being done, and none will be given out."""
        return self.complete or (self.stopped and not self.running)

    @property
    def stopped(self) -> bool:
        """Whether no more jobs are given out: for want of time, or because nothing works."""
        return self._stopped or (self.late and self._given > 0)

    @property
    def late(self) -> bool:
        """Whether an epoch as long as the longest so far would end after the deadline."""
        return self.trials.out_of_time(self.deadline) or self.repeats.out_of_time(self.deadline)

    def next(self, has_room: Callable[[Slot], bool] = bool) -> Job | None:
        """The next job whose needs are there; None while there is none.

        Jobs that have room do not overtake one that has none yet: it would never have any.

        Raises:
            ReplayError: the records are of other trials.
        """
        self._look_ahead()
        if self.stopped:
            return None
        offer = (
            self._next_stage() or self._next_training() or self._next_score() or self._next_timing()
        )
        if offer is None or not has_room(offer.slot):
            return None
        job = offer.take()
        self._given += 1
        self.running[job.name] = job
        return job

    def started(self, job: Job) -> None:
        """A worker has begun with the job."""
        match job:
            case MakeStage(stage=stage):
                self.view.stage_started(stage.name)
            case Train(training=training):
                ledger = self._ledger(training)
                ledger.begin(training.number, job.slot.gpu)
                self.view.trial_started(ledger.records[training.number])
            case Score(record=record):
                self.view.scoring(record.name, len(self._to_score))
            case Time(record=record):
                self.view.timing(record.name, len(self._to_time))

    def heed(self) -> None:
        """End what a person has asked to stop; what is in a slot ends at its next report."""
        if not self.stops.changed:
            return
        # A resumed search has not proposed again yet what is on record.
        self.stops.take(max(self.search.proposed, 1 + max(self.trials.records, default=-1)))
        self.view.arms_stopped(self.stops.arms)
        for ledger in (self.trials, self.repeats):
            for number, record in ledger.records.items():
                waits = not record.ended and record.name not in self.running
                if waits and self.stops.hold(record):
                    self._close(ledger, number, "stopped", BY_HAND)
        self._segments = [
            one for one in self._segments if not self.trials.records[one.number].ended
        ]
        if self._repeats:
            self._repeats = deque(record for record in self._repeats if not record.ended)

    def report(self, job: Job, report: Report) -> bool:
        """A worker has something to tell; whether it is to continue with the job."""
        continues = not (report.last or self._stopped or self._is_stopped(job))
        if not continues:
            del self.running[job.name]
        self.retries.progress(job.name, report.numbers.get("epoch", 0))
        match job:
            case MakeStage(stage=stage):
                self._hear_of_stage(stage, report)
                if not continues and not report.last:
                    self._stages[stage.key] = stage
                    self.view.stage_left(stage.name)
            case Train(training=training):
                self._hear_of_training(training, report)
                if not continues and self.pauses(job):
                    self._leave_slot(training)
            case Score(record=record):
                self.plan.sync.collect(self.plan.directory.folder(record), without=UNFINISHED)
                self._scores[record.name] = dict(report.numbers)
                self.plan.directory.write_test(TestRecord(scores=self._scores))
                self._time_later(record)
            case Time(record=record):
                self._latencies[record.name] = report.numbers["latency"]
                self.plan.directory.write_latency(LatencyRecord(models=self._latencies))
        return continues

    def fail(self, job: Job, failure: Failure) -> None:
        """A job has raised, or its worker is no more: it is tried again, or has failed."""
        del self.running[job.name]
        relief = self._relief(job) if failure.kind == "memory" else None
        if relief is None and not self.retries.again(job.name, failure):
            self._give_up(job, failure)
            return
        self._give_back(job, failure.reason if relief is None else relief.told, relief)
        if self.retries.hopeless:
            self._stopped = True
            self.halted = failure

    def leave(self) -> None:
        """Nobody works on anything any more: what was interrupted waits to be resumed."""
        for job in self.running.values():
            if isinstance(job, Train):
                self._ledger(job.training).pause(job.training.number)

    def pauses(self, job: Job) -> bool:
        """Whether a job that is done is a stretch of a training that may continue."""
        if not isinstance(job, Train):
            return False
        return not self._ledger(job.training).records[job.training.number].ended

    def _relief(self, job: Job) -> Relief | None:
        """What a job gets that was out of memory; None if nothing helps."""
        if not isinstance(job, Train):
            return larger_share(job.slot)
        record = self._ledger(job.training).records[job.training.number]
        if larger := larger_share(job.slot, record.halved):
            return larger
        norms = norms_of(self.plan.sweep.task, record.config, self.plan.seen[record.arm])
        return smaller_batches(record, job.slot, norms)

    def _give_back(self, job: Job, reason: str, relief: Relief | None) -> None:
        """A job waits to be tried again: from its checkpoint, wherever there is a slot."""
        if relief is not None and not isinstance(job, Train):
            self._larger[job.name] = relief.slot
        match job:
            case MakeStage(stage=stage):
                self._stages[stage.key] = stage
                self.view.lost(stage.name, reason)
            case Score(record=record):
                self._to_score.appendleft(record)
                self.view.lost(record.name, reason)
            case Time(record=record):
                self._to_time.appendleft(record)
                self.view.lost(record.name, reason)
            case Train(training=training):
                ledger, number = self._ledger(training), training.number
                record = ledger.records[number]
                if self.stops.hold(record):
                    return self._close(ledger, number, "stopped", BY_HAND)
                if relief is None:
                    ledger.try_again(number)
                else:
                    ledger.relieve(number, relief)
                self.view.lost(record.name, reason)
                if ledger is self.trials:
                    self._segments.insert(0, Segment(number, training.until))
                else:
                    assert self._repeats is not None
                    self._repeats.appendleft(record)
        return None

    def _give_up(self, job: Job, failure: Failure) -> None:
        """A job has failed, and is not tried again by this command."""
        times = self.retries.failed(job.name)
        reason = f"{failure.reason}; tried {times} times" if times > 1 else failure.reason
        if failure.kind == "memory":
            reason = f"it needs more than a whole GPU{self._in_parts(job)} ({failure.reason})"
        match job:
            case MakeStage(stage=stage):
                self.failures.append(f"{stage.name} could not be made: {reason}")
                self._stopped = True
            case Train(training=training):
                self._close(self._ledger(training), training.number, "failed", reason)
            case Score(record=record):
                self.failures.append(f"{record.name} could not be scored on test: {reason}")
            case Time(record=record):
                self.failures.append(f"{record.name} could not be timed: {reason}")

    def _in_parts(self, job: Job) -> str:
        """What to do about a job that a whole GPU is too small for."""
        if not isinstance(job, Train):
            return ": lower batch_size"
        record = self._ledger(job.training).records[job.training.number]
        images = record.images_at_once
        also = (
            f", also with {images} image{'s' if images > 1 else ''} at once"
            if record.halved
            else ""
        )
        return f"{also}: lower batch_size, or choose a smaller backbone or image_size"

    def _look_ahead(self) -> None:
        """Take over what the search has begun, and after its end the repeats."""
        if self._repeats is not None:
            return
        self.search.advance()
        self._segments.extend(self.search.begun)
        self.search.begun.clear()
        if self.search.over:
            stopped = self.stops.arms
            wanted = open_repeats(self.plan.sweep, self.trials, self.repeats, stopped)
            if self.retry_failed:
                for record in wanted:
                    if record.status == "failed":
                        self.repeats.reopen(record.number)
            self._repeats = deque(record for record in wanted if not record.ended)
            for arm in self.trials.standings(self.repeats):
                for record in (arm.trial, *arm.repeats):
                    self._score_later(record)

    def _next_stage(self) -> Offer | None:
        for stage in self._stages.values():
            parent_made = stage.parent is None or stage.parent.key not in self._unmade
            if parent_made and self._is_needed(stage):
                job = MakeStage(stage, self.plan.slot_of_stage(stage))
                return self._offer(job, partial(self._stages.pop, stage.key))
        return None

    def _next_training(self) -> Offer | None:
        for segment in self._segments:
            record = self.trials.records[segment.number]
            if self._is_ready(record.arm):
                return Offer(self._slot_of(record), partial(self._take_segment, segment))
        if self._repeats:
            return Offer(self._slot_of(self._repeats[0]), self._take_repeat)
        return None

    def _next_score(self) -> Offer | None:
        if not self._to_score:
            return None
        record = self._to_score[0]
        return self._offer(Score(record, self._slot_of(record)), self._to_score.popleft)

    def _next_timing(self) -> Offer | None:
        """With nothing beside: neighbours would slow it down."""
        if self.running or not self._to_time:
            return None
        record = self._to_time[0]
        return self._offer(Time(record, self._slot_of(record)), self._to_time.popleft)

    def _offer(self, job: MakeStage | Score | Time, remove: Callable[[], object]) -> Offer:
        """A job that is no training, in the slot that it needs by now; `remove` if it is taken."""
        job = replace(job, slot=self._larger.get(job.name, job.slot))

        def take() -> Job:
            remove()
            return job

        return Offer(job.slot, take)

    def _slot_of(self, record: TrialRecord) -> Slot:
        return held_by(record, self.plan.slot_of(record.arm))

    def _take_segment(self, segment: Segment) -> Train:
        self._segments.remove(segment)
        return self._train(self.trials.records[segment.number], self.trials, segment.until)

    def _take_repeat(self) -> Train:
        assert self._repeats is not None
        record = self._repeats.popleft()
        return self._train(record, self.repeats, record.config["epochs"])

    def _is_ready(self, arm: Arm) -> bool:
        """Whether the arm's initial weights are in the store."""
        start = self.plan.starts[arm]
        return start is None or start.key not in self._unmade

    def _is_needed(self, stage: Stage) -> bool:
        """Whether an arm starts from the stage that was not stopped by hand."""
        return not self.stops.arms.issuperset(self.plan.served_by(stage))

    def _is_stopped(self, job: Job) -> bool:
        """Whether a person has asked to stop what the job is for."""
        match job:
            case MakeStage(stage=stage):
                return not self._is_needed(stage)
            case Train(training=training):
                return self.stops.hold(self._ledger(training).records[training.number])
            case Score() | Time():
                return False

    def _train(self, record: TrialRecord, ledger: Ledger, until: int) -> Train:
        return Train(
            Training(
                name=record.name,
                number=record.number,
                group=ledger.group,
                config=record.trained_as,
                weights=self.plan.weights_of(record.arm),
                until=until,
                recorded=record.trained,
            ),
            self._slot_of(record),
        )

    def _hear_of_stage(self, stage: Stage, report: Report) -> None:
        if "epoch" in report.numbers:
            epoch, loss = int(report.numbers["epoch"]), report.numbers["loss"]
            self._spent[stage.key] += report.numbers["seconds"]
            self.view.stage_epoch(
                stage.name, epoch, self.plan.sweep.budget.pretraining_epochs, loss
            )
        elif report.last:
            self._unmade.remove(stage.key)
            self.view.stage_done(stage.name, self._spent[stage.key])

    def _hear_of_training(self, training: Training, report: Report) -> None:
        ledger, numbers = self._ledger(training), report.numbers
        record = ledger.records[training.number]
        ledger.describe(
            training.number,
            *(numbers["device"], numbers["architecture"], numbers["parameters"]),
            report.undetermined,
        )
        ledger.add_epoch(training.number, {"epoch": numbers["epoch"], **numbers["metrics"]})
        self.view.trial_epoch(record)
        if numbers["diverged"]:
            self._close(ledger, record.number, "diverged", "a loss or gradient was not finite")
        elif numbers["epoch"] == training.config["epochs"]:
            self._close(ledger, record.number, "done")

    def _leave_slot(self, training: Training) -> None:
        """An unfinished training waits, unless it was stopped by hand."""
        ledger, number = self._ledger(training), training.number
        record = ledger.records[number]
        if self.stops.hold(record):
            return self._close(ledger, number, "stopped", BY_HAND)
        ledger.pause(number)
        return self.view.trial_paused(record)

    def _close(
        self, ledger: Ledger, number: int, status: Status, reason: str | None = None
    ) -> None:
        ledger.close(number, status, reason)
        record = ledger.records[number]
        self.view.trial_ended(record)
        if ledger is self.repeats:
            self._score_later(record)

    def _score_later(self, record: TrialRecord) -> None:
        """Score on test what was trained to its end, once."""
        if record.name in self._scores:
            self._time_later(record)
        elif record.reached == 1 and record.score is not None:
            self._to_score.append(record)

    def _time_later(self, record: TrialRecord) -> None:
        """Time what was scored, once; repeats are of the same architecture as their trial."""
        if record.of is None and record.name not in self._latencies:
            self._to_time.append(record)

    def _ledger(self, training: Training) -> Ledger:
        return self.trials if training.group == "trials" else self.repeats
