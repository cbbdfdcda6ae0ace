"""The cache of finished programs: made whole or not at all, checked before use, one builder at a time."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from filelock import FileLock, Timeout

from stack.programs.run import BuildError, full_disk

MANIFEST = "manifest.json"
_DRAFT = ".draft-"
_LOCK_POLL_SECONDS = 0.5


class FileEntry(TypedDict):
    """What a finished program's file was when it was made."""

    size: int
    modified: int
    sha256: str


class Store:
    """Folders `<name>-<key>` below one folder; each has a manifest of its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, name: str, key: str) -> Path:
        """Return where the program is or will be."""
        return self.folder / f"{name}-{key}"

    def is_intact(self, name: str, key: str, *, thoroughly: bool = False) -> bool:
        """Is it there with every file as it was made? By size and time; thoroughly: by SHA-256."""
        place = self.place(name, key)
        try:
            files: dict[str, FileEntry] = json.loads((place / MANIFEST).read_text())["files"]
            return bool(files) and all(
                _is_unchanged(place / relative, entry, thoroughly=thoroughly)
                for relative, entry in files.items()
            )
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def add(self, name: str, key: str, make: Callable[[Path], None]) -> Path:
        """Let `make` fill an empty folder, then make it the program in one step.

        What was there is replaced. Nothing is left when `make` fails. Call it under `locked`.
        Raises BuildError when the disk is full.
        """
        place = self.place(name, key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for left_over in self.folder.glob(f"{_DRAFT}{name}-*"):
                shutil.rmtree(left_over)
            draft = self.folder / f"{_DRAFT}{name}-{os.getpid()}"
            draft.mkdir()
        except OSError as error:
            raise _disk_error(error, self.folder) from None
        try:
            make(draft)
            _write_manifest(draft, name, key)
            if place.exists():
                old = self.folder / f"{_DRAFT}{name}-old"
                place.rename(old)
                draft.rename(place)
                shutil.rmtree(old)
            else:
                draft.rename(place)
        except OSError as error:
            raise _disk_error(error, self.folder) from None
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        return place

    def remove(self, name: str, key: str) -> None:
        """Forget a program."""
        shutil.rmtree(self.place(name, key), ignore_errors=True)

    @contextmanager
    def locked(self, on_wait: Callable[[str], None]) -> Iterator[None]:
        """Let nobody else build meanwhile; `on_wait` hears once that somebody does."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / "lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                on_wait("another build is at work on the same cache: waiting for it")
                lock.acquire(poll_interval=_LOCK_POLL_SECONDS)
        except OSError as error:
            raise _disk_error(error, self.folder) from None
        try:
            yield
        finally:
            lock.release()


def sha256(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write_manifest(folder: Path, name: str, key: str) -> None:
    files: dict[str, FileEntry] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            state = file.stat()
            entry = FileEntry(size=state.st_size, modified=state.st_mtime_ns, sha256=sha256(file))
            files[file.relative_to(folder).as_posix()] = entry
    if not files:
        raise BuildError(f"{name} was built without result", advice="report it: the recipe is wrong")
    content = {"name": name, "key": key, "made": int(time.time()), "files": files}
    (folder / MANIFEST).write_text(json.dumps(content, indent=1))


def _is_unchanged(file: Path, entry: FileEntry, *, thoroughly: bool) -> bool:
    state = file.stat()
    if state.st_size != entry["size"]:
        return False
    return sha256(file) == entry["sha256"] if thoroughly else state.st_mtime_ns == entry["modified"]


def _disk_error(error: OSError, folder: Path) -> BuildError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full_disk(folder)
    place = error.filename or folder
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return BuildError(
            "the cache of programs cannot be written",
            cause=f"{place}: {error.strerror}",
            advice="make it writable, or let PITBOSS_CACHE name another folder",
        )
    return BuildError("a program's files could not be put together", cause=f"{place}: {error.strerror}")
