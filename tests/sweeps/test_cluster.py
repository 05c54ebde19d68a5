"""How Ray is started: on this machine it is our own, and can be interrupted."""

import signal
import sys
from types import SimpleNamespace
from typing import Any

import pytest
import ray

from sweeps.cluster import cluster


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What Ray is started with."""
    options: dict[str, Any] = {}

    def init(**given: Any) -> SimpleNamespace:
        options.update(given)
        return SimpleNamespace(dashboard_url="")

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    return options


def test_ray_of_ones_own_does_not_join_a_cluster_that_runs_here(started: dict[str, Any]) -> None:
    with cluster():
        assert started["address"] == "local"


def test_sigterm_while_ray_starts_is_an_interrupt(
    started: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(**_: Any) -> None:
        sys.exit(signal.SIGTERM)

    monkeypatch.setattr(ray, "init", end)
    with pytest.raises(KeyboardInterrupt), cluster():
        assert started, "Ray has not started"
