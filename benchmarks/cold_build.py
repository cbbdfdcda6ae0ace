"""The first native build: every program from an empty cache. Takes about half an hour on two cores."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Figure

REPOSITORY = Path(__file__).parent.parent
GOAL_SECONDS = 35 * 60.0


def run() -> list[Figure]:
    """Build into an empty cache, with the progress shown; the cache is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="pitboss-cold-", ignore_cleanup_errors=True) as cache:
        began = time.monotonic()
        environment = os.environ | {"PITBOSS_CACHE": cache, "GOFLAGS": "-modcacherw"}
        subprocess.run([REPOSITORY / ".venv/bin/stack", "build"], cwd=REPOSITORY, env=environment, check=True)
        total = time.monotonic() - began
        parts: dict[str, float] = json.loads((Path(cache) / "seconds.json").read_text())
    return [
        Figure("cold native build", total, "s", GOAL_SECONDS, "goal"),
        *(
            Figure(f"cold native build: {part}", seconds, "s", total, "whole")
            for part, seconds in parts.items()
        ),
    ]
