"""`${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$`, as the Compose specification has them.

https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_TOKEN = re.compile(
    r"\$(?:(?P<dollar>\$)"
    r"|(?P<plain>[A-Za-z_]\w*)"
    r"|\{(?P<name>[A-Za-z_]\w*)(?:(?P<operator>:?[-?+])(?P<argument>(?:[^{}]|\$\{[^{}]*\})*))?\}"
    r"|(?P<bad>))"
)


@dataclass(frozen=True)
class Missing:
    """A variable that the file requires and nobody gave."""

    name: str
    message: str


class UnsupportedSyntaxError(ValueError):
    """A `$` that is none of the supported forms."""


def interpolate(text: str, variables: Mapping[str, str], missing: list[Missing]) -> str:
    """Return `text` with its variables replaced; what is required and absent is added to `missing`.

    Raises UnsupportedSyntaxError for anything else that begins with a dollar sign.
    """

    def value(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        if match["plain"]:
            return variables.get(match["plain"], "")
        if match["name"] is None:
            raise UnsupportedSyntaxError(f"{text!r}: write $$ for a dollar sign")
        operator, argument = match["operator"], match["argument"] or ""
        found = variables.get(match["name"])
        is_given = bool(found) if operator and operator.startswith(":") else found is not None
        if operator and operator.endswith("+"):
            return interpolate(argument, variables, missing) if is_given else ""
        if is_given:
            return found or ""
        if operator and operator.endswith("?"):
            missing.append(Missing(match["name"], argument))
        if operator and operator.endswith("-"):
            return interpolate(argument, variables, missing)
        return ""

    return _TOKEN.sub(value, text)


def interpolate_all(node: object, variables: Mapping[str, str], missing: list[Missing]) -> object:
    """Return a parsed YAML tree with every string value interpolated (keys stay)."""
    if isinstance(node, str):
        return interpolate(node, variables, missing)
    if isinstance(node, dict):
        return {key: interpolate_all(value, variables, missing) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolate_all(value, variables, missing) for value in node]
    return node


def required_names(node: object) -> list[str]:
    """Return the names of every `${NAME:?…}` in a parsed YAML tree, each once, in order."""
    return list(dict.fromkeys(_required(node)))


def _required(node: object) -> Iterator[str]:
    if isinstance(node, str):
        for match in _TOKEN.finditer(node):
            if match["operator"] and match["operator"].endswith("?"):
                yield match["name"]
    elif isinstance(node, dict):
        for value in node.values():
            yield from _required(value)
    elif isinstance(node, list):
        for value in node:
            yield from _required(value)
