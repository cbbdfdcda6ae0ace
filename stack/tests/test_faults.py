"""What goes wrong: one clear error, exit code not 0, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket

import pytest
from tiny_stack import Checkout, wait_until

pytestmark = pytest.mark.server


def test_port_in_use_names_port_holder_and_service(checkout: Checkout) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", checkout.web_port))
        other.listen()

        result = checkout.run("up", "-d", "--engine", "native")

    assert result.returncode == 1
    assert f"port {checkout.web_port} on 127.0.0.1, wanted by web, is in use" in result.stderr
    assert f"pid {os.getpid()}" in result.stderr
    assert checkout.processes() == []


def test_a_service_that_dies_at_start_is_one_error_with_its_last_lines(checkout: Checkout) -> None:
    result = checkout.run("up", "-d", "--engine", "native", MODE="dies")

    assert result.returncode == 1
    assert result.stderr.startswith("error: web died while starting: exit code 1")
    assert "no configuration for today" in result.stderr
    assert "Traceback" not in result.stderr
    assert checkout.processes() == []


def test_a_service_that_never_gets_healthy_is_an_error_with_the_reason(checkout: Checkout) -> None:
    checkout.edit("start_period: 10s", "start_period: 1s")

    result = checkout.run("up", "-d", "--engine", "native", MODE="sick")

    assert result.returncode == 1
    assert "web did not become healthy within 2 s" in result.stderr
    assert "HTTP Error 503" in result.stderr
    assert checkout.processes() == []


def test_a_missing_program_is_named(checkout: Checkout) -> None:
    checkout.edit("command: [python, ", "command: [no-such-program, ")

    result = checkout.run("up", "-d", "--engine", "native")

    assert result.returncode == 1
    assert "needs the program no-such-program" in result.stderr


def test_an_unknown_key_is_an_error(checkout: Checkout) -> None:
    checkout.edit("    mem_limit: 64m", "    cpus: 2")

    result = checkout.run("up", "-d", "--engine", "native")

    assert result.returncode == 1
    assert "services.data.cpus: unknown key" in result.stderr


def test_an_unknown_service_is_an_error_that_names_the_known_ones(checkout: Checkout) -> None:
    result = checkout.run("up", "-d", "--engine", "native", "wbe")

    assert result.returncode == 1
    assert "no service wbe" in result.stderr
    assert "data, extra, web" in result.stderr


def test_ctrl_c_stops_everything(checkout: Checkout) -> None:
    engine = checkout.begin_up()

    engine.send_signal(signal.SIGINT)
    said, _ = engine.communicate(timeout=20)

    assert engine.returncode == 0
    assert said.index("web stopped") < said.index("data stopped")
    assert checkout.processes() == []
    assert checkout.answers(checkout.data_port) is None


def test_sigterm_stops_everything(checkout: Checkout) -> None:
    engine = checkout.begin_up()

    engine.terminate()
    engine.communicate(timeout=20)

    assert engine.returncode == 128 + signal.SIGTERM
    assert checkout.processes() == []


def test_ctrl_c_while_starting_stops_everything(checkout: Checkout) -> None:
    engine = checkout.begin("up", "--engine", "native", MODE="sick")
    wait_until(lambda: checkout.answers(checkout.data_port))

    engine.send_signal(signal.SIGINT)
    engine.communicate(timeout=20)

    assert engine.returncode == 128 + signal.SIGINT
    assert checkout.processes() == []


def test_a_second_ctrl_c_does_not_wait_for_a_grace_period(checkout: Checkout) -> None:
    checkout.edit("stop_grace_period: 2s", "stop_grace_period: 1000s")
    engine = checkout.begin_up(MODE="stubborn")
    engine.send_signal(signal.SIGINT)
    wait_until(lambda: '"stopping"' in (checkout.state / "run" / "web.json").read_text())

    engine.send_signal(signal.SIGINT)
    engine.communicate(timeout=20)

    assert engine.returncode == 128 + signal.SIGINT
    assert checkout.processes() == []


def test_down_from_elsewhere_ends_the_foreground_and_everything(checkout: Checkout) -> None:
    engine = checkout.begin_up()

    result = checkout.run("down")
    engine.communicate(timeout=20)

    assert result.returncode == 0
    assert engine.returncode != 0
    assert checkout.processes() == []


def test_a_second_up_says_who_has_the_stack(checkout: Checkout) -> None:
    engine = checkout.begin_up()

    result = checkout.run("up", "--engine", "native")

    assert result.returncode == 1
    assert f"pid {engine.pid}" in result.stderr
    assert checkout.status()["web"]["state"] == "healthy"


def test_a_service_that_dies_later_is_reported_and_not_restarted(checkout: Checkout) -> None:
    engine = checkout.begin_up()
    os.kill(checkout.status()["web"]["pid"], signal.SIGKILL)

    assert engine.stdout
    line = next(line for line in engine.stdout if "web" in line)

    assert "web died (killed by SIGKILL)" in line
    assert checkout.status()["web"]["state"] == "dead"


def test_down_cleans_up_after_an_engine_that_was_killed(checkout: Checkout) -> None:
    engine = checkout.begin_up(MODE="family")
    engine.kill()
    engine.wait()
    left = checkout.processes()

    result = checkout.run("down")

    assert len(left) >= 5
    assert result.returncode == 0
    assert checkout.processes() == []


def test_up_cleans_up_after_an_engine_that_was_killed_while_starting(checkout: Checkout) -> None:
    engine = checkout.begin("up", "--engine", "native", MODE="sick")
    wait_until(lambda: checkout.answers(checkout.data_port))
    engine.kill()
    engine.wait()
    first = (checkout.state / "run" / "data.json").read_text()

    checkout.up()

    assert (checkout.state / "run" / "data.json").read_text() != first
    assert checkout.status()["web"]["state"] == "healthy"


def test_orphans_of_a_service_that_died_are_ended_by_down(checkout: Checkout) -> None:
    checkout.up(MODE="family")
    os.kill(checkout.status()["web"]["pid"], signal.SIGKILL)

    checkout.run("down")

    assert checkout.processes() == []


def test_a_pid_that_now_belongs_to_another_program_is_left_alone(checkout: Checkout) -> None:
    checkout.up()
    record = checkout.state / "run" / "web.json"
    pid = checkout.status()["web"]["pid"]
    checkout.run("kill", "web")
    record.write_text(
        record.read_text().replace(f'"pid": {pid}', f'"pid": {os.getpid()}').replace("killed", "healthy")
    )

    down = checkout.run("down")

    assert down.returncode == 0  # and this test process still runs


def test_a_broken_env_file_is_named_with_its_line(checkout: Checkout) -> None:
    (checkout.root / ".env").write_text("# comment\nthis is no assignment\n")

    result = checkout.run("status")

    assert result.returncode == 1
    assert ".env, line 2 is not NAME=value" in result.stderr


def test_down_works_without_env_file(checkout: Checkout) -> None:
    checkout.up()
    (checkout.root / ".env").unlink()

    result = checkout.run("down")

    assert result.returncode == 0
    assert checkout.processes() == []


def test_no_compose_file_is_said(checkout: Checkout) -> None:
    (checkout.root / "docker-compose.yml").unlink()

    result = checkout.run("--file", "docker-compose.yml", "status")

    assert result.returncode == 1
    assert "docker-compose.yml" in result.stderr
    checkout.started.clear()
