"""Which instrumentations run, and with what."""

import logging
import os
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from opentelemetry.util._importlib_metadata import entry_points

from pitboss.configurator import PitbossConfigurator
from pitboss.distro import PitbossDistro

started: list[tuple[str, dict[str, Any]]] = []


class Instrumentor:
    """Stands in for any instrumentation; used through its entry point."""

    def instrument(self, **kwargs: Any) -> None:
        started.append(("instrumented", kwargs))


class Broken(Instrumentor):
    def instrument(self, **kwargs: Any) -> None:
        raise RuntimeError("broken")


class Missing(Instrumentor):
    def instrument(self, **kwargs: Any) -> None:
        raise ModuleNotFoundError("its library")


@pytest.fixture(autouse=True)
def nothing_started() -> None:
    started.clear()


def _entry_point(
    monkeypatch: pytest.MonkeyPatch, name: str, cls: Any, value: str = "elsewhere:X"
) -> EntryPoint:
    monkeypatch.setattr(EntryPoint, "load", lambda _: cls)
    return EntryPoint(name, value, "opentelemetry_instrumentor")


@pytest.mark.parametrize("name", ["kafka", "structlog", "logging"])
def test_what_pitboss_replaces_is_refused(monkeypatch: Any, name: str) -> None:
    PitbossDistro().load_instrumentor(_entry_point(monkeypatch, name, Instrumentor))
    assert started == []


def test_fastapi_gets_no_send_and_receive_spans(monkeypatch: Any) -> None:
    PitbossDistro().load_instrumentor(_entry_point(monkeypatch, "fastapi", Instrumentor), skip_dep_check=True)
    assert started == [("instrumented", {"exclude_spans": ["receive", "send"], "skip_dep_check": True})]


def test_one_that_fails_is_left_out(monkeypatch: Any, caplog: pytest.LogCaptureFixture) -> None:
    PitbossDistro().load_instrumentor(_entry_point(monkeypatch, "redis", Broken))
    assert "instrumentation redis failed" in caplog.text


def test_a_missing_library_is_upstreams_business(monkeypatch: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ModuleNotFoundError):
        PitbossDistro().load_instrumentor(_entry_point(monkeypatch, "redis", Missing))
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_configure_sets_defaults_in_the_process(monkeypatch: Any) -> None:
    kept = dict(os.environ)
    try:
        PitbossDistro().configure()
        assert os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] == "http,database"
        assert r"/socket\.io/" in os.environ["OTEL_PYTHON_EXCLUDED_URLS"]
    finally:
        os.environ.clear()
        os.environ.update(kept)


@pytest.mark.parametrize(
    ("group", "names"),
    [
        ("opentelemetry_distro", ["pitboss"]),
        ("opentelemetry_configurator", ["pitboss"]),
        ("opentelemetry_instrumentor", ["pitboss_kafka", "pitboss_socketio", "pitboss_structlog"]),
    ],
)
def test_entry_points_can_be_loaded(group: str, names: list[str]) -> None:
    for name in names:
        (entry_point,) = entry_points(group=group, name=name)
        assert callable(entry_point.load())
    assert PitbossConfigurator is not None
