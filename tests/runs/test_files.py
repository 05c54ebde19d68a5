from pathlib import Path

import pytest

from runs.files import whole_file, write_text


def test_a_block_that_raises_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "map.gpkg"
    write_text(file, "old")
    with pytest.raises(RuntimeError), whole_file(file) as partial:
        partial.write_text("half")
        partial.with_name("map.gpkg-wal").write_text("what a driver writes beside it")
        raise RuntimeError
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_the_path_to_write_to_has_the_name_of_the_file(tmp_path: Path) -> None:
    with whole_file(tmp_path / "map.gpkg") as partial:
        assert partial.name == "map.gpkg"
        assert partial.is_relative_to(tmp_path), "on the same disk, where renaming is atomic"
        assert not (tmp_path / "map.gpkg").exists()
        partial.write_text("new")
    assert (tmp_path / "map.gpkg").read_text() == "new"
    assert list(tmp_path.iterdir()) == [tmp_path / "map.gpkg"]
