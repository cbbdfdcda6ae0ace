"""The runbooks as pages of Grafana: one click from the alert, whatever else is away."""

from __future__ import annotations

import re
from pathlib import Path

from .dashboard import Dashboard, address
from .panels import markdown

RUNBOOKS = Path(__file__).parents[2] / "alerts/runbooks"


def page(runbook: Path) -> Dashboard:
    """The page of one runbook; its uid is `runbook-` and the rule's."""
    rule = re.sub(r"(?<!^)(?=[A-Z])", "-", runbook.stem).lower()
    return Dashboard(
        uid=f"runbook-{rule}",
        title=f"Runbook {runbook.stem}",
        description=f"What to do when {runbook.stem} fires. Source: alerts/runbooks/{runbook.name}",
        tags=("runbook",),
        variables=(),
        links=(address("Casino now", "", "/d/casino-now"), address("Alert rules", "", "/alerting/list")),
        rows=((markdown(1, "What to do", "Written beside the rule", runbook.read_text()),),),
    )


def pages() -> tuple[Dashboard, ...]:
    """A page per runbook."""
    return tuple(page(runbook) for runbook in sorted(RUNBOOKS.glob("*.md")))
