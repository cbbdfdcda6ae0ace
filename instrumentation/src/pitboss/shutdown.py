"""Sends what is left when the process ends, within one deadline.

The SDK flushes at a normal exit only. uvicorn re-raises the signal that stopped it, so after SIGTERM the
process dies without one; a plain script does as well. Therefore telemetry is flushed

* when `uvicorn.Server` has stopped serving (also where a signal handler of ours can't help: gunicorn's
  uvicorn worker sets SIGTERM back to its default);
* on SIGTERM, if nobody else handles it; the process then dies by that same signal, with its usual code;
* at a normal exit.

All signals are flushed side by side in daemon threads: the process never waits longer than the deadline for
a collector that is down or does not answer.
"""

import asyncio
import atexit
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any, Protocol

import wrapt

_SAME_END = 1.0  # seconds between two steps of one end of the process (uvicorn's, then the signal handler's)


class Provider(Protocol):
    """What tracer, meter and logger provider of the SDK have in common."""

    def force_flush(self, timeout_millis: int = ...) -> bool: ...

    def shutdown(self) -> None: ...


class Ending:
    """The end of the process's telemetry.

    Args:
        providers: flushed and shut down side by side.
        timeout: seconds that the process may wait, over all steps of its end together.
    """

    def __init__(self, providers: Sequence[Provider], timeout: float) -> None:
        self._providers = providers
        self._timeout = timeout
        self._ends_at = float("-inf")
        self._is_finished = False

    def flush(self) -> None:
        """Send what is there; block for what is left of the deadline at most."""
        self._in_parallel([self._flush(provider) for provider in self._providers])

    def finish(self) -> None:
        """Send what is there and end the providers; later telemetry is dropped."""
        if not self._is_finished:
            self._is_finished = True
            self._in_parallel([provider.shutdown for provider in self._providers])

    async def flush_async(self) -> None:
        """As `flush`, with the event loop free meanwhile."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()

        def work() -> None:
            self.flush()
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
                loop.call_soon_threadsafe(lambda: done.done() or done.set_result(None))

        threading.Thread(target=work, name="pitboss-flush", daemon=True).start()
        await done

    def _flush(self, provider: Provider) -> Callable[[], Any]:
        return lambda: provider.force_flush(max(1, int(self._remaining() * 1000)))

    def _remaining(self) -> float:
        return self._ends_at - time.monotonic()

    def _in_parallel(self, jobs: Sequence[Callable[[], Any]]) -> None:
        self._begin()
        threads = [
            threading.Thread(target=_quietly, args=(job,), name="pitboss-end", daemon=True) for job in jobs
        ]
        if self._remaining() <= 0:
            return
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, self._remaining()))

    def _begin(self) -> None:
        # No lock: a signal handler of the same thread may come in between.
        if time.monotonic() > self._ends_at + _SAME_END:
            self._ends_at = time.monotonic() + self._timeout


def _quietly(job: Callable[[], Any]) -> None:
    with contextlib.suppress(Exception):
        job()


def install(ending: Ending) -> None:
    """Call `ending` at every way in which this process can end."""
    atexit.register(ending.finish)
    _on_sigterm(ending)
    wrapt.register_post_import_hook(lambda module: _after_serving(module, ending), "uvicorn.server")


def _on_sigterm(ending: Ending) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        return

    is_ending = False

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        nonlocal is_ending
        if is_ending:
            return  # sent twice, say to the process and to its group: the first is at work and has a deadline
        is_ending = True
        ending.finish()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, handle)


def _after_serving(module: Any, ending: Ending) -> None:
    # `_serve` is what the signal is re-raised after; `shutdown` is its last step in releases without it.
    name = "_serve" if hasattr(module.Server, "_serve") else "shutdown"

    async def serve(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG001
        try:
            return await wrapped(*args, **kwargs)
        finally:
            await ending.flush_async()

    wrapt.wrap_function_wrapper(module, f"Server.{name}", serve)
