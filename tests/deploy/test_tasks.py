"""What is trained can be used: every task has its line."""

import pytest

from deploy.errors import ModelError
from deploy.serving.requests import MEDIA_TYPES
from deploy.tasks import USES, use_of
from models.tasks import TASKS


@pytest.mark.parametrize("task", TASKS)
def test_models_of_every_task_can_be_used(task: str) -> None:
    use = use_of(task)
    assert "geojson" in use.answers
    assert use.answers.keys() <= MEDIA_TYPES.keys()
    assert use.form.outputs


def test_no_line_is_of_a_task_that_is_gone() -> None:
    assert USES.keys() == TASKS.keys()


def test_a_task_without_a_line_is_refused_with_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"counting can be trained.*deploy/tasks\.py"):
        use_of("counting")
