"""Runs health checks as a container runtime does."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT

from stack.native.processes import Launch

_REASON_CHARACTERS = 300


async def is_unhealthy(check: Launch, timeout_seconds: float) -> str | None:
    """Run a check once; return why the service is not healthy, None when it is."""
    try:
        process = await asyncio.create_subprocess_exec(
            *check.arguments,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env=dict(check.environment),
            cwd=check.folder,
            start_new_session=True,
        )
    except OSError as error:
        return f"the health check cannot run: {check.arguments[0]}: {error.strerror}"
    try:
        output, _ = await asyncio.wait_for(process.communicate(), timeout_seconds)
    except TimeoutError:
        return f"the health check took longer than {timeout_seconds:g} s"
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode == 0:
        return None
    said = output.decode(errors="replace").strip()[-_REASON_CHARACTERS:]
    return said or f"the health check ended with exit code {process.returncode}"
