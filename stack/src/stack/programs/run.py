"""Run a build tool: its output goes to a log, line by line to who measures progress, and into the error."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stack.errors import StackError, last_lines

FULL_DISK = ("no space left on device", "enospc", "disk quota exceeded")
TERMINATE_SECONDS = 5.0
_running: set[subprocess.Popen[str]] = set()
_running_lock = threading.Lock()


class BuildError(StackError):
    """A program could not be fetched or built."""


class ChecksumError(BuildError):
    """What was downloaded is not what the committed list says."""


def run(
    arguments: Sequence[str | Path],
    *,
    what: str,
    log: Path,
    folder: Path,
    variables: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> None:
    """Run a command to its end, appending its output to `log`.

    Parameters: `what` names the work in an error; `variables` are added to this process's environment.
    Raises BuildError when the command is missing or ends with another code than 0. When this process is
    interrupted, the command and what it started end first.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [str(argument) for argument in arguments]
    environment = {**os.environ, **(variables or {})}
    with log.open("a", encoding="utf-8") as output:
        try:
            process = subprocess.Popen(
                [*_die_with_parent(), *command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as error:
            raise BuildError(f"{what} failed", cause=f"{command[0]}: {error.strerror}") from None
        with _running_lock:
            _running.add(process)
        try:
            assert process.stdout is not None  # noqa: S101 - PIPE was asked for
            for line in process.stdout:
                output.write(line)
                output.flush()
                if on_line:
                    on_line(line.rstrip("\n"))
            code = process.wait()
        except BaseException:
            _end(process)
            raise
        finally:
            with _running_lock:
                _running.discard(process)
            if process.stdout:
                process.stdout.close()
    if code != 0:
        raise _failure(what, command, code, log)


def end_running() -> None:
    """End the commands that other threads run; their `run` raises."""
    with _running_lock:
        processes = list(_running)
    for process in processes:
        _end(process)


def capture(arguments: Sequence[str | Path], *, folder: Path, variables: Mapping[str, str]) -> str:
    """Return what a short command prints. Raises BuildError with its complaint when it fails."""
    command = [str(argument) for argument in arguments]
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        tail = (result.stderr or result.stdout).splitlines()[-20:]
        raise BuildError(f"{Path(command[0]).name} {' '.join(command[1:3])} failed", tail=tail)
    return result.stdout


def says_full_disk(lines: Sequence[str]) -> bool:
    """Does a tool's output complain that the disk is full?"""
    return any(sign in line.lower() for line in lines for sign in FULL_DISK)


def full_disk(folder: Path) -> BuildError:
    """Return the error for a disk without space."""
    place = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(place).free / 2**30
    return BuildError(
        "the disk is full",
        cause=f"{free:.1f} GiB are free where {folder} is; a first build needs about 16 GiB",
        advice="free some space, or let PITBOSS_CACHE name a folder on another disk, and run it again",
    )


def _failure(what: str, command: Sequence[str], code: int, log: Path) -> BuildError:
    tail = last_lines(log)
    if says_full_disk(tail):
        return full_disk(log.parent)
    end = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return BuildError(
        f"{what} failed",
        cause=f"{Path(command[0]).name} ended with {end}",
        tail=tail,
        log=log,
        advice="see the log; run it again to go on where it stopped",
    )


def _die_with_parent() -> tuple[str, ...]:
    # A build must not go on when this program was killed. The kernel ties it to the thread that starts it.
    return ("setpriv", "--pdeathsig", "TERM", "--") if shutil.which("setpriv") else ()


def _end(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(TERMINATE_SECONDS)
    except ProcessLookupError:
        return
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
