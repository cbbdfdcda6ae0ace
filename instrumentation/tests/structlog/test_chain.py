"""Every way to configure structlog gives lines with the trace's ids, each exported once."""

import enum
import io
import json
import logging
import re
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
import structlog
from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.instrumentation.utils import suppress_instrumentation

from pitboss.structlog import StructlogInstrumentor


@pytest.fixture
def instrumented(records: Any, spans: Any) -> Iterator[None]:
    StructlogInstrumentor().instrument()
    yield
    StructlogInstrumentor().uninstrument()
    structlog.reset_defaults()


@pytest.fixture
def span(spans: Any) -> Iterator[trace.SpanContext]:
    with trace.get_tracer("test").start_as_current_span("bet") as current:
        yield current.get_span_context()


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _ids(context: trace.SpanContext) -> dict[str, str]:
    return {
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "trace_flags": f"{context.trace_flags:02x}",
    }


def test_without_any_configuration(instrumented: Any, span: Any, records: Any, capsys: Any) -> None:
    structlog.get_logger().info("bet accepted", **{"event.name": "wallet.bet", "amount_minor": "1000"})

    raw = capsys.readouterr().out
    line = json.loads(raw)
    assert re.search(r'"trace_id":\s*"(\w+)"', raw)
    assert {key: line[key] for key in _ids(span)} == _ids(span)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"])
    assert (line["severity"], line["event"], line["event.name"]) == ("INFO", "bet accepted", "wallet.bet")
    assert line["service.name"] == "unknown_service:python"
    (exported,) = records.get_finished_logs()
    assert exported.log_record.body == raw.rstrip("\n")
    assert exported.log_record.event_name == "wallet.bet"
    assert exported.log_record.severity_number is SeverityNumber.INFO
    assert exported.log_record.severity_text == "INFO"
    assert (exported.log_record.trace_id, exported.log_record.span_id) == (span.trace_id, span.span_id)
    assert dict(exported.log_record.attributes) == {"amount_minor": "1000"}


def test_without_a_span_there_are_no_ids(instrumented: Any, capsys: Any) -> None:
    structlog.get_logger("vault.relay").warning("outbox is slow")

    (line,) = _lines(capsys)
    assert not {"trace_id", "span_id", "trace_flags"} & set(line)
    assert (line["severity"], line["logger"]) == ("WARN", "vault.relay")


def test_the_default_level_filters(instrumented: Any, records: Any, capsys: Any) -> None:
    structlog.get_logger().debug("noise")
    assert (capsys.readouterr().out, records.get_finished_logs()) == ("", ())


class Tier(enum.Enum):
    SILVER = "silver"


def test_values_that_json_and_otlp_do_not_know(
    instrumented: Any, records: Any, capsys: Any, caplog: pytest.LogCaptureFixture
) -> None:
    uuid, moment = UUID(int=7), datetime(2026, 11, 23, tzinfo=UTC)
    values = {"amount": Decimal("0.10"), "id": uuid, "at": moment, "tier": Tier.SILVER, "wei": 20 * 10**18}
    structlog.get_logger().info("win", **values, nested={"balance": Decimal("1.50"), 7: {1}}, odd="\ud800")

    (line,) = _lines(capsys)
    assert (line["amount"], line["id"], line["tier"], line["wei"]) == (
        "0.10",
        str(uuid),
        "silver",
        str(20 * 10**18),
    )
    assert datetime.fromisoformat(line["at"]) == moment
    assert line["nested"] == {"balance": "1.50", "7": [1]}
    (exported,) = records.get_finished_logs()
    assert dict(exported.log_record.attributes) == {
        "amount": "0.10",
        "id": str(uuid),
        "at": moment.isoformat(),
        "tier": "silver",
        "wei": str(20 * 10**18),
        "odd": "\\ud800",
    }
    assert caplog.text == "", "upstream warns about each Decimal"


def test_what_can_not_be_represented_still_gives_a_line(instrumented: Any, capsys: Any) -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError

    loop: dict[str, Any] = {}
    loop["self"] = loop
    structlog.get_logger().info("odd", broken=Broken(), loop=loop, raw=b"\xff", nan=float("nan"))

    (line,) = _lines(capsys)
    assert line["broken"] == "<Broken>"
    assert line["raw"] == "\\xff"


def test_exceptions(instrumented: Any, records: Any, capsys: Any) -> None:
    try:
        raise ValueError("poison")  # noqa: TRY301
    except ValueError:
        structlog.get_logger().exception("handler failed")

    (line,) = _lines(capsys)
    assert (line["severity"], line["exception.type"], line["exception.message"]) == (
        "ERROR",
        "ValueError",
        "poison",
    )
    assert "Traceback" in line["exception.stacktrace"]
    (exported,) = records.get_finished_logs()
    assert exported.log_record.attributes["exception.type"] == "ValueError"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("function", ["configure", "configure_once"])
def test_an_applications_own_chain(records: Any, span: Any, capsys: Any, when: str, function: str) -> None:
    def configure() -> None:
        processors = [structlog.processors.add_log_level, structlog.processors.JSONRenderer()]
        getattr(structlog, function)(processors=processors)
        assert len(processors) == 2, "the application's list stays as it is"

    try:
        if when == "before":
            configure()
        StructlogInstrumentor().instrument()
        if when == "after":
            configure()
        structlog.get_logger().info("bet accepted", round="r1")
    finally:
        StructlogInstrumentor().uninstrument()
        structlog.reset_defaults()

    raw = capsys.readouterr().out
    assert json.loads(raw) == {**_ids(span), "round": "r1", "level": "info", "event": "bet accepted"}
    (exported,) = records.get_finished_logs()
    assert exported.log_record.body == raw.rstrip("\n")


def test_a_console_renderer_prints_for_people_and_exports_json(
    instrumented: Any, records: Any, capsys: Any
) -> None:
    structlog.configure(processors=[structlog.dev.ConsoleRenderer(colors=False)])
    structlog.get_logger().info("bet accepted", round="r1")

    assert "bet accepted" in capsys.readouterr().out
    (exported,) = records.get_finished_logs()
    assert json.loads(exported.log_record.body)["round"] == "r1"


def test_bytes_renderer(instrumented: Any, records: Any, span: Any, monkeypatch: Any) -> None:
    out = io.BytesIO()
    renderer = structlog.processors.JSONRenderer(serializer=lambda value, **_: orjson.dumps(value))
    structlog.configure(processors=[renderer], logger_factory=structlog.BytesLoggerFactory(out))
    structlog.get_logger().info("x")

    assert json.loads(out.getvalue()) == {**_ids(span), "event": "x"}
    (exported,) = records.get_finished_logs()
    assert exported.log_record.body == out.getvalue().decode().rstrip()


def test_what_the_application_leaves_out_is_structlogs_own(instrumented: Any) -> None:
    structlog.configure(processors=[structlog.processors.JSONRenderer()])

    config = structlog.get_config()
    assert isinstance(config["logger_factory"], structlog.PrintLoggerFactory)
    assert config["cache_logger_on_first_use"] is False


def test_a_configuration_without_processors_keeps_our_chain(instrumented: Any, capsys: Any) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(0))
    structlog.get_logger().debug("x")

    assert _lines(capsys)[0]["severity"] == "DEBUG"


def test_the_applications_own_trace_id_stays(instrumented: Any, span: Any, capsys: Any) -> None:
    structlog.get_logger().info("x", trace_id="mine")
    assert _lines(capsys)[0]["trace_id"] == "mine"


def test_capture_logs_works_also_for_loggers_in_use(instrumented: Any, records: Any, capsys: Any) -> None:
    log = structlog.get_logger()
    log.info("first")
    with structlog.testing.capture_logs() as captured:
        log.info("second", a=1)
        structlog.get_logger().info("third")
    log.info("fourth")

    assert [entry["event"] for entry in captured] == ["second", "third"]
    assert [line["event"] for line in _lines(capsys)] == ["first", "fourth"]
    assert len(records.get_finished_logs()) == 2


def test_dropped_events_are_not_exported(instrumented: Any, records: Any) -> None:
    def drop(*_: Any) -> Any:
        raise structlog.DropEvent

    structlog.configure(processors=[drop, structlog.processors.JSONRenderer()])
    structlog.get_logger().info("x")
    structlog.configure(processors=[drop])
    structlog.get_logger().info("x")

    assert records.get_finished_logs() == ()


def test_wrap_logger_with_its_own_processors(instrumented: Any, records: Any, span: Any, capsys: Any) -> None:
    log = structlog.wrap_logger(structlog.PrintLogger(), processors=[structlog.processors.JSONRenderer()])
    log.info("x")

    assert _lines(capsys) == [{**_ids(span), "event": "x"}]
    assert len(records.get_finished_logs()) == 1


def test_reset_defaults_gives_our_defaults(instrumented: Any, capsys: Any) -> None:
    structlog.configure(processors=[structlog.processors.KeyValueRenderer()])
    structlog.reset_defaults()
    structlog.get_logger().info("x")

    assert not structlog.is_configured()
    assert _lines(capsys)[0]["severity"] == "INFO"


async def test_async_methods(instrumented: Any, records: Any, span: Any, capsys: Any) -> None:
    with trace.get_tracer("test").start_as_current_span("handler") as handler:
        await structlog.get_logger().ainfo("x")

    assert _lines(capsys)[0]["span_id"] == f"{handler.get_span_context().span_id:016x}"
    assert len(records.get_finished_logs()) == 1


def test_threads(instrumented: Any, records: Any, capsys: Any) -> None:
    log = structlog.get_logger()
    threads = [threading.Thread(target=lambda n=n: log.info("x" * 5000, n=n)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(line["n"] for line in _lines(capsys)) == list(range(20))
    assert len(records.get_finished_logs()) == 20


class TestOverStandardLibrary:
    """structlog as a front end of `logging`: one line, one record."""

    @pytest.fixture
    def handler(self) -> Iterator[logging.StreamHandler[io.StringIO]]:
        handler = logging.StreamHandler(io.StringIO())
        logger = logging.getLogger("casino")
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        yield handler
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)

    @pytest.mark.parametrize(
        "last",
        [
            structlog.processors.JSONRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
            structlog.stdlib.render_to_log_kwargs,
        ],
    )
    def test_once(self, instrumented: Any, records: Any, span: Any, handler: Any, last: Any) -> None:
        json_renderer = structlog.processors.JSONRenderer()
        if last is structlog.stdlib.ProcessorFormatter.wrap_for_formatter:
            handler.setFormatter(structlog.stdlib.ProcessorFormatter(json_renderer))
        structlog.configure(processors=[last], logger_factory=structlog.stdlib.LoggerFactory())
        structlog.get_logger("casino").info("bet accepted", round="r1")

        (exported,) = records.get_finished_logs()
        assert exported.log_record.trace_id == span.trace_id
        assert exported.log_record.attributes["round"] == "r1"
        assert handler.stream.getvalue().count("bet accepted") == 1

    def test_what_the_standard_library_drops(self, instrumented: Any, records: Any, handler: Any) -> None:
        structlog.configure(
            processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.stdlib.LoggerFactory()
        )
        structlog.get_logger("casino").debug("noise")
        assert records.get_finished_logs() == ()


def test_nothing_is_exported_from_inside_an_exporter(instrumented: Any, records: Any, capsys: Any) -> None:
    with suppress_instrumentation():
        structlog.get_logger().info("x")

    assert len(_lines(capsys)) == 1
    assert records.get_finished_logs() == ()


def test_a_text_stream_instead_of_standard_output(instrumented: Any, monkeypatch: Any) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    structlog.get_logger().info("x")
    assert json.loads(stream.getvalue())["event"] == "x"


def test_uninstrument_restores_everything(records: Any) -> None:
    names = ["configure", "configure_once", "reset_defaults", "wrap_logger"]
    before = [getattr(structlog, name) for name in names]
    config = structlog.get_config()
    StructlogInstrumentor().instrument()
    StructlogInstrumentor().uninstrument()

    assert [getattr(structlog, name) for name in names] == before
    assert structlog.get_config() == config
    assert not structlog.is_configured()
