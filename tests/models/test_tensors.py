"""A file of weights is the one that was written, or is refused by its name."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from models.tensors import TensorsDamagedError, read_tensors, save_tensors
from tests.mounts import mounted

STATE = {"weight": torch.arange(12.0).reshape(3, 4).t(), "seen": torch.tensor(7)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "weights.safetensors"
    save_tensors(file, STATE, {"epoch": "3"})
    return file


def test_what_is_read_is_what_was_written(file: Path) -> None:
    state, metadata = read_tensors(file)
    assert metadata == {"epoch": "3"}
    assert state.keys() == STATE.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in STATE.items())


def test_every_flipped_byte_and_every_cut_is_found_or_harmless(file: Path) -> None:
    content = file.read_bytes()
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        file.write_bytes(flipped)
        try:
            state, metadata = read_tensors(file)
        except TensorsDamagedError as error:
            assert str(file) in str(error)
            continue
        assert metadata["epoch"] == "3"
        assert all(torch.equal(state[name], tensor) for name, tensor in STATE.items())
    file.write_bytes(content[:-1])
    with pytest.raises(TensorsDamagedError, match="damaged"):
        read_tensors(file)


def test_a_file_of_an_earlier_version_has_no_digest_and_is_read(tmp_path: Path) -> None:
    save_file({"weight": torch.ones(2)}, tmp_path / "old.safetensors", {"epoch": "1"})
    assert read_tensors(tmp_path / "old.safetensors")[1] == {"epoch": "1"}


def test_a_full_disk_is_said_with_the_name_of_the_file(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as folder:
        with pytest.raises(OSError, match="No space left") as caught:
            save_tensors(folder / "weights.safetensors", {"w": torch.zeros(10**6)}, {})
        assert caught.value.filename == str(folder / "weights.safetensors")
