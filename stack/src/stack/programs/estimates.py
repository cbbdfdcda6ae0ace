"""How long fetching and building takes, in seconds: committed defaults, then this machine's own last run."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Literal

Part = Literal["fetch", "build"]

DEFAULT_SECONDS: dict[str, dict[Part, float]] = {
    # On 2 cores, in this order, each finding packages that those before compiled (benchmarks/cold_build.py).
    "tempo": {"fetch": 30, "build": 225},
    "loki": {"fetch": 30, "build": 266},
    "mimir": {"fetch": 30, "build": 168},
    "pitboss-collector": {"fetch": 20, "build": 150},
    "grafana": {"fetch": 65, "build": 420},
    "docker-compose": {"fetch": 15, "build": 60},
    "kafka": {"fetch": 15, "build": 2},
}
UNKNOWN_SECONDS = 60.0
_one_writer = threading.Lock()


def seconds(cache: Path, name: str, part: Part) -> float:
    """Return how long a part of the work on a program probably takes."""
    default = DEFAULT_SECONDS.get(name, {}).get(part, UNKNOWN_SECONDS)
    return _measured(cache).get(f"{name} {part}", default)


def remember(cache: Path, name: str, part: Part, measured: float) -> None:
    """Keep what was measured, but no less than half of what was expected.

    Work that went on where it was interrupted, or found its packages compiled, says little of the next time.
    """
    kept = max(measured, seconds(cache, name, part) / 2)
    with _one_writer:  # a download and a build can end at once
        known = {**_measured(cache), f"{name} {part}": round(kept, 1)}
        file = cache / "seconds.json"
        draft = file.with_suffix(".draft")
        draft.write_text(json.dumps(known, indent=1, sort_keys=True))
        draft.replace(file)


def _measured(cache: Path) -> dict[str, float]:
    try:
        return dict(json.loads((cache / "seconds.json").read_text()))
    except (OSError, ValueError):
        return {}
