"""The native engine with real processes: start, stop, and what goes wrong."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
from pathlib import Path

import psutil
import pytest
from tiny_stack import STACK, Checkout, wait_until

pytestmark = pytest.mark.server


def test_all_services_are_healthy_after_up(checkout: Checkout) -> None:
    checkout.up()

    status = checkout.status()

    assert (status["data"]["state"], status["web"]["state"]) == ("healthy", "healthy")
    assert status["extra"]["state"] == "not started"
    assert status["data"]["rss"] > 0
    assert status["web"]["healthy_after"] >= 0


def test_a_service_sees_native_addresses_and_paths(checkout: Checkout) -> None:
    checkout.up()

    environment = dict(
        line.split("=", 1) for line in (checkout.answers(checkout.web_port) or "").splitlines()
    )
    data = dict(line.split("=", 1) for line in (checkout.answers(checkout.data_port) or "").splitlines())

    assert environment["DATA_URL"] == f"http://127.0.0.1:{checkout.data_port}/"
    assert environment["ENGINE"] == "native"
    assert data["FOLDER"] == str(checkout.state / "volumes" / "data")


def test_services_listen_on_loopback_only(checkout: Checkout) -> None:
    checkout.up()

    listening = {
        connection.laddr.ip
        for process in checkout.processes()
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }

    assert listening == {"127.0.0.1"}


def test_volumes_are_prepared_once(checkout: Checkout) -> None:
    checkout.up()
    secret = checkout.state / "volumes" / "data" / "secret"
    first = secret.read_text()
    checkout.run("down")

    checkout.up(SECRET="another")

    assert first
    assert secret.read_text() == first


def test_a_preparation_that_failed_is_done_again(checkout: Checkout) -> None:
    checkout.edit("echo $$SECRET > /data/secret", "touch /data/half; test -e /data/../../repaired")
    failed = checkout.run("up", "-d", "--engine", "native")
    (checkout.state / "repaired").touch()

    checkout.up()

    assert failed.returncode == 1
    assert "data could not be prepared" in failed.stderr


def test_down_stops_all_in_reverse_order_and_keeps_data(checkout: Checkout) -> None:
    checkout.up()

    result = checkout.run("down")

    assert result.stdout.index("web stopped") < result.stdout.index("data stopped")
    assert checkout.processes() == []
    assert (checkout.state / "volumes" / "data" / "secret").exists()


def test_reset_deletes_data_and_asks_first(checkout: Checkout) -> None:
    checkout.up()

    refused = checkout.run("reset")
    accepted = checkout.run("reset", "--yes")

    assert refused.returncode == 1
    assert accepted.returncode == 0
    assert not (checkout.state / "volumes").exists()
    assert checkout.processes() == []


def test_restart_gives_a_new_process_and_leaves_others(checkout: Checkout) -> None:
    checkout.up()
    before = checkout.status()

    result = checkout.run("restart", "data")

    after = checkout.status()
    assert result.returncode == 0, result.stderr
    assert after["data"]["pid"] != before["data"]["pid"]
    assert after["data"]["state"] == "healthy"
    assert after["web"]["pid"] == before["web"]["pid"]


def test_up_starts_what_is_missing_and_leaves_the_rest(checkout: Checkout) -> None:
    checkout.up()
    before = checkout.status()
    checkout.run("stop", "web")

    stopped = checkout.status()["web"]["state"]
    checkout.up()

    after = checkout.status()
    assert stopped == "stopped"
    assert after["web"]["state"] == "healthy"
    assert after["data"]["pid"] == before["data"]["pid"]


def test_kill_ends_a_whole_family(checkout: Checkout) -> None:
    checkout.up(MODE="family")
    family = [int(pid) for pid in (checkout.root / "family").read_text().split()]

    checkout.run("kill", "web")

    assert checkout.status()["web"]["state"] == "killed"
    wait_until(lambda: not any(psutil.pid_exists(pid) and _runs(pid) for pid in family))
    assert checkout.status()["data"]["state"] == "healthy"


def test_a_service_that_ignores_sigterm_is_killed_after_its_grace_period(checkout: Checkout) -> None:
    checkout.up(MODE="stubborn")

    result = checkout.run("down")

    seconds = float(result.stdout.split("web stopped after ")[1].split(" s")[0])
    assert seconds >= 2.0
    assert "killed, its grace period was over" in result.stdout
    assert checkout.processes() == []


def test_init_writes_secrets_that_only_their_owner_reads(bare_checkout: Checkout) -> None:
    missing = bare_checkout.run("up", "-d")
    bare_checkout.run("init")
    file = bare_checkout.root / ".env"
    first = file.read_text()
    file.chmod(0o644)

    again = bare_checkout.run("init")

    assert missing.returncode == 1
    assert "SECRET" in missing.stderr
    assert "stack init" in missing.stderr
    assert again.returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == first


def test_logs_show_what_services_wrote(checkout: Checkout) -> None:
    checkout.up()

    result = checkout.run("logs", "web")

    assert "web | serving in mode ''" in result.stdout


def test_logs_follow_what_comes(checkout: Checkout) -> None:
    checkout.up()
    reader = checkout.begin("logs", "-f", "--tail", "0", "web")

    checkout.run("restart", "web")

    assert reader.stdout
    assert "serving in mode" in reader.stdout.readline()


def test_version_is_printed_anywhere(tmp_path: Path) -> None:
    result = subprocess.run([STACK, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert result.returncode == 0
    assert re.fullmatch(r"stack \S+\n", result.stdout)


def test_status_says_that_a_service_is_dead(checkout: Checkout) -> None:
    checkout.up()
    os.kill(checkout.status()["web"]["pid"], signal.SIGKILL)

    wait_until(lambda: checkout.status()["web"]["state"] == "dead")


def test_status_without_a_terminal_has_no_colours(checkout: Checkout) -> None:
    checkout.up()

    result = checkout.run("status")

    assert "\x1b" not in result.stdout
    assert "resident" in result.stdout


def test_profile_starts_its_services(checkout: Checkout) -> None:
    result = checkout.run("up", "-d", "--engine", "native", "--profile", "more")

    assert result.returncode == 0, result.stderr
    assert checkout.status()["extra"]["state"] == "healthy"


def test_status_is_json_for_programs(checkout: Checkout) -> None:
    checkout.up()

    status = json.loads(checkout.run("status", "--json").stdout)

    assert status["engine"] == "native"
    assert status["healthy_after"] > 0
    assert status["rss"] >= status["pss"] > 0


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
