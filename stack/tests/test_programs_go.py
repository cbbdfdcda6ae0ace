"""Programs in Go: keys, pins, progress, and a real build of a tiny one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest
from programs_support import Heard

from stack.paths import cache_folder
from stack.programs import golang, toolchain
from stack.programs.golang import GoRecipe, LineProgress, package, to_compile
from stack.programs.lock import go_mod
from stack.programs.recipe import Workshop
from stack.programs.run import BuildError

NATIVE = Path(__file__).parents[1] / "native"
RECIPES = sorted(file.parent for file in NATIVE.rglob("go.mod"))


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A Go program without dependencies that no build cache knows."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "go.mod").write_text("module pitboss.invalid/tiny\n\ngo 1.26\n")
    (folder / "go.sum").touch()
    (folder / "main.go").write_text(f'package main\n\n// {uuid4()}\nfunc main() {{ println("tiny") }}\n')
    return folder


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A cache of its own, but for what Go itself caches."""
    cache = tmp_path / "cache"
    cache.mkdir()
    shared = cache_folder() / "go"
    shared.mkdir(parents=True, exist_ok=True)
    (cache / "go").symlink_to(shared)
    return Workshop(cache)


def test_a_tiny_program_is_built_and_runs(tiny: Path, workshop: Workshop, tmp_path: Path) -> None:
    recipe, heard = GoRecipe("tiny", tiny), Heard()

    recipe.fetch(workshop, heard)
    recipe.build(workshop, heard, tmp_path / "out")

    result = subprocess.run([tmp_path / "out/bin/tiny"], capture_output=True, text=True, check=True)
    assert result.stderr == "tiny\n"
    assert heard.updates[0][0] == 0
    assert heard.updates[-1] == (pytest.approx(0.94), "compiling pitboss.invalid/tiny")


def test_a_compiler_error_is_shown(tiny: Path, workshop: Workshop, tmp_path: Path) -> None:
    (tiny / "main.go").write_text("package main\n\nfunc main() { undefinedThing() }\n")

    with pytest.raises(BuildError, match="building tiny failed") as raised:
        GoRecipe("tiny", tiny).build(workshop, Heard(), tmp_path / "out")

    assert any("undefined: undefinedThing" in line for line in raised.value.tail)


@pytest.mark.parametrize("file", ["go.mod", "go.sum", "main.go", "sub/more.go"])
def test_the_key_changes_with_every_input(tiny: Path, file: str) -> None:
    before = GoRecipe("tiny", tiny).key()
    (tiny / file).parent.mkdir(exist_ok=True)
    with (tiny / file).open("a") as stream:
        stream.write("\n")

    assert GoRecipe("tiny", tiny).key() != before


def test_the_key_stays_when_nothing_changes(tiny: Path) -> None:
    before = GoRecipe("tiny", tiny).key()
    (tiny / "README.md").write_text("no input")

    assert GoRecipe("tiny", tiny).key() == before


def test_the_key_changes_with_the_toolchain(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = GoRecipe("tiny", tiny).key()
    monkeypatch.setattr(toolchain, "version", lambda _: "1.99.0")

    assert GoRecipe("tiny", tiny).key() != before


def test_a_recipe_without_pins_is_an_error(tiny: Path) -> None:
    (tiny / "go.sum").unlink()

    with pytest.raises(BuildError, match=r"go\.sum"):
        GoRecipe("tiny", tiny).key()


@pytest.mark.parametrize("folder", RECIPES, ids=lambda folder: folder.name)
def test_every_module_is_pinned(folder: Path) -> None:
    required = re.findall(r"^(?:require)?\s+(\S+) (v\S+)", (folder / "go.mod").read_text(), re.MULTILINE)
    replaced = re.findall(
        r"^\s*(?:replace )?(\S+)(?: v\S+)? => (\S+) (\S+)", (folder / "go.mod").read_text(), re.M
    )
    excluded = re.findall(r"exclude \((.*?)\)", (folder / "go.mod").read_text(), re.DOTALL)
    instead = {old: (new, version) for old, new, version in replaced}
    pinned = {tuple(line.split()[:2]) for line in (folder / "go.sum").read_text().splitlines()}

    wanted = {
        instead.get(path, (path, version))
        for path, version in required
        if f"{path} {version}" not in "".join(excluded)
    }

    assert len(wanted) > 1
    assert {one for one in wanted if one not in pinned} == set()


@pytest.mark.parametrize("folder", RECIPES, ids=lambda folder: folder.name)
def test_the_program_is_in_a_required_module(folder: Path) -> None:
    program = package(folder)

    required = re.findall(r"^require (\S+) v\S+", (folder / "go.mod").read_text(), re.MULTILINE)
    assert any(program.startswith(f"{module}/") for module in required)


def test_a_new_pin_repeats_what_the_module_says_only_for_itself() -> None:
    own = {
        "Go": "1.26.5",
        "Replace": [
            {"Old": {"Path": "a.org/x"}, "New": {"Path": "b.org/x", "Version": "v1.0.0"}},
            {
                "Old": {"Path": "a.org/y", "Version": "v2.0.0"},
                "New": {"Path": "b.org/y", "Version": "v2.0.1"},
            },
            {"Old": {"Path": "a.org/z"}, "New": {"Path": "./z"}},
        ],
        "Exclude": [{"Path": "a.org/w", "Version": "v0.1.0"}],
    }

    text = go_mod("tempo", "a.org/tempo", "v1.2.3", "a.org/tempo/cmd/tempo", own)

    assert text.splitlines()[2:] == [
        "go 1.26.5",
        "",
        "tool a.org/tempo/cmd/tempo",
        "",
        "require a.org/tempo v1.2.3",
        "",
        "replace (",
        "\ta.org/x => b.org/x v1.0.0",
        "\ta.org/y v2.0.0 => b.org/y v2.0.1",
        ")",
        "",
        "exclude (",
        "\ta.org/w v0.1.0",
        ")",
    ]


def test_what_is_compiled_already_does_not_count() -> None:
    reasons = "build ID mismatch\nstale dependency: io\n\nnot installed but available in build cache\n"

    assert to_compile(reasons) == 2


def test_downloads_are_counted_without_the_address_they_are_from(
    tiny: Path, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [
        "# get https://proxy.example/github.com/google/wire/@v/v0.7.0.mod: 200 OK (0.001s)",
        "# get https://proxy.example/github.com/google/wire/@v/v0.7.0.zip",
        "# get https://proxy.example/github.com/google/wire/@v/v0.7.0.zip: 200 OK (0.002s)",
    ]
    monkeypatch.setattr(golang, "run", lambda *_, on_line, **__: [on_line(line) for line in said])
    heard = Heard()

    GoRecipe("tiny", tiny).fetch(workshop, heard)

    assert heard.updates == [(0.0, "downloading modules"), (1.0, "downloading github.com/google/wire")]


def test_progress_stays_in_its_share_and_never_passes_the_end() -> None:
    heard = Heard()
    progress = LineProgress(heard, 2, "compiling", share=(0.5, 1.0), end=0.9)

    for note in ("a", "b", "c"):
        progress.step(note)

    assert [fraction for fraction, _ in heard.updates] == pytest.approx([0.725, 0.95, 0.95])
    assert heard.updates[0][1] == "compiling a"
