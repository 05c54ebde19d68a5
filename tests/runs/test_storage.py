"""What a storage holds: the same in a folder and in a bucket of S3."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runs.storage import CONTENTS, Storage, StorageError, storage_address
from tests.s3 import CREDENTIALS, S3Server, s3_server


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    """A server that speaks S3, with an empty bucket."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        with s3_server() as running:
            yield running


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return Storage(storage_address(str(tmp_path / "shared")))
    server: S3Server = request.getfixturevalue("server")
    return Storage(server.storage(tmp_path.name))


def test_a_file_comes_back_as_it_was_put_until_it_is_removed(
    storage: Storage, tmp_path: Path
) -> None:
    file, back = tmp_path / "file", tmp_path / "new" / "back"
    for content in (b"first", b"", b"second"):
        file.write_bytes(content)
        storage.put(file, "some/where/file")
        assert storage.has("some/where/file")
        assert storage.get("some/where/file", back)
        assert back.read_bytes() == content
    assert storage.files("some") == {"where/file": 6}
    storage.remove("some/where/file")
    storage.remove("some/where/file")
    assert not storage.has("some/where/file")
    assert not storage.get("some/where/file", tmp_path / "absent")
    assert not (tmp_path / "absent").exists()
    assert storage.files("some") == storage.files("nothing") == {}


def test_a_storage_that_can_be_used_is_left_as_it_was(storage: Storage) -> None:
    storage.check()
    assert storage.files("") == {}


def test_a_folder_is_copied_once_and_only_when_it_is_whole(
    storage: Storage, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    (made / "deep").mkdir(parents=True)
    (made / "deep" / "file").write_text("content")
    (made / "empty").touch()
    storage.put(made / "empty", "cache/made/empty")  # as if a copy was cut here
    assert not storage.get_folder("cache/made", tmp_path / "node")
    storage.put_folder(made, "cache/made")
    with ThreadPoolExecutor(4) as workers:
        fetched = workers.map(storage.get_folder, ["cache/made"] * 4, [tmp_path / "node"] * 4)
        assert list(fetched) == [True] * 4
    copied = {
        file.relative_to(tmp_path / "node").as_posix(): file.read_text()
        for file in (tmp_path / "node").rglob("*")
        if file.is_file()
    }
    assert copied == {"deep/file": "content", "empty": ""}


def test_a_damaged_folder_is_refused(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "file").write_text("content")
    storage.put_folder(tmp_path / "made", "made")
    (tmp_path / "made" / "file").write_text("cont")
    storage.put(tmp_path / "made" / "file", "made/file")
    with pytest.raises(StorageError, match="made/file is damaged"):
        storage.get_folder("made", tmp_path / "node")
    assert not (tmp_path / "node").exists()


def test_a_name_cannot_leave_its_folder(storage: Storage, tmp_path: Path) -> None:
    contents = tmp_path / CONTENTS
    contents.write_text(json.dumps({"../../escaped": 7}))
    storage.put(contents, f"made/{CONTENTS}")
    with pytest.raises(StorageError, match="escaped"):
        storage.get_folder("made", tmp_path / "deep" / "node")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://nowhere/runs?endpoint_override={server}&scheme=http", "there is no such bucket"),
        ("s3://bucket/runs?endpoint_override=127.0.0.1:1&scheme=http", "it cannot be reached"),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(
    server: S3Server, address: str, said: str
) -> None:
    storage = Storage(address.format(server=server.address))
    with pytest.raises(StorageError, match=said) as error:
        storage.check()
    assert storage.address in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["http://host/x", "az://bucket/x", "s3://", "s3:///x"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write a folder, s3://BUCKET/PREFIX"):
        storage_address(text)


@pytest.mark.parametrize("text", ["s3://key:secret@bucket/x", "s3://key@bucket/x"])
def test_credentials_are_not_kept_in_a_sweep(text: str) -> None:
    with pytest.raises(ValueError, match="no credentials"):
        storage_address(text)


def test_a_folder_is_resolved_where_the_command_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert storage_address("shared") == str(tmp_path / "shared")
