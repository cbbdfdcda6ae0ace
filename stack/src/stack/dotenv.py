"""`.env`: secrets of this checkout, readable by their owner only."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from stack.errors import StackError

SECRET_BYTES = 24
_HEADER = "# Made by `stack init`: random, of this checkout only. Never commit this file.\n"


def read(file: Path) -> dict[str, str]:
    """Return the variables of a `.env` file; empty where there is none. Raises StackError for a bad line."""
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return {}
    except PermissionError:
        raise StackError(f"cannot read {file}", cause="it belongs to another user") from None
    values: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, separator, value = text.removeprefix("export ").partition("=")
        if not separator or not name.strip().isidentifier():
            raise StackError(f"{file}, line {number} is not NAME=value")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        values[name.strip()] = value
    return values


def write_secrets(file: Path, names: Iterable[str]) -> list[str]:
    """Add a random secret for each of `names` that has no value yet; the file's mode becomes 0600.

    Hexadecimal, so that a value is safe in URLs, shells and YAML. Returns the names that were added.
    """
    known = read(file)
    added = [name for name in names if not known.get(name)]
    kept = file.read_text() if file.exists() else _HEADER
    if kept and not kept.endswith("\n"):
        kept += "\n"
    text = kept + "".join(f"{name}={secrets.token_hex(SECRET_BYTES)}\n" for name in added)
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    draft.replace(file)
    return added
