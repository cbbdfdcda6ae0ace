"""Debian packages: one list, checked by name, installed where the user is root, else named in one message."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.programs.run import BuildError, run

LIST = Path("stack/native/debian.txt")
LOCK_SECONDS = 120
"""How long to wait for another apt-get; a new machine often has one at work."""


@dataclass(frozen=True)
class Requirement:
    """A package, the program by which it is recognised, and a file that the program alone does not prove."""

    package: str
    program: str
    purpose: str
    file: Path | None = None


def read_list(file: Path) -> list[Requirement]:
    """Read lines `package program[:file] what it is for`. Raises BuildError for anything else."""
    requirements: list[Requirement] = []
    for line in file.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split(maxsplit=2)
        if len(parts) != 3:
            raise BuildError(f"{file}: {line!r} is not: package program[:file] what-for")
        program, _, needed = parts[1].partition(":")
        requirements.append(Requirement(parts[0], program, parts[2], Path(needed) if needed else None))
    return requirements


def missing(
    requirements: Sequence[Requirement], find: Callable[[str], str | None] = shutil.which
) -> list[Requirement]:
    """Return those whose program is not on the path or whose file is not there, whoever brought it."""
    return [one for one in requirements if find(one.program) is None or (one.file and not one.file.exists())]


def require(
    requirements: Sequence[Requirement],
    *,
    log: Path,
    is_root: bool | None = None,
    find: Callable[[str], str | None] = shutil.which,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Make sure that the packages are there. Raises BuildError that names all that are missing.

    Parameters: `is_root` defaults to whether this user is; `find` looks a program up; `say` hears what is
    installed.
    """
    absent = missing(requirements, find)
    if not absent:
        return
    may_install = os.geteuid() == 0 if is_root is None else is_root
    names = [one.package for one in absent]
    if not may_install or find("apt-get") is None:
        raise BuildError(
            f"{len(absent)} system package{'s are' if len(absent) > 1 else ' is'} missing: {' '.join(names)}",
            cause="; ".join(f"{one.package}: {one.purpose}" for one in absent),
            advice=f"sudo apt-get install --no-install-recommends {' '.join(names)}",
        )
    say(f"installing Debian packages: {' '.join(names)}")
    install(names, log)
    if still := missing(requirements, find):
        raise BuildError(
            f"{' '.join(one.package for one in still)}: installed, but the program is not on the path",
            advice=f"look at {log}",
        )


def install(names: Sequence[str], log: Path) -> None:
    """Install packages by name. Raises BuildError with apt's complaint."""
    # Run level 1 keeps packages from starting the system's own Redis beside ours.
    variables = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for arguments in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *names]):
        try:
            run(
                ["apt-get", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}", *arguments],
                what=f"apt-get {arguments[0]}",
                log=log,
                folder=Path("/"),
                variables=variables,
            )
        except BuildError:
            if arguments[0] == "install":
                raise


def require_programs(root: Path, programs: Iterable[str], *, log: Path, say: Callable[[str], None]) -> None:
    """Make sure that programs are there, by the checkout's list of packages. See `require`."""
    wanted = set(programs)
    if not wanted:
        return
    listed = read_list(root / LIST)
    if unknown := wanted - {one.program for one in listed}:
        raise BuildError(
            f"no Debian package is listed for {', '.join(sorted(unknown))}", advice=f"add it to {LIST}"
        )
    require([one for one in listed if one.program in wanted], log=log, say=say)
