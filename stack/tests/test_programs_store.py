"""The cache holds whole programs or none, and notices when one was touched."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from stack.programs.run import BuildError
from stack.programs.store import MANIFEST, Store


def _write(text: str):
    def make(folder: Path) -> None:
        (folder / "bin").mkdir()
        (folder / "bin" / "program").write_text(text)

    return make


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "programs")


def test_a_made_program_is_intact(store: Store) -> None:
    place = store.add("tempo", "k1", _write("one"))

    assert (place / "bin" / "program").read_text() == "one"
    assert store.is_intact("tempo", "k1")
    assert store.is_intact("tempo", "k1", thoroughly=True)
    assert not store.is_intact("tempo", "k2")


@pytest.mark.parametrize("failure", [KeyboardInterrupt, BuildError("compiler says no")])
def test_an_interrupted_build_leaves_nothing(store: Store, failure: BaseException) -> None:
    def make(folder: Path) -> None:
        (folder / "half").write_text("made")
        raise failure

    with pytest.raises(BaseException, match=r".*") as raised:
        store.add("tempo", "k1", make)

    assert raised.type in (KeyboardInterrupt, BuildError)
    assert list(store.folder.iterdir()) == []
    assert not store.is_intact("tempo", "k1")


def test_what_a_killed_build_left_is_removed_by_the_next(store: Store) -> None:
    left_over = store.folder / ".draft-tempo-4711"
    left_over.mkdir(parents=True)
    (left_over / "half").write_text("made")

    store.add("tempo", "k1", _write("one"))

    assert [place.name for place in store.folder.iterdir()] == ["tempo-k1"]


def test_a_failed_rebuild_keeps_what_was_there(store: Store) -> None:
    place = store.add("tempo", "k1", _write("one"))

    def fail(folder: Path) -> None:
        raise BuildError("no")

    with pytest.raises(BuildError):
        store.add("tempo", "k1", fail)

    assert (place / "bin" / "program").read_text() == "one"


def test_a_lost_file_is_noticed(store: Store) -> None:
    place = store.add("tempo", "k1", _write("one"))
    (place / "bin" / "program").unlink()

    assert not store.is_intact("tempo", "k1")


def test_a_changed_file_is_noticed_by_its_time(store: Store) -> None:
    program = store.add("tempo", "k1", _write("one")) / "bin" / "program"
    program.write_text("two")
    os.utime(program, ns=(1, 1))

    assert not store.is_intact("tempo", "k1")


def test_a_change_that_hides_its_time_is_noticed_by_checksum(store: Store) -> None:
    program = store.add("tempo", "k1", _write("one")) / "bin" / "program"
    state = program.stat()
    program.write_text("two")
    os.utime(program, ns=(state.st_atime_ns, state.st_mtime_ns))

    assert store.is_intact("tempo", "k1")
    assert not store.is_intact("tempo", "k1", thoroughly=True)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", json.dumps({"files": {}}), json.dumps({"files": {"x": 1}})]
)
def test_a_damaged_manifest_means_not_there(store: Store, content: str) -> None:
    place = store.add("tempo", "k1", _write("one"))
    (place / MANIFEST).write_text(content)

    assert not store.is_intact("tempo", "k1")


def test_a_rebuild_replaces_what_was_there(store: Store) -> None:
    store.add("tempo", "k1", _write("one"))

    place = store.add("tempo", "k1", _write("two"))

    assert (place / "bin" / "program").read_text() == "two"
    assert [entry.name for entry in store.folder.iterdir()] == ["tempo-k1"]


def test_a_full_disk_is_said_so(store: Store) -> None:
    def make(folder: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(BuildError, match="the disk is full") as raised:
        store.add("tempo", "k1", make)

    assert "PITBOSS_CACHE" in raised.value.advice


def test_an_empty_result_is_an_error(store: Store) -> None:
    with pytest.raises(BuildError, match="without result"):
        store.add("tempo", "k1", lambda _: None)
