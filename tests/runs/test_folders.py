from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from runs.folders import build_once


def test_of_many_at_once_one_builds_and_the_others_wait(tmp_path: Path) -> None:
    target = tmp_path / "caches" / "one"

    together = Barrier(4)

    def build(folder: Path) -> None:
        (folder / "file").write_text("whole")

    def try_to_build(_: int) -> bool:
        together.wait()
        return build_once(target, Path.is_dir, build)

    with ThreadPoolExecutor(4) as pool:
        built = list(pool.map(try_to_build, range(4)))
    assert sorted(built) == [False, False, False, True]
    assert (target / "file").read_text() == "whole"


def test_a_failed_build_leaves_no_folder(tmp_path: Path) -> None:
    def build(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        build_once(tmp_path / "one", Path.is_dir, build)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []
