"""Grafana's pages are built from fewer packages, all of them pinned."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from programs_support import Heard

from stack.programs import NativeService, grafana, yarn
from stack.programs.grafana import GrafanaRecipe, Pin
from stack.programs.recipe import Workshop
from stack.programs.run import BuildError, ChecksumError
from stack.programs.yarn import Yarn, add_to_lock, reduce_packages

RECIPE = Path(__file__).parents[1] / "native" / "grafana"

LOCK = """# comment

__metadata:
  version: 6

"a@npm:^1.0.0":
  version: 1.0.1
  resolution: "a@npm:1.0.1"
  checksum: 00

"xlsx@https://cdn.example/xlsx-0.19.1.tgz":
  version: 0.19.1
  resolution: "xlsx@https://cdn.example/xlsx-0.19.1.tgz"
  checksum: 01
"""
ADDED = """"xlsx@npm:0.18.5":
  version: 0.18.5
  resolution: "xlsx@npm:0.18.5"
  checksum: 02
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "packages" / "ui").mkdir(parents=True)
    content = {"name": "ui", "dependencies": {"a": "1"}, "devDependencies": {"jest": "1"}}
    (tmp_path / "packages" / "ui" / "package.json").write_text(json.dumps(content))
    root = {"dependencies": {"xlsx": "tarball"}, "devDependencies": {"webpack": "5", "jest": "29"}}
    (tmp_path / "package.json").write_text(json.dumps(root))
    (tmp_path / "yarn.lock").write_text(LOCK)
    return tmp_path


def test_only_what_the_build_needs_is_installed(tree: Path) -> None:
    reduce_packages(tree, keep=["webpack"], replaced={"xlsx": "0.18.5"})

    root = json.loads((tree / "package.json").read_text())
    assert root == {"dependencies": {"xlsx": "0.18.5"}, "devDependencies": {"webpack": "5"}}
    assert "devDependencies" not in json.loads((tree / "packages/ui/package.json").read_text())


def test_a_package_that_is_gone_upstream_is_named(tree: Path) -> None:
    with pytest.raises(BuildError, match="rollup"):
        reduce_packages(tree, keep=["webpack", "rollup"], replaced={})


def test_what_is_outside_the_registry_is_replaced_in_the_lock(tree: Path) -> None:
    add_to_lock(tree / "yarn.lock", ADDED)

    lock = (tree / "yarn.lock").read_text()
    assert "https://" not in lock
    assert 'resolution: "xlsx@npm:0.18.5"' in lock
    assert 'resolution: "a@npm:1.0.1"' in lock


def test_another_lock_than_the_pinned_one_is_an_error(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Yarn, "run", lambda *_, **__: None)

    with pytest.raises(ChecksumError, match="npm packages are not the pinned ones"):
        Yarn(tree, Workshop(tree / "cache")).install(Heard(), (0.0, 1.0), "00" * 32)


def test_downloads_are_counted(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pretend(self: Yarn, *arguments: str, on_line=None) -> None:
        if on_line:
            on_line("➤ YN0013: │ a@npm:1.0.1 can't be found and will be fetched from the remote registry")
            on_line("➤ YN0000: ┌ Link step")

    monkeypatch.setattr(Yarn, "run", pretend)
    heard = Heard()

    Yarn(tree, Workshop(tree / "cache")).install(heard, (0.0, 1.0), yarn.sha256(tree / "yarn.lock"))

    assert heard.updates == [(0.5, "downloading npm packages"), (0.9, "laying out npm packages")]


@pytest.mark.parametrize("file", ["grafana.toml", "yarn.add", "wire/go.sum"])
def test_the_key_changes_with_every_pin(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "grafana"
    shutil.copytree(RECIPE, folder)
    before = GrafanaRecipe(folder).key()
    with (folder / file).open("a") as stream:
        stream.write("\n")

    assert GrafanaRecipe(folder).key() != before


def test_another_module_than_the_pinned_one_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = json.dumps({"Sum": "h1:other", "Dir": str(tmp_path)})
    monkeypatch.setattr(grafana, "capture", lambda *_, **__: answer)

    with pytest.raises(ChecksumError, match="is not what is pinned"):
        GrafanaRecipe(RECIPE).fetch(Workshop(tmp_path / "cache"), Heard())


def test_the_committed_pin_is_complete() -> None:
    pin = Pin.read(RECIPE)

    assert pin.sum.startswith("h1:")
    assert len(pin.lock_sha256) == 64
    assert "webpack" in pin.build_packages
    assert "checksum: " in (RECIPE / "yarn.add").read_text()


def test_grafana_listens_only_where_it_is_told(tmp_path: Path) -> None:
    service = NativeService(
        name="grafana",
        kind="go",
        source="stack/native/grafana",
        root=tmp_path,
        command=(),
        environment={"GF_PATHS_DATA": "/state/grafana"},
        volumes={},
        ports={3000: 3000},
    )

    program = grafana.program(service, tmp_path / "grafana-1")

    assert program.variables["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert program.variables["GF_PATHS_PLUGINS"] == "/state/grafana/plugins"
    assert program.command[1:] == ("server", "--homepath", str(tmp_path / "grafana-1"))
