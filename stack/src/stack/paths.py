"""Where things are: checkout, state of the stack, cache of built programs."""

from __future__ import annotations

import os
from pathlib import Path

COMPOSE_FILE = "docker-compose.yml"


def cache_folder() -> Path:
    """Return the folder of built programs: `PITBOSS_CACHE`, else `pitboss` in the user's cache folder."""
    named = os.environ.get("PITBOSS_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "pitboss"
