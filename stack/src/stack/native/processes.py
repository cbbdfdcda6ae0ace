"""Start a service's process, find everything that belongs to it, end all of it.

A process belongs to the stack when its environment carries the marker, when its output goes to one of the
stack's logs (PostgreSQL and Redis overwrite their environment with a title), or when its parent belongs.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from stack.errors import StackError
from stack.project import Project

STACK_MARK = "PITBOSS_STACK"
SERVICE_MARK = "PITBOSS_SERVICE"
KILL_SECONDS = 10.0
POLL_SECONDS = 0.05
LOG_LIMIT_BYTES = 10 << 20
_INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
_ENTERING = ((2, "+dac_read_search"), (1, "+dac_override"))
"""Capabilities that let a process enter and read any folder, the smaller one first, with their numbers."""


@dataclass(frozen=True)
class Launch:
    """A command that is ready to run."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path
    user: str | None = None


def environment(
    project: Project, name: str, own: Mapping[str, str], path: Iterable[Path] = ()
) -> dict[str, str]:
    """Return a service's whole environment: of the caller's what a login gives, its own, the marks."""
    folders = [*map(str, path), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    return {
        **{key: os.environ[key] for key in _INHERITED if key in os.environ},
        "PATH": os.pathsep.join(folders),
        **own,
        STACK_MARK: str(project.state),
        SERVICE_MARK: name,
    }


def log_file(project: Project, name: str) -> Path:
    """Return the log of a service; what an earlier run left is put aside when it has become large."""
    project.logs.mkdir(parents=True, exist_ok=True)
    log = project.logs / f"{name}.log"
    if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))
    log.touch()
    return log


def spawn(launch: Launch, log: Path, name: str) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, its output appended to `log`.

    Raises StackError when the program is missing or cannot be executed.
    """
    arguments = (*as_user(launch.user), *launch.arguments) if launch.user else launch.arguments
    program = shutil.which(launch.arguments[0], path=launch.environment.get("PATH"))
    if program is None:
        raise StackError(
            f"{name} needs the program {launch.arguments[0]}, which is not there",
            cause="not found in PATH or not executable",
            advice="run `stack build`, or `make setup` if it is a Python program",
        )
    if not launch.user:
        arguments = (program, *launch.arguments[1:])
    with log.open("ab") as output:
        try:
            return subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(launch.environment),
                cwd=launch.folder,
                start_new_session=True,
            )
        except OSError as error:
            raise StackError(f"{name} does not start", cause=f"{launch.arguments[0]}: {error}") from None


def as_user(user: str | None) -> tuple[str, ...]:
    """Return what goes in front of a command so that `user` runs it, nothing where we are not root.

    That user may still enter folders such as root's home, where a checkout can lie.
    """
    if user is None or os.geteuid() != 0:
        return ()
    permitted = next(
        int(line.split()[1], 16)
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("CapPrm:")
    )
    capability = next((name for bit, name in _ENTERING if permitted >> bit & 1), None)
    rights = ("--inh-caps", capability, "--ambient-caps", capability) if capability else ()
    return ("setpriv", "--reuid", user, "--regid", user_group(user), "--clear-groups", *rights, "--")


def user_group(user: str) -> str:
    """Return the numeric primary group of a user. Raises StackError for an unknown one."""
    try:
        return str(pwd.getpwnam(user).pw_gid)
    except KeyError:
        raise StackError(f"no user {user} on this machine", advice=f"create it: useradd {user}") from None


def belonging(project: Project, names: Sequence[str] | None = None) -> dict[str, list[psutil.Process]]:
    """Return the living processes of this stack (or of `names` only) by service; never this process."""
    found: dict[int, tuple[str, psutil.Process]] = {}
    spared = _self_and_ancestors()
    for process in psutil.process_iter():
        name = _owner(project, process)
        if name is not None and process.pid not in spared:
            found[process.pid] = (name, process)
    for name, process in list(found.values()):
        for child in _children(process):
            if child.pid not in spared:
                found.setdefault(child.pid, (name, child))
    by_name: dict[str, list[psutil.Process]] = {}
    for name, process in found.values():
        if names is None or name in names:
            by_name.setdefault(name, []).append(process)
    return by_name


def kill(processes: Iterable[psutil.Process]) -> None:
    """SIGKILL processes with all that they started, and wait until they are gone."""
    victims: dict[int, psutil.Process] = {}
    for process in processes:
        victims.setdefault(process.pid, process)
        for child in _children(process):
            victims.setdefault(child.pid, child)
    for process in victims.values():
        try:
            process.kill()
        except psutil.Error:
            continue
    wait_gone(victims.values(), KILL_SECONDS)


def wait_gone(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until processes are gone (a zombie is gone); return those that are not."""
    deadline = time.monotonic() + seconds
    while alive := [process for process in processes if is_alive(process)]:
        if time.monotonic() >= deadline:
            return alive
        processes = alive
        time.sleep(POLL_SECONDS)
    return []


def is_alive(process: psutil.Process) -> bool:
    """Is it running, and no zombie that its parent has not collected?"""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def kill_own_children(spared: Collection[int] = ()) -> None:
    """End what this process itself started (builds, checks) when it gives up; not the pids in `spared`."""
    kill(child for child in _children(psutil.Process()) if child.pid not in spared)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _self_and_ancestors() -> set[int]:
    this = psutil.Process()
    return {this.pid, *(parent.pid for parent in this.parents())}


def _owner(project: Project, process: psutil.Process) -> str | None:
    try:
        variables = process.environ()
    except (psutil.Error, OSError):
        variables = {}
    if variables.get(STACK_MARK) == str(project.state):
        return variables.get(SERVICE_MARK, "")
    for descriptor in (1, 2):
        try:
            target = Path(f"/proc/{process.pid}/fd/{descriptor}").readlink()
        except OSError:
            continue
        if target.parent == project.logs:
            return target.name.partition(".log")[0]
    return None
