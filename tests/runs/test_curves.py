import numpy as np
import pytest

from runs.curves import Curve
from runs.factory import trial_record
from runs.records import TrialRecord

ROWS = [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "AP50": 0.25, "loss": 0.125}]


def test_a_curve_is_the_sequence_of_its_epochs() -> None:
    curve = Curve(ROWS)
    assert list(curve) == ROWS
    assert curve[-1] == ROWS[-1]
    assert curve[:1] == ROWS[:1]
    assert len(curve) == 2
    assert curve.keys == ("epoch", "loss", "AP50")
    assert np.isnan(curve.values[0, 2])
    assert isinstance(curve[0]["epoch"], int)


def test_a_curve_survives_json_to_the_last_digit() -> None:
    rows = [{"epoch": 1, "AP50": 0.1 + 0.2}]
    record = trial_record(0, {"x": 1}, 0.5, epochs=rows)
    assert list(TrialRecord.model_validate_json(record.model_dump_json()).epochs) == rows


def test_an_epoch_without_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no number"):
        Curve([{"loss": 0.5}])
