"""Settings: every mistake is named at once, no secret is shown, the exit code is 2."""

import pytest

from casino import settings
from casino.settings import DatabaseSettings

GOOD = {
    "DATABASE_URL": "postgresql://vault:hidden-password@postgres:5432/vault",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092,other:9093",
    "SESSION_SECRET": "s" * 32,
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*GOOD, "DRAIN_SECONDS", "DATABASE_POOL_SIZE"):
        monkeypatch.delenv(name, raising=False)


def test_good_settings_are_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    loaded = settings.load(DatabaseSettings)
    assert loaded.database_dsn == GOOD["DATABASE_URL"]
    assert loaded.session_secret.get_secret_value() == GOOD["SESSION_SECRET"]
    assert loaded.drain_seconds == 1.0


def test_a_secret_is_masked_wherever_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    loaded = settings.load(DatabaseSettings)
    assert GOOD["SESSION_SECRET"] not in repr(loaded)
    assert "hidden-password" not in repr(loaded)


def test_all_mistakes_are_named_in_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://vault:hidden-password@db/vault")
    monkeypatch.setenv("SESSION_SECRET", "too-short-and-secret")
    monkeypatch.setenv("DRAIN_SECONDS", "soon")
    with pytest.raises(SystemExit) as left:
        settings.load(DatabaseSettings)
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert said.startswith("4 wrong or missing setting(s)")
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "SESSION_SECRET", "DRAIN_SECONDS"):
        assert name in said
    assert "hidden-password" not in said
    assert "too-short-and-secret" not in said


def test_a_password_that_libpq_can_not_read_is_a_wrong_setting_that_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", "postgresql://vault:hidden%zzpassword@db/vault")
    with pytest.raises(SystemExit):
        settings.load(DatabaseSettings)
    said = capsys.readouterr().err
    assert "DATABASE_URL" in said
    assert "password" not in said
