"""However a process ends, its last spans, log lines and counter increments arrive, within the deadline."""

import json
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = [pytest.mark.server, pytest.mark.waits("processes to start and to end")]

DEADLINE = 1.0  # as `launch` sets it

APP = """
import structlog
from fastapi import FastAPI
from opentelemetry import metrics
from pitboss.health import Health, HealthMiddleware

log = structlog.get_logger()
bets = metrics.get_meter("casino").create_counter("casino.bets")
api = FastAPI()

@api.post("/bet")
async def bet() -> dict[str, str]:
    bets.add(1)
    log.info("bet accepted", **{"event.name": "wallet.bet"})
    return {}

health = Health("tested", {})
health.serving()
app = HealthMiddleware(api, health)
"""

SCRIPT = """
import signal, sys
import structlog
from opentelemetry import metrics, trace

with trace.get_tracer("casino").start_as_current_span("work"):
    metrics.get_meter("casino").create_counter("casino.bets").add(1)
    structlog.get_logger().info("working")
if sys.argv[1] == "wait":
    while True:
        signal.pause()
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def serve(launch: Any, tmp_path: Path, free_port: int) -> Any:
    """Start the application under uvicorn and return it with its client."""

    def start(**environment: str) -> tuple[Any, httpx.Client]:
        (tmp_path / "served.py").write_text(APP)
        launched = launch("uvicorn", "served:app", "--port", str(free_port), **environment)
        launched.wait_for("Application startup complete")
        return launched, httpx.Client(base_url=f"http://127.0.0.1:{free_port}")

    return start


@pytest.fixture
def script(launch: Any, tmp_path: Path) -> Any:
    """Start a plain script that does its work and then waits, or exits with a code."""

    def start(what: str, **environment: str) -> Any:
        (tmp_path / "script.py").write_text(SCRIPT)
        launched = launch("python", "script.py", what, **environment)
        if what == "wait":
            launched.wait_for("working")
        return launched

    return start


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_uvicorn_loses_nothing(serve: Any, sink: Any, number: signal.Signals) -> None:
    launched, client = serve()
    with client:
        for _ in range(20):
            assert client.post("/bet").status_code == 200
        assert client.get("/health").status_code == 200
    assert sink.requests == [], "nothing may have been sent before the end"

    code, seconds = launched.end(number)

    assert code == (-signal.SIGTERM if number is signal.SIGTERM else 0)
    assert seconds < DEADLINE + 1
    assert [span.name for span in sink.spans()] == ["POST /bet"] * 20
    assert sink.metric("casino.bets") == 20
    accepted = [record for record in sink.records() if record.event_name == "wallet.bet"]
    assert {record.span_id for record in accepted} == {span.span_id for span in sink.spans()}
    assert len(accepted) == 20


def test_uvicorns_lines_are_json_with_the_requests_trace(serve: Any, sink: Any) -> None:
    launched, client = serve()
    with client:
        client.post("/bet")
    launched.end()

    printed = [
        json.loads(line) for path in (launched.out, launched.err) for line in path.read_text().splitlines()
    ]
    (span,) = sink.spans()
    of_request = [line["event"] for line in printed if line.get("trace_id") == span.trace_id.hex()]
    assert sorted(event.partition(" - ")[2] or event for event in of_request) == [
        '"POST /bet HTTP/1.1" 200',
        "bet accepted",
    ]
    assert {line["service.name"] for line in printed} == {"tested"}
    exported = [json.loads(record.body.string_value) for record in sink.records()]
    assert sorted(line["event"] for line in exported) == sorted(line["event"] for line in printed)


@pytest.mark.parametrize("times", [1, 2])
def test_a_script_that_gets_sigterm(script: Any, sink: Any, times: int) -> None:
    launched = script("wait")
    for _ in range(times - 1):
        launched.process.send_signal(signal.SIGTERM)
    code, seconds = launched.end()

    assert (code, seconds < DEADLINE + 1) == (-signal.SIGTERM, True)
    assert [span.name for span in sink.spans()] == ["work"]
    assert len(sink.records()) == 1
    assert sink.metric("casino.bets") == 1


@pytest.mark.parametrize("code", [0, 3])
def test_a_script_that_ends_by_itself(script: Any, sink: Any, code: int) -> None:
    assert script(str(code)).end(None)[0] == code
    assert ([span.name for span in sink.spans()], sink.metric("casino.bets")) == (["work"], 1)


def test_every_instance_is_told_apart(script: Any, sink: Any) -> None:
    for launched in [script("0"), script("0")]:
        launched.end(None)

    assert len({resource["service.instance.id"] for resource in sink.resources()}) == 2
    assert {resource["telemetry.distro.name"] for resource in sink.resources()} == {"pitboss"}


@pytest.mark.parametrize("collector", ["down", "silent"])
def test_no_collector_no_delay_beyond_the_deadline(
    serve: Any, script: Any, sink: Any, collector: str
) -> None:
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"} if collector == "down" else {}
    sink.answers = False

    plain = script("wait", **environment)
    launched, client = serve(**environment)
    with client:
        client.post("/bet")

    for process in (launched, plain):
        code, seconds = process.end()
        assert code == -signal.SIGTERM
        assert seconds < DEADLINE + 1


def test_the_applications_own_handler_stays(launch: Any, sink: Any, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import signal, sys\n"
        "from opentelemetry import trace\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "trace.get_tracer('x').start_span('work').end()\n"
        "print('ready', flush=True)\n"
        "while True: signal.pause()\n"
    )
    launched = launch("python", "own.py")
    launched.wait_for("ready")

    assert launched.end()[0] == 7
    assert [span.name for span in sink.spans()] == ["work"]


def test_libraries_that_are_not_used_are_not_imported(launch: Any, sink: Any, tmp_path: Path) -> None:
    (tmp_path / "small.py").write_text(
        "import sys\n"
        "print([name for name in ('kafka', 'socketio', 'engineio', 'uvicorn') if name in sys.modules])"
    )
    launched = launch("python", "small.py")

    assert launched.end(None)[0] == 0
    assert launched.out.read_text() == "[]\n"
