"""Operations without a deterministic algorithm are named, and no other warning is lost."""

import warnings
from collections.abc import Iterator

import pytest
import torch

from models.determinism import be_deterministic, without_algorithm


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    yield
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]


def put() -> None:
    """An operation that has none, on any device."""
    torch.zeros(2).put_(torch.tensor([0]), torch.ones(1))


def test_an_operation_without_one_is_named_each_time_that_it_is_used() -> None:
    be_deterministic()
    for _ in range(2):
        found: set[str] = set()
        with without_algorithm(found):
            put()
        assert found == {"put_"}


def test_nothing_is_named_where_it_is_not_asked_for() -> None:
    found: set[str] = set()
    with without_algorithm(found):
        put()
    assert not found


def test_other_warnings_are_shown() -> None:
    with pytest.warns(UserWarning, match="units"), without_algorithm(set()):
        warnings.warn("units look wrong", UserWarning, stacklevel=1)
