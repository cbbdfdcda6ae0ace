"""Secrets in query strings never leave the process."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pitboss._internal.redaction import RedactingProcessor, redacted_query, redacted_url

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJwIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("query", "redacted"),
    [
        ("player_id=p-1&currency=EUR", "player_id=p-1&currency=EUR"),
        ("token=planted&currency=EUR", "token=REDACTED&currency=EUR"),
        ("EIO=4&transport=polling&sid=planted", "EIO=4&transport=polling&sid=REDACTED"),
        ("access_token=planted", "access_token=REDACTED"),
        ("session%5Fid=planted", "session%5Fid=REDACTED"),
        ("a=1&Password=plan=ted&b", "a=1&Password=REDACTED&b"),
        (f"q={JWT}", "q=REDACTED"),
        ("", ""),
    ],
)
def test_only_what_is_secret_is_redacted(query: str, redacted: str) -> None:
    assert redacted_query(query) == redacted
    assert redacted_url(f"/bet?{query}") == f"/bet?{redacted}"


def test_a_span_is_redacted_whenever_its_url_was_set() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.add_span_processor(RedactingProcessor())

    with provider.get_tracer("t").start_as_current_span(
        "s", attributes={"url.query": "token=planted"}
    ) as span:
        span.set_attribute("url.full", "https://casino.example/bet?token=planted&a=1")
        span.set_attribute("url.path", "/bet")

    (ended,) = exporter.get_finished_spans()
    assert dict(ended.attributes or {}) == {
        "url.query": "token=REDACTED",
        "url.full": "https://casino.example/bet?token=REDACTED&a=1",
        "url.path": "/bet",
    }
