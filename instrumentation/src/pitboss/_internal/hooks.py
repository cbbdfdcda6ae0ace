"""Wraps methods of classes and puts exactly the earlier ones back."""

from collections.abc import Callable
from typing import Any

import wrapt

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]


class Hooks:
    """All that one instrumentation has wrapped."""

    def __init__(self) -> None:
        self._wrapped: list[tuple[Any, str, Any]] = []

    def wrap(self, owner: Any, name: str, wrapper: Wrapper) -> None:
        """Replace `owner.name`, a method or function, by a call of `wrapper`."""
        earlier = vars(owner)[name] if isinstance(owner, type) and name in vars(owner) else None
        replacement = wrapt.FunctionWrapper(getattr(owner, name) if earlier is None else earlier, wrapper)
        self._wrapped.append((owner, name, getattr(owner, name) if not isinstance(owner, type) else earlier))
        setattr(owner, name, replacement)

    def undo(self) -> None:
        """Put everything back, the last first."""
        while self._wrapped:
            owner, name, earlier = self._wrapped.pop()
            if earlier is None:
                delattr(owner, name)  # the class had it from its base
            else:
                setattr(owner, name, earlier)
