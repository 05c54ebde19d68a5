"""The rank correlation of frozen and fine-tuned arms."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

import analysis
from analysis.factors.probes import probes, rank_correlation
from analysis.tables.factors import show_factor
from tests.analysis.factored import Values, factored_run

FROZEN = {"a": 0.5, "b": 0.55, "c": 0.6, "d": 0.65, "e": 0.7}
ARMS = [{"backbone": name, "frozen": frozen} for name in FROZEN for frozen in (True, False)]


def alike(arm: Values) -> float:
    return FROZEN[str(arm["backbone"])] + 0.1 * (not arm["frozen"])


def reversed_when_tuned(arm: Values) -> float:
    own = FROZEN[str(arm["backbone"])]
    return own if arm["frozen"] else 1.4 - own


def test_correlation_is_scipys_with_and_without_ties() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 4, (2, 50, 6)).astype("float64")
    expected = [kendalltau(one, other).statistic for one, other in zip(first, second, strict=True)]
    np.testing.assert_allclose(rank_correlation(first, second), expected)


def test_same_order_is_one_and_the_reverse_is_minus_one(tmp_path: Path) -> None:
    same = probes(factored_run(tmp_path / "same", ARMS, alike))
    assert (same.tau, same.low, same.high) == (1, pytest.approx(1), pytest.approx(1))
    assert same.p == pytest.approx(1 / 120)
    assert [one.line["backbone"] for one in same.arms] == list("edcba")
    assert all(one.added and one.added.low > 0.05 for one in same.arms)
    assert probes(factored_run(tmp_path / "reverse", ARMS, reversed_when_tuned)).tau == -1


def test_words_are_as_careful_as_the_numbers(tmp_path: Path) -> None:
    told = [
        show_factor(factored_run(tmp_path / name, arms, quality), "frozen", width=1000)
        for name, arms, quality in (
            ("same", ARMS, alike),
            ("reverse", ARMS, reversed_when_tuned),
            ("three", ARMS[:6], alike),
            ("two", ARMS[:4], alike),
        )
    ]
    assert "τ of frozen and fine-tuned is 1.00 (n = 5 arms; 95 % interval" in told[0]
    assert "tells that of fine-tuning (p = 0.0083)" in told[0]
    assert "The best probe, e, is number 5 when fine-tuned, " in told[1]
    assert "of so few arms not even τ = 1 would (p = 0.17)" in told[2]
    assert "No rank correlation over 2 arms: an order needs at least 3." in told[3]


def test_arm_that_was_only_probed_is_named(tmp_path: Path) -> None:
    run = factored_run(tmp_path / "run", ARMS[:-1], alike)
    assert len(probes(run).arms) == 4
    told = show_factor(run, "frozen", width=1000)
    assert "Left out, without the other of the two: e · True." in told
    assert "τ over them is lower" in told


def test_run_of_frozen_arms_alone_is_refused(tmp_path: Path) -> None:
    run = factored_run(tmp_path / "run", ARMS[::2], alike)
    with pytest.raises(analysis.AnalysisError, match="not both true and false"):
        probes(run)
