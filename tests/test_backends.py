"""What the backends must do: a first event counts, and Grafana's service graph has what it asks for."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from support import backends
from support.wait import until

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("stack")]

COLLECTOR = "http://127.0.0.1:4318"
NEVER_MS = 3_600_000
"""Nothing is exported by itself: the test says when."""


def unique(name: str) -> str:
    """A name that no earlier run has used."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


@contextmanager
def meter_provider(service: str) -> Iterator[MeterProvider]:
    """Metrics of one service, exported to the collector."""
    exporter = OTLPMetricExporter(f"{COLLECTOR}/v1/metrics")
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=NEVER_MS)
    provider = MeterProvider([reader], resource=Resource({"service.name": service}), shutdown_on_exit=False)
    try:
        yield provider
    finally:
        provider.shutdown()


def test_the_first_event_of_a_new_series_is_an_increase_of_one() -> None:
    case = unique("first")
    with meter_provider(unique("backends-test")) as provider:
        counter = provider.get_meter("test").create_counter("casino.test.first", "{event}")
        counter.add(1, {"case": case})
        born = time.monotonic()
        until(lambda: time.monotonic() > born + 0.05, seconds=1, every=0.01, what="a later millisecond")
        provider.force_flush()

        series = f'casino_test_first_total{{case="{case}"}}'
        until(lambda: backends.metric(series), seconds=30, what="the series in Mimir")
        (_, increase), *others = backends.metric(f"increase({series}[5m])")

    assert not others
    assert increase >= 1


class Calls:
    """Spans of three services: web calls api over HTTP, api calls worker through Kafka."""

    def __init__(self) -> None:
        self.names = {role: unique(role) for role in ("web", "api", "worker")}
        self.route = unique("GET /graph")
        self._providers: dict[str, TracerProvider] = {}
        for role, name in self.names.items():
            provider = TracerProvider(resource=Resource({"service.name": name}), shutdown_on_exit=False)
            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{COLLECTOR}/v1/traces")))
            self._providers[role] = provider

    def once(self, *, fails: bool = False) -> None:
        """One request with one message, exported at once."""
        web, api, worker = (self._providers[role].get_tracer("test") for role in ("web", "api", "worker"))
        with (
            web.start_as_current_span("GET", kind=SpanKind.CLIENT),
            api.start_as_current_span(self.route, kind=SpanKind.SERVER) as served,
        ):
            if fails:
                served.set_status(StatusCode.ERROR)
            with (
                api.start_as_current_span("send jobs", kind=SpanKind.PRODUCER),
                worker.start_as_current_span("process jobs", kind=SpanKind.CONSUMER),
            ):
                pass
        for provider in self._providers.values():
            provider.force_flush()

    def close(self) -> None:
        """Stop the exporters."""
        for provider in self._providers.values():
            provider.shutdown()


@pytest.fixture(scope="module")
def calls() -> Iterator[Calls]:
    """Three services whose calls are in the service graph."""
    calls = Calls()
    failures = (
        f'rate(traces_service_graph_request_failed_total{{server="{calls.names["api"]}"}}[5m])',
        f'rate(traces_spanmetrics_calls_total{{span_name="{calls.route}",status_code="STATUS_CODE_ERROR"}}[5m])',
    )

    def is_rising() -> bool:
        calls.once()
        calls.once(fails=True)
        return all(any(value for _, value in backends.metric(rate)) for rate in failures)

    try:
        until(is_rising, seconds=90, every=2, what="the service graph's rates")
        yield calls
    finally:
        calls.close()


RANGE = "5m"
EDGES = "sum by (client, server) (rate({metric}[{range}]))"
"""Grafana: public/app/plugins/datasource/tempo/datasource.ts, makePromServiceMapRequest."""
EDGE_METRICS = (
    "traces_service_graph_request_server_seconds_sum",
    "traces_service_graph_request_total",
    "traces_service_graph_request_failed_total",
    "traces_service_graph_request_server_seconds_bucket",
)
RATES = 'topk(5, sum(rate(traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER"}[5m])) by (span_name))'
ERRORS = (
    'topk(5, sum(rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR",span_name=~"%s"}[5m]))'
    " by (span_name))"
)
DURATIONS = (
    'histogram_quantile(.9, sum(rate(traces_spanmetrics_latency_bucket{span_name=~"%s"}[5m])) by (le))'
)
"""Grafana: public/app/plugins/datasource/tempo/graphTransform.ts."""


@pytest.mark.parametrize("metric", EDGE_METRICS)
def test_the_service_graph_has_edges_with_rates_failures_and_times(calls: Calls, metric: str) -> None:
    edges = {
        (labels["client"], labels["server"]): value
        for labels, value in backends.metric(EDGES.format(metric=metric, range=RANGE))
    }
    assert edges[calls.names["web"], calls.names["api"]] > 0


def test_the_service_graph_shows_messages(calls: Calls) -> None:
    client, server = calls.names["api"], calls.names["worker"]
    (labels, _), *_ = backends.metric(
        f'traces_service_graph_request_total{{client="{client}",server="{server}"}}'
    )
    assert labels["connection_type"] == "messaging_system"


def test_the_table_of_the_service_graph_has_rates_errors_and_durations(calls: Calls) -> None:
    every = RATES.replace("topk(5, ", "topk(1000, ")
    assert calls.route in {labels["span_name"] for labels, value in backends.metric(every) if value > 0}
    assert backends.metric(ERRORS % calls.route)[0][1] > 0
    assert backends.metric(DURATIONS % calls.route)[0][1] > 0


def test_a_node_leads_to_its_spans(calls: Calls) -> None:
    series = f'traces_spanmetrics_calls_total{{service="{calls.names["api"]}"}}'
    kinds = {labels["span_kind"] for labels, _ in backends.metric(series)}
    assert kinds == {"SPAN_KIND_SERVER", "SPAN_KIND_PRODUCER"}


def log_record(severity: int, **attributes: str) -> dict[str, object]:
    """A record in OTLP's JSON whose body names its severity and attributes."""
    return {
        "timeUnixNano": str(time.time_ns()),
        "severityNumber": severity,
        "body": {"stringValue": f"{severity} {attributes}"},
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
    }


def test_labels_of_logs_are_closed_sets_whatever_a_sender_claims() -> None:
    service = unique("backends-test")
    records = [
        log_record(9) | {"eventName": "wallet.bet"},
        log_record(17) | {"eventName": "service.close"},
        log_record(9, **{"class": "audit", "level": "invented"}),
        log_record(13, **{"class": "invented", "player.id": "player-0001"}),
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}
    httpx.post(f"{COLLECTOR}/v1/logs", json=body).raise_for_status()

    def found() -> list[tuple[dict[str, str], str]]:
        lines = backends.logs(f'{{service_name="{service}"}}')
        return lines if len(lines) == len(records) else []

    lines = until(found, seconds=20, what="the records in Loki")
    assert {(labels["level"], labels["class"]) for labels, _ in lines} == {
        ("info", "business"),
        ("error", "technical"),
        ("info", "audit"),
        ("warn", "technical"),
    }
    series = httpx.get(
        f"{backends.LOKI}/loki/api/v1/series",
        params={"match[]": f'{{service_name="{service}"}}'},
        headers=backends.TENANT,
    ).json()["data"]
    assert {label for one in series for label in one} <= {
        "service_name",
        "deployment_environment_name",
        "level",
        "class",
    }
    assert {labels.get("event_name") for labels, _ in lines} == {"wallet.bet", "service.close", None}


@pytest.mark.parametrize(
    "url",
    [
        f"{backends.TEMPO}/api/search",
        f"{backends.LOKI}/loki/api/v1/labels",
        f"{backends.MIMIR}/api/v1/labels",
    ],
)
def test_a_backend_answers_no_one_without_a_tenant_and_shows_no_other_tenants_data(url: str) -> None:
    assert httpx.get(url).status_code == httpx.codes.UNAUTHORIZED
    other = httpx.get(url, headers={"X-Scope-OrgID": "restricted"}).raise_for_status().json()
    assert not other.get("traces")
    assert not other.get("data")
