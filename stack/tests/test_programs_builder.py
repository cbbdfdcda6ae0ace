"""What is in the cache is used; what is not is fetched, built, measured."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from programs_support import Heard, TinyRecipe

from stack.programs import estimates
from stack.programs.builder import Builder
from stack.programs.recipe import Workshop
from stack.programs.run import BuildError, run


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.fixture
def heard() -> Heard:
    return Heard()


def test_a_program_is_built_once(workshop: Workshop, heard: Heard) -> None:
    recipe = TinyRecipe("tempo")

    Builder(workshop, heard).make([recipe])
    Builder(workshop, heard).make([recipe])

    assert (recipe.fetches, recipe.builds) == (1, 1)
    assert (Builder(workshop, heard).place(recipe) / "program").read_text() == "a program"


def test_another_recipe_is_built_beside_the_old_one(workshop: Workshop, heard: Heard) -> None:
    old, new = TinyRecipe("tempo", "old"), TinyRecipe("tempo", "new")

    Builder(workshop, heard).make([old])
    Builder(workshop, heard).make([new])

    assert (Builder(workshop, heard).place(new) / "program").read_text() == "new"
    assert Builder(workshop, heard).absent([old, new]) == []


def test_a_corrupted_program_is_built_again(workshop: Workshop, heard: Heard) -> None:
    recipe = TinyRecipe("tempo")
    builder = Builder(workshop, heard)
    builder.make([recipe])
    (builder.place(recipe) / "program").write_text("something longer")

    builder.make([recipe])

    assert recipe.builds == 2
    assert (builder.place(recipe) / "program").read_text() == "a program"


def test_what_was_finished_before_a_failure_stays(workshop: Workshop, heard: Heard) -> None:
    def fail(into: Path) -> None:
        raise BuildError("mimir cannot be built")

    first, second = TinyRecipe("tempo"), TinyRecipe("mimir", on_build=fail)
    with pytest.raises(BuildError, match="mimir"):
        Builder(workshop, heard).make([first, second])

    assert Builder(workshop, heard).absent([first, second]) == [second]
    assert heard.done == ["tempo"]


def test_a_failed_download_stops_the_build_of_what_needs_it(workshop: Workshop, heard: Heard) -> None:
    def fail() -> None:
        raise BuildError("no network")

    first, second = TinyRecipe("tempo"), TinyRecipe("mimir", on_fetch=fail)
    with pytest.raises(BuildError, match="no network"):
        Builder(workshop, heard).make([first, second])

    assert (first.builds, second.builds) == (1, 0)


def test_the_next_download_goes_on_while_one_is_built(workshop: Workshop, heard: Heard) -> None:
    fetched = threading.Event()

    def wait(into: Path) -> None:
        assert fetched.wait(10), "the second download did not start during the first build"

    Builder(workshop, heard).make(
        [TinyRecipe("tempo", on_build=wait), TinyRecipe("mimir", on_fetch=fetched.set)]
    )

    assert heard.done == ["tempo", "mimir"]


def test_an_error_ends_downloads_that_still_run(workshop: Workshop, heard: Heard) -> None:
    began = workshop.cache / "began"
    script = "import pathlib, time; pathlib.Path('began').touch(); time.sleep(60)"

    def download() -> None:
        log = workshop.logs / "x.log"
        run([sys.executable, "-c", script], what="downloading", log=log, folder=workshop.cache)

    def fail(into: Path) -> None:
        deadline = threading.Event()
        while not began.exists():
            deadline.wait(0.02)
        raise BuildError("stop")

    with pytest.raises(BuildError, match="stop"):
        Builder(workshop, heard).make(
            [TinyRecipe("tempo", on_build=fail), TinyRecipe("mimir", on_fetch=download)]
        )


def test_all_work_is_announced_with_estimates(workshop: Workshop, heard: Heard) -> None:
    Builder(workshop, heard).make([TinyRecipe("loki"), TinyRecipe("mimir")])

    assert list(heard.planned) == ["loki", "mimir"]
    assert heard.planned["mimir"] == estimates.DEFAULT_SECONDS["mimir"]["build"]


def test_the_next_estimate_is_what_was_measured_here(workshop: Workshop) -> None:
    workshop.cache.mkdir(exist_ok=True)

    estimates.remember(workshop.cache, "loki", "build", 1000.0)

    assert estimates.seconds(workshop.cache, "loki", "build") == 1000.0
    assert estimates.seconds(workshop.cache, "mimir", "build") == estimates.DEFAULT_SECONDS["mimir"]["build"]


def test_what_ends_at_once_is_all_remembered(workshop: Workshop) -> None:
    names = [f"program-{number}" for number in range(200)]

    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(lambda name: estimates.remember(workshop.cache, name, "build", 100.0), names))

    assert [estimates.seconds(workshop.cache, name, "build") for name in names] == [100.0] * len(names)


def test_a_build_that_found_half_of_its_work_done_is_no_measure(workshop: Workshop, heard: Heard) -> None:
    Builder(workshop, heard).make([TinyRecipe("loki")])

    expected = estimates.DEFAULT_SECONDS["loki"]["build"] / 2
    assert estimates.seconds(workshop.cache, "loki", "build") == expected


def test_a_failing_tool_is_an_error_with_the_end_of_its_output(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = "print('undefined: Foo'); raise SystemExit(3)"

    with pytest.raises(BuildError) as raised:
        run([sys.executable, "-c", script], what="building tempo", log=log, folder=tmp_path)

    assert raised.value.what == "building tempo failed"
    assert "exit code 3" in raised.value.cause
    assert raised.value.tail == ("undefined: Foo",)
    assert raised.value.log == log


def test_a_tool_that_fills_the_disk_is_said_so(tmp_path: Path) -> None:
    script = "print('write x.a: no space left on device'); raise SystemExit(1)"

    with pytest.raises(BuildError, match="the disk is full"):
        run([sys.executable, "-c", script], what="building", log=tmp_path / "log", folder=tmp_path)


def test_a_missing_tool_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError) as raised:
        run(["no-such-tool-here"], what="building", log=tmp_path / "log", folder=tmp_path)

    assert "no-such-tool-here" in str(raised.value)
