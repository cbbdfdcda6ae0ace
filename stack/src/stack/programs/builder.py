"""Works through recipes: what the cache has is used, the rest is built in turn, downloads go on meanwhile."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from stack.programs import estimates
from stack.programs.recipe import Recipe, Workshop
from stack.programs.run import end_running
from stack.programs.store import Store
from stack.progress import Reporter, Task

NOTE_SECONDS = 0.5


class Builder:
    """Has programs made, one after the other; downloads for the next ones go on meanwhile."""

    def __init__(self, workshop: Workshop, report: Reporter) -> None:
        self._workshop = workshop
        self._report = report
        self._store = Store(workshop.programs)

    def place(self, recipe: Recipe) -> Path:
        """Return where a recipe's result is."""
        return self._store.place(recipe.name, recipe.key())

    def absent(self, recipes: Sequence[Recipe], *, thoroughly: bool = False) -> list[Recipe]:
        """Return those that the cache does not have intact."""
        return [
            one for one in recipes if not self._store.is_intact(one.name, one.key(), thoroughly=thoroughly)
        ]

    def make(self, recipes: Sequence[Recipe]) -> None:
        """Make what is absent. Raises BuildError; what was finished before stays."""
        if not self.absent(recipes):
            return
        with self._store.locked(self._report.line):
            todo = self.absent(recipes)
            self._report.plan({one.name: self._estimate(one, is_first=one is todo[0]) for one in todo})
            downloads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fetch")
            try:
                # Waiting downloads come in the order of the builds, so that none waits for a later one's.
                fetched = [(one, _Relay(), one.key()) for one in todo]
                futures = [downloads.submit(self._fetch, one, relay) for one, relay, _ in fetched]
                for (recipe, relay, key), future in zip(fetched, futures, strict=True):
                    with self._report.task(
                        recipe.name, self._estimate(recipe, is_first=recipe is todo[0])
                    ) as task:
                        _wait(future, relay, task)
                        self._build(recipe, key, task)
            except BaseException:
                downloads.shutdown(wait=False, cancel_futures=True)
                end_running()
                raise
            finally:
                downloads.shutdown(wait=True, cancel_futures=True)

    def forget(self, recipes: Sequence[Recipe]) -> None:
        """Remove results from the cache."""
        for recipe in recipes:
            self._store.remove(recipe.name, recipe.key())

    def _estimate(self, recipe: Recipe, *, is_first: bool) -> float:
        build = estimates.seconds(self._workshop.cache, recipe.name, "build")
        # Others' downloads happen while something is built.
        return build + (estimates.seconds(self._workshop.cache, recipe.name, "fetch") if is_first else 0.0)

    def _fetch(self, recipe: Recipe, task: Task) -> None:
        began = time.monotonic()
        self._log(recipe, "fetch").unlink(missing_ok=True)
        recipe.fetch(self._workshop, task)
        estimates.remember(self._workshop.cache, recipe.name, "fetch", time.monotonic() - began)

    def _build(self, recipe: Recipe, key: str, task: Task) -> None:
        began = time.monotonic()
        self._log(recipe, "build").unlink(missing_ok=True)
        self._store.add(recipe.name, key, lambda into: recipe.build(self._workshop, task, into))
        shutil.rmtree(self._workshop.bench(recipe.name, key), ignore_errors=True)
        estimates.remember(self._workshop.cache, recipe.name, "build", time.monotonic() - began)

    def _log(self, recipe: Recipe, part: str) -> Path:
        self._workshop.logs.mkdir(parents=True, exist_ok=True)
        return self._workshop.logs / f"{recipe.name}-{part}.log"


class _Relay:
    """Remembers what a download says, for the task that waits for it."""

    def __init__(self) -> None:
        self.note = "downloading"

    def update(self, fraction: float, note: str = "") -> None:
        self.note = f"{note or 'downloading'} ({fraction:.0%})"


def _wait(download: Future[None], relay: _Relay, task: Task) -> None:
    while True:
        try:
            return download.result(timeout=NOTE_SECONDS)
        except TimeoutError:
            if download.done():
                raise
            task.update(0.0, relay.note)
