"""Records of the standard library: JSON lines with the trace's ids, each exported once."""

import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn.config
from opentelemetry import trace

from pitboss.structlog import StructlogInstrumentor


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger as in a fresh process: no handlers, WARNING."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    root.setLevel(logging.WARNING)
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


def _as_outside_pytest(root: logging.Logger) -> None:
    root.handlers[:] = [handler for handler in root.handlers if "pytest" not in type(handler).__module__]


@pytest.fixture
def instrumented(root: Any, records: Any, spans: Any) -> Iterator[None]:
    StructlogInstrumentor().instrument()
    yield
    StructlogInstrumentor().uninstrument()
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers[:], logger.propagate, logger.level = [], True, logging.NOTSET


def test_a_library_that_only_logs(instrumented: Any, records: Any, capsys: Any) -> None:
    with trace.get_tracer("test").start_as_current_span("bet") as span:
        logging.getLogger("kafka.client").warning("node %s is gone", 3, extra={"node": 3})

    raw = capsys.readouterr().out
    line = json.loads(raw)
    assert (line["severity"], line["logger"], line["event"]) == ("WARN", "kafka.client", "node 3 is gone")
    assert line["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    (exported,) = records.get_finished_logs()
    assert exported.log_record.body == raw.rstrip("\n")
    assert dict(exported.log_record.attributes) == {"logger": "kafka.client", "node": 3}


def test_uvicorns_own_loggers(instrumented: Any, records: Any, capsys: Any) -> None:
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
    logging.getLogger("uvicorn.error").info(
        "Started server process [%d]", 7, extra={"color_message": "\x1b[36m"}
    )
    request = ("127.0.0.1:1", "POST", "/wallet/bet", "1.1", 200)
    logging.getLogger("uvicorn.access").info('%s - "%s %s HTTP/%s" %d', *request)

    captured = capsys.readouterr()
    (started,) = [json.loads(line) for line in captured.err.splitlines()]
    (access,) = [json.loads(line) for line in captured.out.splitlines()]
    assert (started["event"], "color_message" in started) == ("Started server process [7]", False)
    assert access["event"] == '127.0.0.1:1 - "POST /wallet/bet HTTP/1.1" 200'
    assert len(records.get_finished_logs()) == 2


def test_a_schedulers_questions_are_left_out(instrumented: Any, records: Any, capsys: Any) -> None:
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
    access = logging.getLogger("uvicorn.access")
    access.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", "/liveness", "1.1", 200)
    access.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", "/health", "1.1", 500)

    assert len(capsys.readouterr().out.splitlines()) == 1
    assert len(records.get_finished_logs()) == 1


def test_basic_config_of_the_application(instrumented: Any, root: Any, records: Any, capsys: Any) -> None:
    _as_outside_pytest(root)
    logging.basicConfig(level=logging.INFO)
    logging.getLogger("app").info("hello")

    assert root.level == logging.INFO
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["event"] == "hello"
    assert len(records.get_finished_logs()) == 1


def test_a_format_that_the_application_chose_stays(
    instrumented: Any, root: Any, records: Any, capsys: Any
) -> None:
    class Own(logging.Formatter): ...

    _as_outside_pytest(root)
    handler = logging.StreamHandler()
    handler.setFormatter(Own("<%(message)s>"))
    logging.basicConfig(handlers=[handler])
    logging.getLogger("app").warning("hello")

    assert capsys.readouterr().err == "<hello>\n"
    assert len(records.get_finished_logs()) == 1


def test_wrong_arguments_still_give_a_line(instrumented: Any, root: Any, capsys: Any) -> None:
    _as_outside_pytest(root)
    logging.getLogger("app").warning("%d points", "many")
    assert "many" in json.loads(capsys.readouterr().out)["event"]


def test_exceptions(instrumented: Any, records: Any, capsys: Any) -> None:
    try:
        raise ValueError("poison")  # noqa: TRY301
    except ValueError:
        logging.getLogger("app").exception("failed")

    line = json.loads(capsys.readouterr().out)
    assert (line["exception.type"], line["exception.message"]) == ("ValueError", "poison")


def test_an_exporters_words_are_printed_once_and_never_exported(
    instrumented: Any, records: Any, capsys: Any
) -> None:
    for attempt in range(5):
        logging.getLogger("opentelemetry.exporter").error("Failed to export %s", attempt)

    assert len(capsys.readouterr().out.splitlines()) == 1
    assert records.get_finished_logs() == ()
