import pytest

from analysis import AnalysisError
from analysis.pictures.tasks import PICTURED, pictured
from models.tasks import TASKS


def test_every_task_has_pictures_and_error_maps() -> None:
    assert set(PICTURED) == set(TASKS), "add the task to PICTURED in analysis/pictures/tasks.py"


def test_unknown_task_is_refused_with_the_file_to_extend() -> None:
    with pytest.raises(AnalysisError, match=r"PICTURED in analysis/pictures/tasks\.py"):
        pictured("change detection")
