"""Of a file that carries a digest, no byte can change without a word."""

import json

import pytest
from pydantic import BaseModel

from runs.digests import DamagedError, with_digest, without_digest


class Score(BaseModel, extra="forbid"):
    value: float


TEXT = '{\n "value": 0.8125\n}\n'


def test_the_content_is_read_as_it_was_and_is_still_json() -> None:
    written = with_digest(TEXT)
    assert without_digest(written.encode()) == TEXT.encode()
    assert json.loads(written)["value"] == 0.8125


def test_a_file_of_an_earlier_version_has_none_and_is_read() -> None:
    assert without_digest(TEXT.encode()) == TEXT.encode()


def test_every_flipped_bit_is_found_or_harmless() -> None:
    written = with_digest(TEXT).encode()
    for position in range(8 * len(written)):
        flipped = bytearray(written)
        flipped[position // 8] ^= 1 << position % 8
        try:
            read = Score.model_validate_json(without_digest(bytes(flipped)))
        except (DamagedError, ValueError):
            continue
        assert read.value == 0.8125, f"bit {position} makes another score, without a word"


def test_a_truncated_file_is_found() -> None:
    written = with_digest(TEXT).encode()
    for length in range(len(written) - 1):
        with pytest.raises((DamagedError, ValueError)):
            json.loads(without_digest(written[:length]))
