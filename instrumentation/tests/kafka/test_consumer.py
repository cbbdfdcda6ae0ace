"""The handler of a record runs inside the producer's trace, and nothing leaks out of it."""

import asyncio
import json
import pickle
import threading
from typing import Any

import kafka
import pytest
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, StatusCode

from pitboss import propagation
from pitboss.kafka import KafkaInstrumentor, extract, process

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
HEADERS = [("traceparent", f"00-{TRACE}-{PARENT}-01".encode())]


def _current() -> str:
    return f"{trace.get_current_span().get_span_context().trace_id:032x}"


NOTHING = "0" * 32


def test_the_loops_body_runs_in_the_producers_trace(instrumented: Any, spans: Any) -> None:
    instrumented.receive("wallet.events", headers=HEADERS, offset=7)
    seen = []
    for _ in kafka.KafkaConsumer(group_id="concierge"):
        seen.append(_current())
        trace.get_tracer("test").start_span("add points").end()

    assert seen == [TRACE]
    assert _current() == NOTHING
    assert spans.tree() == {"process wallet.events": {"add points": {}}}
    span = spans.named("process wallet.events")
    assert span.kind is SpanKind.CONSUMER
    assert f"{span.parent.span_id:016x}" == PARENT
    assert [f"{link.context.span_id:016x}" for link in span.links] == [PARENT]
    assert dict(span.attributes) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "wallet.events",
        "messaging.destination.partition.id": "0",
        "messaging.kafka.offset": 7,
        "messaging.consumer.group.name": "concierge",
        "messaging.client.id": "c1",
        "server.address": "kafka",
        "server.port": 9092,
    }


def test_polled_batches_are_traced_record_by_record(instrumented: Any, spans: Any) -> None:
    for offset in range(3):
        instrumented.receive("t", headers=HEADERS, offset=offset)
    for records in kafka.KafkaConsumer().poll().values():
        for _ in records:
            assert _current() == TRACE
        assert _current() == NOTHING

    assert [span.attributes["messaging.kafka.offset"] for span in spans.all] == [0, 1, 2]


def test_enumerate_and_slices_are_traced_too(instrumented: Any, spans: Any) -> None:
    for offset in range(3):
        instrumented.receive("t", headers=HEADERS, offset=offset)
    (records,) = kafka.KafkaConsumer().poll().values()
    for _, _ in enumerate(records[1:]):
        assert _current() == TRACE

    assert [span.attributes["messaging.kafka.offset"] for span in spans.all] == [1, 2]


def test_reading_a_batch_in_one_go_processes_nothing(instrumented: Any, spans: Any) -> None:
    instrumented.receive("t")
    (records,) = kafka.KafkaConsumer().poll().values()

    copies = [list(records), sorted(records), [*records], tuple(records), pickle.loads(pickle.dumps(records))]  # noqa: S301

    assert all(len(copy) == 1 for copy in copies)
    assert json.loads(json.dumps([record.offset for record in list(records)])) == [0]
    assert isinstance(records, list)
    assert spans.all == ()


@pytest.mark.parametrize("way", ["break", "raise", "return"])
@pytest.mark.parametrize("source", ["consumer", "poll"])
def test_leaving_the_loop_ends_the_span(instrumented: Any, spans: Any, way: str, source: str) -> None:
    instrumented.receive("t", headers=HEADERS)
    instrumented.receive("t", headers=HEADERS)
    consumer = kafka.KafkaConsumer()
    records = consumer if source == "consumer" else next(iter(consumer.poll().values()))

    def work() -> None:
        for _ in records:
            if way == "break":
                break
            if way == "return":
                return
            raise RuntimeError("handler")

    if way == "raise":
        with pytest.raises(RuntimeError):
            work()
    else:
        work()

    assert _current() == NOTHING
    assert len(spans.all) == 1


def test_next_ends_the_earlier_span_and_close_the_last(instrumented: Any, spans: Any) -> None:
    instrumented.receive("t", headers=HEADERS, offset=0)
    instrumented.receive("t", headers=HEADERS, offset=1)
    consumer = kafka.KafkaConsumer()
    next(consumer)
    assert _current() == TRACE
    next(consumer)
    assert len(spans.all) == 1
    consumer.close()

    assert _current() == NOTHING
    assert len(spans.all) == 2


def test_two_consumers_in_one_thread(instrumented: Any, spans: Any) -> None:
    other = [("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01")]
    first, second = kafka.KafkaConsumer(), kafka.KafkaConsumer()
    instrumented.receive("a", headers=HEADERS)
    next(first)
    instrumented.receive("b", headers=other)
    next(second)
    first.close()
    assert _current() == TRACE, "the second one is a child of what was going on"
    second.close()

    assert _current() == NOTHING
    assert spans.named("process b").links[0].context.trace_id == int("1" * 32, 16)
    assert spans.tree() == {"process a": {"process b": {}}}


def test_an_ambient_span_stays_the_parent(instrumented: Any, spans: Any) -> None:
    instrumented.receive("t", headers=HEADERS)
    with trace.get_tracer("test").start_as_current_span("nightly job") as job:
        for _ in kafka.KafkaConsumer():
            pass
        assert trace.get_current_span() is job

    assert spans.tree() == {"nightly job": {"process t": {}}}
    assert f"{spans.named('process t').links[0].context.trace_id:032x}" == TRACE


def test_an_ended_span_that_a_thread_inherited_is_not_ambient(instrumented: Any, spans: Any) -> None:
    instrumented.receive("t", headers=HEADERS)
    with trace.use_span(trace.get_tracer("test").start_span("request")) as request:
        request.end()
        for _ in kafka.KafkaConsumer():
            assert _current() == TRACE


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        [("traceparent", b"\xff\xfe")],
        [("traceparent", None)],
        [("traceparent", b"00-zz-11-01")],
        [("traceparent", b"x" * 100_000)],
        [None, 7, ("a",), ("traceparent",)],
        [*HEADERS, ("traceparent", b"\xff")],
    ],
)
def test_malformed_headers_give_a_fresh_root(instrumented: Any, spans: Any, headers: Any) -> None:
    record = instrumented.receive("t", headers=headers)
    for received in kafka.KafkaConsumer():
        assert received is record

    (span,) = spans.all
    assert (span.parent, span.links) == (None, ())
    assert not trace.get_current_span(extract(record)).get_span_context().is_valid


def test_a_malformed_header_is_counted_once(
    instrumented: Any, measurements: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(propagate, "_HTTP_TEXT_FORMAT", propagate.get_global_textmap())
    propagation.install()
    instrumented.receive("t", headers=[("traceparent", b"garbage")])
    for _ in kafka.KafkaConsumer():
        pass
    assert [point.value for point in measurements.points("pitboss.propagation.malformed")] == [1]


def test_the_last_of_several_traceparents_counts(instrumented: Any, spans: Any) -> None:
    instrumented.receive(
        "t", headers=[("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"), *HEADERS]
    )
    for _ in kafka.KafkaConsumer():
        assert _current() == TRACE


def test_an_exception_inside_process_is_on_the_loops_span(
    instrumented: Any, spans: Any, measurements: Any
) -> None:
    instrumented.receive("t", headers=HEADERS)
    instrumented.receive("t", headers=HEADERS)
    handled = 0
    for record in kafka.KafkaConsumer():
        try:
            with process(record):
                raise ValueError("poison")  # noqa: TRY301 - what a handler does
        except ValueError:
            handled += 1

    assert handled == 2
    assert [span.status.status_code for span in spans.all] == [StatusCode.ERROR] * 2
    assert spans.all[0].attributes["error.type"] == "ValueError"
    (point,) = measurements.points("messaging.process.duration")
    assert (point.count, point.attributes["error.type"]) == (2, "ValueError")


def test_process_in_a_worker_thread_is_a_span_of_its_own(instrumented: Any, spans: Any) -> None:
    record = instrumented.receive("t", headers=HEADERS)

    def work() -> None:
        with process(record):
            trace.get_tracer("test").start_span("work").end()
        assert _current() == NOTHING

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()

    assert spans.tree() == {"process t": {"work": {}}}
    assert f"{spans.named('process t').context.trace_id:032x}" == TRACE


async def test_a_consumer_that_is_read_in_threads_leaks_no_context(
    instrumented: Any, spans: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for offset in range(3):
        instrumented.receive("t", headers=HEADERS, offset=offset)
    consumer = kafka.KafkaConsumer()
    for _ in range(3):
        await asyncio.to_thread(next, consumer)
        assert _current() == NOTHING
    consumer.close()

    assert len(spans.all) == 3
    assert "detach" not in caplog.text


def test_metrics(instrumented: Any, measurements: Any) -> None:
    for _ in range(3):
        instrumented.receive("t", headers=HEADERS)
    for _ in kafka.KafkaConsumer(group_id="concierge"):
        pass
    instrumented.receive("t", headers=HEADERS)
    for records in kafka.KafkaConsumer(group_id="concierge").poll().values():
        for _ in records:
            pass

    (processed,) = measurements.points("messaging.process.duration")
    (consumed,) = measurements.points("messaging.client.consumed.messages")
    (polled,) = measurements.points("messaging.client.operation.duration")
    assert (processed.count, consumed.value, polled.count) == (4, 4, 1)
    assert processed.attributes["messaging.consumer.group.name"] == "concierge"
    assert consumed.attributes["messaging.operation.name"] == "poll"
    assert polled.attributes["messaging.operation.type"] == "receive"


def test_an_empty_poll_makes_nothing(instrumented: Any, spans: Any, measurements: Any) -> None:
    assert kafka.KafkaConsumer().poll() == {}
    assert spans.all == ()
    assert measurements.points("messaging.client.operation.duration") == []


def test_uninstrument_restores_the_very_same_methods(wire: Any) -> None:
    names = [
        (kafka.KafkaProducer, "send"),
        *((kafka.KafkaConsumer, n) for n in ("__iter__", "__next__", "poll")),
    ]
    before = [vars(cls)[name] for cls, name in names]
    KafkaInstrumentor().instrument()
    KafkaInstrumentor().uninstrument()

    assert [vars(cls)[name] for cls, name in names] == before


def test_a_span_ends_also_for_an_exception_without_a_text(instrumented: Any, spans: Any) -> None:
    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    one = instrumented.receive("t", headers=HEADERS)
    with pytest.raises(BrokenError), process(one):
        raise BrokenError

    (span,) = spans.all
    assert (span.status.is_ok, span.attributes["error.type"].rpartition(".")[2]) == (False, "BrokenError")
