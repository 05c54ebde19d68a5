"""The plan as text: what will be done, with what, and what is skipped."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from models.pretraining.stage import Stage
from models.tasks import TASKS
from runs.classes import BACKGROUND
from runs.plain import plain_lines
from runs.skipped import by_reason
from sweeps.commands import from_here
from sweeps.disk import needs
from sweeps.halving import rungs_of
from sweeps.packing import sentences
from sweeps.plan import Plan
from sweeps.schema import Domain
from sweeps.space import longest_training

MOST_CLASSES = 20  # that a line of the plan names


def show_plan(plan: Plan, console: Console) -> None:
    """Print the plan."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    for name, text in _facts(plan):
        facts.add_row(name, plain_lines(text))
    console.print(facts, highlight=False, markup=False)
    skipped = [f"skipped: {one.who}: {one.why}" for one in by_reason(plan.skipped)]
    for line in (*(f"warning: {text}" for text in plan.warnings), *skipped):
        console.print(
            plain_lines(line),
            style="yellow",
            highlight=False,
            markup=False,
            soft_wrap=not console.is_terminal,
        )


def _facts(plan: Plan) -> list[tuple[str, str]]:
    sweep, data, slots = plan.sweep, plan.data, plan.slots
    budget = sweep.budget
    things = "labels" if "image labels" in data.labels else "objects"
    counts = ", ".join(
        f"{count} {split} ({data.positives[split]} with {things})"
        for split, count in data.counts.items()
    )
    kind = "the embedded SAMPLE of " if sweep.uses_sample else ""
    bands = f"bands {' '.join(data.bands)} at {data.image_size} px"
    tuned = [
        f"{name} {_domain(domain)}"
        for name, domain in sweep.tune.items()
        if domain.choice is None or len(domain.choice) > 1
    ]
    hours = f", in slices of {budget.hours:g} h" if budget.hours else ""
    over = ", over whole scenes stitched of their tiles" if sweep.whole_scenes else ""
    return [
        ("sweep", f"{sweep.name}: {sweep.task}, ranked by {sweep.metric} on validation{over}"),
        ("data", f"{kind}{sweep.dataset.name}: {counts}; {bands}"),
        *_classes(plan),
        *(("", note) for note in data.notes),
        *(("", f"skipped file {file}: {reason}") for file, reason in data.skipped),
        ("arms", _arms(plan)),
        *(("", note) for note in plan.notes),
        ("tuned", ", ".join(tuned) or "nothing"),
        ("weights", _weights(plan)),
        *(("", f"licence of {name}: {licence}") for name, licence in plan.licences.items()),
        ("trials", f"{plan.trials} of at most {_epochs(plan)} epochs{hours}, {_search(plan)}"),
        *_halving(plan),
        *_untried(plan),
        *_repeats(plan),
        *_slots(plan),
        *([("", slots.note)] if slots.note else []),
        *_idle_slots(plan),
        *_memory(plan),
        ("results", str(from_here(plan.directory.path))),
        *([("storage", sweep.storage)] if sweep.storage else []),
        *(("disk" * (not row), need.sentence()) for row, need in enumerate(needs(plan))),
    ]


def _arms(plan: Plan) -> str:
    compared = [f"{len(values)} {factor}" for factor, values in plan.sweep.compare.items()]
    without = f"; {len(plan.skipped)} more are skipped, see below" if plan.skipped else ""
    return f"{len(plan.arms)}, of {' × '.join(compared)}{without}"


def _classes(plan: Plan) -> list[tuple[str, str]]:
    """Each class with its boxes or images in every split, or its share of the pixels; which are
    absent."""
    data, label = plan.data, TASKS[plan.sweep.task].needs
    if label == "masks":
        names: tuple[str, ...] = (BACKGROUND, *data.classes)
        amounts = [
            [f"{100 * n / max(sum(pixels), 1):.1f}" for n in pixels]
            for pixels in data.class_pixels.values()
        ]
        unit, what = " %", "pixels"
    else:
        names = data.classes
        amounts = [[f"{n:,}" for n in counts] for counts in data.amounts(label).values()]
        unit, what = "", {"boxes": "objects", "image labels": "images"}[label]
    each = [
        f"{name} {' / '.join(of_splits)}{unit}"
        for name, *of_splits in zip(names, *amounts, strict=True)
    ]
    return [
        ("classes", f"{what} in {' / '.join(data.counts)}: {_some(each)}"),
        *(
            ("", f"absent from {split}: {_some(absent)}")
            for split, absent in data.absent(label).items()
            if absent
        ),
    ]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_CLASSES} more" if len(names) > MOST_CLASSES else ""
    return ", ".join(names[:MOST_CLASSES]) + more


def _epochs(plan: Plan) -> int:
    return longest_training(plan.sweep, plan.arms)


def _idle_slots(plan: Plan) -> list[tuple[str, str]]:
    parallel = plan.sweep.search.parallel
    if parallel >= plan.at_once:
        return []
    return [("", f"search.parallel is {parallel}: of {plan.at_once} slots the others stay idle")]


def _memory(plan: Plan) -> list[tuple[str, str]]:
    lines = plan.memory.sentences() if plan.memory else ()
    return [("memory" * (not row), line) for row, line in enumerate(lines)]


def _untried(plan: Plan) -> list[tuple[str, str]]:
    untried = len(plan.arms) - plan.trials
    few = f"fewer trials than arms: {untried} of {len(plan.arms)} arms get no trial"
    return [("", few)] if untried > 0 else []


def _repeats(plan: Plan) -> list[tuple[str, str]]:
    repeats = plan.sweep.repeats
    if repeats is None:
        return []
    top = min(repeats.top, len(plan.arms))
    which = "the best arm" if top == 1 else f"each of the best {top} arms"
    return [("repeats", f"the best trial of {which}, trained again under {repeats.seeds} seeds")]


def _domain(domain: Domain) -> str:
    ((kind, value),) = domain.model_dump(exclude_none=True).items()
    return f"{kind} {list(value)}"


def _weights(plan: Plan) -> str:
    missing = plan.missing
    if not plan.stages:
        return "none needed"
    found = f"{len(plan.stages) - len(missing)} of {len(plan.stages)} found"
    imported = [stage for stage in plan.stages if stage.load is not None]
    found += "".join(f"; {_audit(plan, stage)}" for stage in imported)
    if not missing:
        return found
    epochs = plan.sweep.budget.pretraining_epochs
    each = f"{epochs} epoch{'s' if epochs > 1 else ''} each"
    return f"{found}; to be made, {each}: {', '.join(stage.name for stage in missing)}"


def _audit(plan: Plan, stage: Stage) -> str:
    stored = plan.stored(stage)
    return str(stored.record["audit"]) if stored else stage.name


def _search(plan: Plan) -> str:
    sweep = plan.sweep
    return f"{sweep.allocation} allocation, {sweep.sampler.name} sampler, seed {sweep.seed}"


def _halving(plan: Plan) -> list[tuple[str, str]]:
    """Where trials pause, and how many are finished."""
    sweep, rule = plan.sweep, plan.sweep.scheduler
    if rule.name == "none":
        return [("rungs", "none: every trial is trained to its end")]
    epochs = _epochs(plan)
    rungs = ", ".join(str(rung) for rung in rungs_of(rule, epochs, epochs)[:-1])
    rungs = f"epochs {rungs}" if "," in rungs else f"epoch {rungs}"
    each = f"{rule.finish} of every arm" if rule.finish else "an arm may drop out"
    seen = f"as seen on a clock of {sweep.search.parallel} slots"
    continuing = f"of those that have come so far, the best 1/{rule.factor} continue, {seen}"
    return [("rungs", f"{rungs}: {continuing}; trained to the end: {each}")]


def show_slots(plan: Plan, console: Console) -> None:
    """Print what the arms get whose trainings were measured, and why others were not."""
    if plan.shapes:
        for name, text in _slots(plan):
            console.print(f"{name or 'slots'}: {text}", markup=False, highlight=False)


def _slots(plan: Plan) -> list[tuple[str, str]]:
    if not plan.shapes:
        return [("slots", f"{plan.slots.count} trials at once, each on {_slot(plan)}")]
    untrained = {arm: plan.slot_of(arm) for arm in plan.arms if arm not in plan.shapes}
    lines = list(sentences(untrained | plan.measured))
    lines += [
        f"{arm.title}: {_slot(plan)} for a trial, because measuring failed: {why}"
        for arm, why in plan.unmeasured.items()
    ]
    unknown = len({one for arm, one in plan.shapes.items() if arm not in plan.measured})
    if unknown and not plan.unmeasured:
        lines.append(
            "resources.gpu is auto: how many trainings pay at once on the GPU is measured before "
            f"the trials; to be measured: {unknown}"
        )
    return [("slots" * (not row), line) for row, line in enumerate(lines)]


def _slot(plan: Plan) -> str:
    slots = plan.slots
    cores = f"{slots.cpu} CPU core{'s' if slots.cpu > 1 else ''}"
    return f"{slots.gpu:g} GPU and {cores}" if slots.gpu else cores
