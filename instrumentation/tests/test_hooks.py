"""Libraries are wrapped when the application imports them."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from pitboss._internal.hooks import Hooks


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "some_library.py").write_text("class Client:\n    def get(self):\n        return 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "some_library", raising=False)
    return "some_library"


def _double(hooks: Hooks, module: ModuleType) -> None:
    hooks.wrap(module.Client, "get", lambda wrapped, _instance, args, kwargs: 2 * wrapped(*args, **kwargs))


def test_a_later_import(library: str) -> None:
    hooks = Hooks()
    hooks.when_imported(library, lambda module: _double(hooks, module))
    assert library not in sys.modules

    import some_library  # type: ignore[import-not-found]

    assert some_library.Client().get() == 2
    hooks.undo()
    assert some_library.Client().get() == 1


def test_an_import_after_the_end(library: str) -> None:
    hooks = Hooks()
    hooks.when_imported(library, lambda module: _double(hooks, module))
    hooks.undo()

    import some_library  # type: ignore[import-not-found]

    assert some_library.Client().get() == 1
