"""From a container's view to this machine's."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.errors import StackError
from stack.native.translate import ANY, Translation


def _translation(bind: str = "127.0.0.1") -> Translation:
    return Translation(
        service="vault",
        paths={"/data": Path("/state/volumes/data"), "/data/config": Path("/checkout/config")},
        own={8000: 18000},
        others={"vault": {8000: 18000}, "postgres": {5432: 15432}, "room-service": {8003: 8003}},
        bind=bind,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/data", "/state/volumes/data"),
        ("/data/x.db", "/state/volumes/data/x.db"),
        ("-file=/data/config/a.yaml", "-file=/checkout/config/a.yaml"),
        ("/database", "/database"),
        ("/var/data", "/var/data"),
        ("http://postgres/data", "http://postgres/data"),
        ("postgres:5432", "127.0.0.1:15432"),
        ("http://room-service:8003/x?y=1", "http://127.0.0.1:8003/x?y=1"),
        ("postgresql://vault:5ecret@postgres:5432/vault", "postgresql://vault:5ecret@127.0.0.1:15432/vault"),
        ("postgresql://vault:8000@postgres:5432/vault", "postgresql://vault:8000@127.0.0.1:15432/vault"),
        ("postgres:5432,room-service:8003", "127.0.0.1:15432,127.0.0.1:8003"),
        ("my-postgres:5432", "my-postgres:5432"),
        ("postgres", "postgres"),
        (ANY, "127.0.0.1"),
        ("0.0.0.0:8000", "127.0.0.1:18000"),
        ("0.0.0.0:9", "127.0.0.1:9"),
        ("http://localhost:8000/", "http://127.0.0.1:18000/"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1:9", "127.0.0.1:9"),
        ("10.0.0.0.0", "10.0.0.0.0"),
    ],
)
def test_text(text: str, expected: str) -> None:
    assert _translation().text(text) == expected


def test_listen_addresses_follow_bind_and_connections_stay_local() -> None:
    translate = _translation(bind=ANY)

    assert translate.text(f"{ANY}:8000") == f"{ANY}:18000"
    assert translate.text("postgres:5432") == "127.0.0.1:15432"


def test_an_own_port_as_an_argument_becomes_the_published_one() -> None:
    translate = _translation()

    assert translate.arguments(("serve", "--port", "8000", "--workers", "8")) == (
        "serve", "--port", "18000", "--workers", "8",
    )  # fmt: skip


def test_a_port_that_is_not_published_is_an_error() -> None:
    with pytest.raises(StackError, match="vault uses postgres:1234, a port that postgres does not publish"):
        _translation().text("tcp://postgres:1234")
