"""Whatever an application logs: one line, one record, no exception, no batch that a collector refuses."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from pitboss.structlog import StructlogInstrumentor, _json


@pytest.fixture
def instrumented(records: Any) -> Iterator[None]:
    StructlogInstrumentor().instrument()
    yield
    StructlogInstrumentor().uninstrument()


class BrokenError(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "x" * 5_000_000},
        {"text": "頑" * 1_000_000},
        {"nested": {"deep": ["x" * 1000] * 5000}},
        {f"field-{number}": "x" * 4000 for number in range(5000)},
        {"x" * 200_000: 1},
        {"text": "\0" * 200_000},
    ],
)
def test_huge_values_are_cut(instrumented: None, records: Any, capsys: Any, fields: dict[str, Any]) -> None:
    structlog.get_logger().info("large", **{"tx.id": "t-1"}, **fields)

    (printed,) = capsys.readouterr().out.splitlines()
    line = json.loads(printed)
    assert (line["event"], line["tx.id"], line["truncated"]) == ("large", "t-1", True)
    assert len(printed.encode()) <= _json.MAX_LINE
    (record,) = [entry.log_record for entry in records.get_finished_logs()]
    assert record.body == printed
    assert record.attributes["tx.id"] == "t-1"
    assert max(len(value) for value in record.attributes.values() if isinstance(value, str)) <= 16 * 1024


def test_an_applications_own_huge_line_is_exported_cut(instrumented: None, records: Any, capsys: Any) -> None:
    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    structlog.get_logger().info("large", text="x" * 1_000_000)

    assert len(capsys.readouterr().out) > 1_000_000, "what it prints is the application's own business"
    (record,) = [entry.log_record for entry in records.get_finished_logs()]
    assert json.loads(record.body)["truncated"] is True


def test_an_exception_without_a_text_is_logged(instrumented: None, records: Any, capsys: Any) -> None:
    structlog.get_logger().error(BrokenError(), exc_info=BrokenError())

    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["exception.message"]) == ("<BrokenError>", "<BrokenError>")
    assert len(records.get_finished_logs()) == 1
