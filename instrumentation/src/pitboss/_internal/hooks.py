"""Wraps methods of classes and puts exactly the earlier ones back."""

import sys
from collections.abc import Callable
from typing import Any

import wrapt

Wrapper = Callable[[Callable[..., Any], Any, tuple[Any, ...], dict[str, Any]], Any]


class Hooks:
    """All that one instrumentation has wrapped."""

    def __init__(self) -> None:
        self._wrapped: list[tuple[Any, str, Any]] = []
        self._is_over = False

    def when_imported(self, name: str, wrap: Callable[[Any], None]) -> None:
        """Call `wrap` with a module: now, or when the application imports it (if it ever does).

        An instrumentation that imported its library itself would make every process pay for it.
        """
        if name in sys.modules:
            wrap(sys.modules[name])
        else:
            wrapt.register_post_import_hook(lambda module: None if self._is_over else wrap(module), name)

    def wrap(self, owner: Any, name: str, wrapper: Wrapper) -> None:
        """Replace `owner.name`, a method or function, by a call of `wrapper`."""
        earlier = vars(owner)[name] if isinstance(owner, type) and name in vars(owner) else None
        replacement = wrapt.FunctionWrapper(getattr(owner, name) if earlier is None else earlier, wrapper)
        self._wrapped.append((owner, name, getattr(owner, name) if not isinstance(owner, type) else earlier))
        setattr(owner, name, replacement)

    def undo(self) -> None:
        """Put everything back, the last first; a library that is imported later stays as it is."""
        self._is_over = True
        while self._wrapped:
            owner, name, earlier = self._wrapped.pop()
            if earlier is None:
                delattr(owner, name)  # the class had it from its base
            else:
                setattr(owner, name, earlier)
