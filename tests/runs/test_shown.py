"""Progress is a bar that leaves nothing behind on a terminal, and few plain lines elsewhere."""

import io

import pytest
from rich.console import Console

from runs import shown
from runs.shown import Shown


def printed(*, terminal: bool) -> str:
    out = io.StringIO()
    with Shown(Console(file=out, force_terminal=terminal, width=100)) as progress:
        progress.step("listing files")
        assert list(progress.over("decoding train", ["a", "b"])) == ["a", "b"]
        progress.step("computing [statistics]")
    return out.getvalue()


def test_without_a_terminal_each_piece_of_work_is_a_line() -> None:
    assert printed(terminal=False) == "listing files\ndecoding train: 2\ncomputing [statistics]\n"


def test_on_a_terminal_one_line_is_drawn_and_erased() -> None:
    text = printed(terminal=True)
    assert "computing [statistics]" in text
    assert "decoding train: 2" not in text, "a plain line is left on the terminal"
    assert text.endswith("\x1b[2K"), "the bar is left on the terminal"


def test_a_long_loop_says_how_far_it_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "LINE_EVERY_S", 0.0)
    assert "decoding train: 1 of 2\n" in printed(terminal=False)
