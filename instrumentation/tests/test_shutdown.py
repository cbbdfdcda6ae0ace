"""One deadline over all steps of the end."""

import asyncio
import threading
import time
from typing import Any

from pitboss.shutdown import Ending


class Provider:
    """A provider whose flush and shutdown block until released."""

    def __init__(self, released: threading.Event | None = None) -> None:
        self.calls: list[str] = []
        self.called = threading.Event()
        self._released = released

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._do(f"flush {timeout_millis > 0}")

    def shutdown(self) -> None:
        self._do("shutdown")

    def _do(self, what: str) -> bool:
        self.calls.append(what)
        self.called.set()
        return self._released is None or self._released.wait(30)


def test_all_providers_are_flushed_and_shut_down_once() -> None:
    providers = [Provider(), Provider()]
    ending = Ending(providers, timeout=5)
    ending.flush()
    ending.finish()
    ending.finish()

    assert [provider.calls for provider in providers] == [["flush True", "shutdown"]] * 2


def test_steps_share_one_deadline_and_providers_wait_side_by_side() -> None:
    released = threading.Event()
    ending = Ending([Provider(released) for _ in range(3)], timeout=0.3)
    started = time.monotonic()
    ending.flush()
    ending.finish()
    elapsed = time.monotonic() - started
    released.set()

    assert 0.25 < elapsed < 0.9


async def test_the_event_loop_is_free_meanwhile() -> None:
    released = threading.Event()
    provider = Provider(released)
    ending = Ending([provider], timeout=5)

    flushing = asyncio.create_task(ending.flush_async())
    assert await asyncio.to_thread(provider.called.wait, 5)
    released.set()
    await flushing

    assert provider.calls == ["flush True"]


def test_a_provider_that_raises_does_no_harm() -> None:
    class Failing(Provider):
        def _do(self, what: str) -> Any:
            raise RuntimeError(what)

    good = Provider()
    ending = Ending([Failing(), good], timeout=5)
    ending.finish()

    assert good.calls == ["shutdown"]
