"""What a job uses on the way is told with its reports."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
import torch

from sweeps.jobs import JobContext
from sweeps.reports import Report
from sweeps.worker import Worker


@dataclass(frozen=True)
class Putting:
    """A job that uses an operation without a deterministic algorithm in its second step."""

    name: str = "putting"

    def reports(self, context: JobContext) -> Generator[Report]:
        yield Report({})
        torch.zeros(2).put_(torch.tensor([0]), torch.ones(1))
        yield Report({}, last=True)


@dataclass(frozen=True)
class Asked:
    """As much of a context as a worker looks at."""

    deterministic: bool
    stall_s: float | None = None


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.setattr("sweeps.worker.setproctitle", lambda _: None)  # this is no worker
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]


@pytest.mark.parametrize(("asked", "told"), [(True, ("put_",)), (False, ())])
def test_operations_without_a_deterministic_algorithm_are_told_from_when_they_are_used(
    asked: bool, told: tuple[str, ...]
) -> None:
    class WithContext(Worker):
        def setup(self, config: dict[str, Any]) -> None:  # type: ignore[override]
            super().setup(config, cast(JobContext, Asked(asked)))

    worker = WithContext({"job": Putting()})
    assert worker.step()["report"].undetermined == ()
    assert worker.step()["report"].undetermined == told
    worker.reset_config({"job": Putting()})
    assert worker.step()["report"].undetermined == ()
