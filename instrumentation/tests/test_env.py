"""Defaults, and that the user's environment wins."""

import logging
from pathlib import Path

import pytest

from pitboss import env
from pitboss.env import DEFAULTS, EXCLUDED_URLS, LOG_LEVEL, SHUTDOWN_TIMEOUT, Env


def test_defaults() -> None:
    assert (Env({}).get(SHUTDOWN_TIMEOUT), Env({}).get(LOG_LEVEL)) == (5.0, logging.INFO)


def test_the_users_value() -> None:
    given = Env({"PITBOSS_SHUTDOWN_TIMEOUT": " 2.5 ", "PITBOSS_LOG_LEVEL": "debug"})
    assert (given.get(SHUTDOWN_TIMEOUT), given.get(LOG_LEVEL)) == (2.5, logging.DEBUG)


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan"])
def test_a_wrong_value_is_named_and_ignored(text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert Env({"PITBOSS_SHUTDOWN_TIMEOUT": text}).get(SHUTDOWN_TIMEOUT) == 5.0
    assert f"PITBOSS_SHUTDOWN_TIMEOUT='{text}' ignored" in caplog.text


def test_defaults_never_replace_what_the_user_set() -> None:
    environ = {"OTEL_TRACES_EXPORTER": "console", "OTEL_LOGS_EXPORTER": ""}
    Env(environ).set_defaults()

    assert environ["OTEL_TRACES_EXPORTER"] == "console"
    assert environ["OTEL_LOGS_EXPORTER"] == ""
    assert {default.name for default in DEFAULTS} <= set(environ)


def test_excluded_urls_are_added_to_the_users() -> None:
    environ = {"OTEL_PYTHON_EXCLUDED_URLS": "internal/.*", "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "admin"}
    Env(environ).exclude_urls()

    assert environ["OTEL_PYTHON_EXCLUDED_URLS"] == ",".join(["internal/.*", *EXCLUDED_URLS])
    assert environ["OTEL_PYTHON_FASTAPI_EXCLUDED_URLS"] == ",".join(["admin", *EXCLUDED_URLS])
    assert "OTEL_PYTHON_STARLETTE_EXCLUDED_URLS" not in environ


def test_the_readme_has_the_table_of_this_code() -> None:
    readme = Path(__file__).parents[1] / "README.md"
    assert env.table() in readme.read_text(), "run `python -m pitboss.env` and put its output into README.md"
