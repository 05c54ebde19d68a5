"""How Ray is started: on this machine it is our own, and signals stay ours."""

import signal
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from sweeps.cluster import cluster


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Ray is started with; as the real one, it takes SIGTERM."""
    options: dict[str, Any] = {}

    def init(**given: Any) -> SimpleNamespace:
        options.update(given)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return SimpleNamespace(dashboard_url="")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    return options


def test_ray_of_ones_own_does_not_join_a_cluster_that_runs_here(started: dict[str, Any]) -> None:
    with cluster():
        assert started["address"] == "local"


def test_sigterm_is_handled_as_before_ray_was_started(started: dict[str, Any]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with cluster():
        assert started
        assert signal.getsignal(signal.SIGTERM) is before
