"""An OTLP/HTTP sink, and processes that are started by `opentelemetry-instrument`."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Sink:
    """What arrived by OTLP/HTTP."""

    port: int = 0
    answers: bool = True
    requests: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spans(self) -> list[Any]:
        bodies = [
            ExportTraceServiceRequest.FromString(body) for path, body in self.requests if path == "/v1/traces"
        ]
        return [s for b in bodies for r in b.resource_spans for scope in r.scope_spans for s in scope.spans]

    def records(self) -> list[Any]:
        bodies = [
            ExportLogsServiceRequest.FromString(body) for path, body in self.requests if path == "/v1/logs"
        ]
        return [
            s for b in bodies for r in b.resource_logs for scope in r.scope_logs for s in scope.log_records
        ]

    def resources(self) -> list[dict[str, str]]:
        bodies = [
            ExportTraceServiceRequest.FromString(body) for path, body in self.requests if path == "/v1/traces"
        ]
        found = [resource.resource for body in bodies for resource in body.resource_spans]
        return [{a.key: a.value.string_value for a in resource.attributes} for resource in found]

    def metric(self, name: str) -> float:
        """Return the last value of a counter, over all its series."""
        bodies = [
            ExportMetricsServiceRequest.FromString(b) for path, b in self.requests if path == "/v1/metrics"
        ]
        last: dict[str, float] = {}
        for body in bodies:
            for metric in [m for r in body.resource_metrics for s in r.scope_metrics for m in s.metrics]:
                if metric.name == name:
                    last.update({str(p.attributes): p.as_int or p.as_double for p in metric.sum.data_points})
        return sum(last.values())


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A collector that keeps what it gets; `sink.answers = False` makes it accept and never answer."""
    sink = Sink()
    released = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if not sink.answers:
                released.wait(30)
                return
            sink.requests.append((self.path, body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    sink.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield sink
    released.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


@dataclass
class Launched:
    """A started process; its output goes to files."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def wait_for(self, text: str, seconds: float = 20) -> None:
        """Wait until the process has printed `text`."""
        deadline = time.monotonic() + seconds
        while text not in self.out.read_text() + self.err.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"no {text!r} in\n{self.out.read_text()}\n{self.err.read_text()}")
            time.sleep(0.02)

    def end(self, number: signal.Signals | None = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal (or just wait), and return the exit code and the seconds that it took."""
        started = time.monotonic()
        if number is not None:
            self.process.send_signal(number)
        return self.process.wait(30), time.monotonic() - started


@pytest.fixture
def launch(tmp_path: Path, sink: Sink) -> Iterator[Callable[..., Launched]]:
    """Start `opentelemetry-instrument <arguments>` with Pitboss, exporting to the sink."""
    started: list[Launched] = []

    def start(*arguments: str, **environment: str) -> Launched:
        out, err = tmp_path / f"out-{len(started)}", tmp_path / f"err-{len(started)}"
        env = {
            **os.environ,
            "OTEL_PYTHON_DISTRO": "pitboss",
            "OTEL_PYTHON_CONFIGURATOR": "pitboss",
            "OTEL_EXPORTER_OTLP_ENDPOINT": sink.endpoint,
            "OTEL_SERVICE_NAME": "tested",
            "OTEL_METRIC_EXPORT_INTERVAL": "600000",
            "OTEL_BSP_SCHEDULE_DELAY": "600000",
            "OTEL_BLRP_SCHEDULE_DELAY": "600000",
            "PITBOSS_SHUTDOWN_TIMEOUT": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        launcher = str(Path(sys.executable).with_name("opentelemetry-instrument"))
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [launcher, *arguments], env=env, cwd=tmp_path, stdout=stdout, stderr=stderr
            )
        started.append(Launched(process, out, err))
        return started[-1]

    yield start
    for launched in started:
        if launched.process.poll() is None:
            launched.process.kill()
        launched.process.wait()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
