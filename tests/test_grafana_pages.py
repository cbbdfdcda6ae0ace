"""Trace → logs → trace, clicked in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, expect, sync_playwright
from support import backends, casino
from support.native import NativeStack
from support.wait import until

from stack.programs.debian import require_programs

pytestmark = pytest.mark.stack

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000


@pytest.fixture
def context(stack: NativeStack, tmp_path: Path) -> Iterator[BrowserContext]:
    """Debian's Chromium, logged in to Grafana; what it showed last is kept as a screenshot."""
    require_programs(stack.repository, ["chromium"], log=tmp_path / "apt.log", say=print)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        context = browser.new_context(viewport={"width": 1600, "height": 1200})
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(f"{backends.GRAFANA}/login")
        page.fill("input[name=user]", "admin")
        page.fill("input[name=password]", stack.secret("GRAFANA_ADMIN_PASSWORD"))
        page.click("button[type=submit]")
        page.wait_for_url(lambda url: "/login" not in url)
        yield context
        for number, shown in enumerate(context.pages):
            shown.screenshot(path=tmp_path / f"page-{number}.png")
        browser.close()


def trace_page(trace_id: str) -> str:
    """Address of Explore with one trace."""
    pane = {
        "datasource": "tempo",
        "queries": [{"refId": "A", "queryType": "traceql", "query": trace_id}],
        "range": {"from": "now-30m", "to": "now"},
    }
    return f"{backends.GRAFANA}/explore?orgId=1&left={quote(json.dumps(pane))}"


def test_from_the_trace_to_its_logs_and_back(context: BrowserContext) -> None:
    bet = casino.place_bet(player="player-0039", amount_minor="1000")
    until(lambda: len(backends.trace(bet.trace_id)) > 10, seconds=30, what="the trace in Tempo")
    until(
        lambda: backends.logs(f'{{service_name="vault"}} | trace_id="{bet.trace_id}"'),
        seconds=20,
        what="the log line in Loki",
    )

    trace = context.pages[0]
    trace.goto(trace_page(bet.trace_id))
    trace.get_by_text("POST /wallet/bet").first.click()
    with context.expect_page() as opened:
        trace.get_by_role("link", name="Logs for this span").click(modifiers=["Control"])

    logs = opened.value
    logs.get_by_text("bet accepted").first.click()
    back = logs.get_by_role("link", name="View the trace").first
    expect(back).to_be_visible(timeout=PATIENCE_MS)
    with context.expect_page() as opened:
        back.click(modifiers=["Control"])

    again = opened.value
    expect(again.get_by_text("place bet").first).to_be_visible(timeout=PATIENCE_MS)
    expect(again.get_by_text(bet.trace_id).first).to_be_visible(timeout=PATIENCE_MS)
