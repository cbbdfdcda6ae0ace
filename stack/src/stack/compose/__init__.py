"""Reads docker-compose.yml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from stack.compose.interpolate import Missing, UnsupportedSyntaxError, interpolate_all, required_names
from stack.compose.model import ComposeFile
from stack.errors import StackError


def load(file: Path, variables: Mapping[str, str], *, needs_all: bool = True) -> ComposeFile:
    """Return the compose file with `variables` put in; without `needs_all`, missing ones are empty.

    Raises StackError that names every missing variable, or every key that is wrong or not supported.
    """
    tree = _read(file)
    tree = {key: value for key, value in tree.items() if not key.startswith("x-")}
    missing: list[Missing] = []
    try:
        tree = interpolate_all(tree, variables, missing)
    except UnsupportedSyntaxError as error:
        raise StackError(f"{file.name} is not valid", cause=str(error)) from None
    if missing and needs_all:
        names = dict.fromkeys(each.name for each in missing)
        messages = dict.fromkeys(each.message for each in missing if each.message)
        raise StackError(
            f"{file.name} needs {', '.join(names)}",
            cause=f"not in the environment and not in {file.parent / '.env'}",
            advice="; ".join([*messages, "`stack init` writes them"]),
        )
    try:
        return ComposeFile.model_validate(tree)
    except ValidationError as error:
        raise StackError(
            f"{file.name} is not valid, or uses what the native engine does not support",
            cause="; ".join(_explain(each) for each in error.errors()),
            advice="correct it, or teach the engine that key (stack/src/stack/compose/model.py)",
        ) from None


def secret_names(file: Path) -> list[str]:
    """Return the names of the variables that the file requires (`${NAME:?…}`)."""
    return required_names(_read(file))


def _read(file: Path) -> dict[str, Any]:
    try:
        tree = yaml.safe_load(file.read_text())
    except FileNotFoundError:
        raise StackError(f"no {file}", advice="run this in the checkout, or name the file: --file") from None
    except yaml.YAMLError as error:
        raise StackError(f"{file.name} is not YAML", cause=str(error)) from None
    if not isinstance(tree, dict):
        raise StackError(f"{file.name} has no services")
    return tree


def _explain(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    message = (
        "unknown key" if error["type"] == "extra_forbidden" else error["msg"].removeprefix("Value error, ")
    )
    return f"{place}: {message}" if place else message
