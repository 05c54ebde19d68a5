"""A training resumes from its latest state, or from the one before where that is lost."""

from pathlib import Path

import pytest
import torch

from sweeps.resuming import ResumeFile
from tests.mounts import mounted


@pytest.fixture
def file(tmp_path: Path) -> ResumeFile:
    """Of a training that has come to its second rung."""
    resume = ResumeFile(tmp_path / "trial" / "resume.pt")
    for epoch in (2, 6):
        resume.write({"epoch": epoch, "weights": torch.full((1000,), float(epoch))})
    return resume


def epoch_in(file: ResumeFile) -> int | None:
    state = file.read()
    return None if state is None else state["epoch"]


def test_the_latest_state_is_read(file: ResumeFile) -> None:
    assert epoch_in(file) == 6


def test_where_the_latest_is_lost_or_damaged_the_training_goes_back_one_rung(
    file: ResumeFile,
) -> None:
    file.file.write_bytes(file.file.read_bytes()[:1000])
    assert epoch_in(file) == 2
    file.file.unlink()
    assert epoch_in(file) == 2


def test_where_both_are_lost_it_starts_again(file: ResumeFile) -> None:
    file.remove()
    assert epoch_in(file) is None


def test_no_flipped_byte_is_taken_for_a_state(tmp_path: Path) -> None:
    resume = ResumeFile(tmp_path / "resume.pt")
    resume.write({"epoch": 2, "weights": torch.arange(50.0)})
    content = resume.file.read_bytes()
    for position in range(0, len(content), 7):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        resume.file.write_bytes(flipped)
        state = resume.read()
        assert state is None or torch.equal(state["weights"], torch.arange(50.0)), position


def test_a_full_disk_is_said_with_the_name_of_the_file(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as folder:
        resume = ResumeFile(folder / "resume.pt")
        with pytest.raises(OSError, match="No space left") as caught:
            resume.write({"weights": torch.zeros(10**6)})
        assert caught.value.filename == str(folder / "resume.pt")
