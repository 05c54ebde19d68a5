import pytest
import torch


@pytest.fixture
def gpu() -> torch.device:
    """The first GPU. What only a GPU can tell is skipped where there is none."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA GPU")
    return torch.device("cuda", 0)
