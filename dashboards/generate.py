"""Write generated/<uid>.json for each dashboard; `--check` only says whether they are up to date."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from boards.casino_now import CASINO_NOW
from boards.runbooks import pages

DASHBOARDS = (CASINO_NOW, *pages())
GENERATED = Path(__file__).parent / "generated"


def rendered() -> dict[Path, str]:
    """File to content of all dashboards."""
    return {
        GENERATED / f"{board.uid}.json": json.dumps(board.json(), indent=2) + "\n" for board in DASHBOARDS
    }


def stale() -> list[Path]:
    """Files that differ from the code, are missing, or belong to no dashboard."""
    wanted = rendered()
    present = set(GENERATED.glob("*.json"))
    return sorted(
        {p for p in wanted if p not in present or p.read_text() != wanted[p]} | (present - wanted.keys())
    )


def main(arguments: list[str]) -> str | None:
    """Returns an error message for the shell, None when all is well."""
    if "--check" in arguments:
        names = ", ".join(path.name for path in stale())
        return f"stale: {names}; run python dashboards/generate.py" if names else None
    for path in set(GENERATED.glob("*.json")) - rendered().keys():
        path.unlink()
    for path, content in rendered().items():
        path.write_text(content)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
