"""One checkout with its compose file, its variables and its state folder."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stack import dotenv
from stack.compose import load
from stack.compose.model import ComposeFile
from stack.errors import StackError
from stack.paths import COMPOSE_FILE

GIT_SECONDS = 5


@dataclass(frozen=True)
class Project:
    """What every command works on."""

    file: Path
    state: Path
    variables: Mapping[str, str]
    compose: ComposeFile

    @property
    def root(self) -> Path:
        """The checkout: what relative paths of the compose file start from."""
        return self.file.parent

    @property
    def logs(self) -> Path:
        """One log file per service."""
        return self.state / "logs"

    @property
    def runs(self) -> Path:
        """One record per started service."""
        return self.state / "run"

    @property
    def volumes(self) -> Path:
        """One folder per named volume."""
        return self.state / "volumes"

    @property
    def prepared(self) -> Path:
        """One file per service whose volumes were prepared."""
        return self.state / "prepared"

    @property
    def bind(self) -> str:
        """The address to listen on."""
        return self.variables.get("BIND") or "127.0.0.1"


def find_compose_file(named: Path | None) -> Path:
    """Return the named file, else the nearest docker-compose.yml in this folder or above.

    Raises StackError when there is none.
    """
    if named is not None:
        if not named.is_file():
            raise StackError(f"no {named}", advice="name an existing compose file")
        return named.absolute()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / COMPOSE_FILE).is_file():
            return folder / COMPOSE_FILE
    raise StackError(
        f"no {COMPOSE_FILE} in {here} or above", advice="run this in the checkout, or name the file: --file"
    )


def state_folder(file: Path) -> Path:
    """Return where the native stack keeps its state: `STACK_STATE`, else `.stack` in the checkout."""
    return Path(os.environ.get("STACK_STATE") or file.parent / ".stack").expanduser().absolute()


def open_project(file: Path, *, needs_secrets: bool = True) -> Project:
    """Read the compose file and `.env`. Raises StackError where one of them is missing or wrong.

    Without `needs_secrets` it works where `.env` is gone, too: stopping must always be possible.
    """
    file = file.absolute()
    state = state_folder(file)
    variables = {**dotenv.read(file.parent / ".env"), **os.environ, "STACK_STATE": str(state)}
    if not variables.get("SERVICE_VERSION"):
        variables["SERVICE_VERSION"] = git_version(file.parent)
    return Project(
        file=file, state=state, variables=variables, compose=load(file, variables, needs_all=needs_secrets)
    )


def git_version(root: Path) -> str:
    """Return `git describe --always --dirty` of the checkout, `unknown` where there is no git."""
    try:
        result = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return result.stdout.strip() or "unknown"
