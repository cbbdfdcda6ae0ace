"""`python -m simulators.players`: play until SIGTERM or Ctrl-C."""

from __future__ import annotations

import uvicorn

from casino.settings import load
from simulators.players.app import create_app
from simulators.players.settings import PlayersSettings


def main() -> None:
    """Run the players and their admin server."""
    settings = load(PlayersSettings)
    uvicorn.run(create_app(settings), host=settings.host, port=settings.port, access_log=False)


if __name__ == "__main__":
    main()
