"""What the system must have is asked for by name, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.programs import debian
from stack.programs.debian import Requirement, missing, read_list, require
from stack.programs.grafana import GrafanaRecipe
from stack.programs.kafka import JarsRecipe
from stack.programs.run import BuildError

ROOT = Path(__file__).parents[2]
MAVEN = Requirement("maven", "mvn", "downloads Kafka's jars")
REDIS = Requirement("redis-server", "redis-server", "pushes")
SHELL = Requirement("dash", "sh", "runs scripts")


def test_a_user_without_rights_hears_all_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BuildError) as raised:
        require([MAVEN, SHELL, REDIS], log=tmp_path / "log", is_root=False, find={"sh": "/bin/sh"}.get)

    message = str(raised.value)
    assert "2 system packages are missing: maven redis-server" in message
    assert "downloads Kafka's jars" in message
    assert "sudo apt-get install --no-install-recommends maven redis-server" in message
    assert "dash" not in message


def test_root_gets_them_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"sh": "/bin/sh", "apt-get": "/usr/bin/apt-get"}
    monkeypatch.setattr(debian, "install", lambda _, __: there.update(mvn="/usr/bin/mvn"))
    said: list[str] = []

    require([MAVEN, SHELL], log=tmp_path / "log", is_root=True, find=there.get, say=said.append)

    assert said == ["installing Debian packages: maven"]


def test_root_on_another_system_hears_the_names(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="1 system package is missing: maven"):
        require([MAVEN], log=tmp_path / "log", is_root=True, find=lambda _: None)


def test_a_program_from_elsewhere_counts() -> None:
    assert missing([MAVEN], {"mvn": "/opt/maven/bin/mvn"}.get) == []


def test_a_program_without_its_file_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "debian.txt").write_text(f"libc6-dev cc:{tmp_path}/stdio.h headers")
    listed = read_list(tmp_path / "debian.txt")

    assert missing(listed, {"cc": "/usr/bin/cc"}.get) == listed
    (tmp_path / "stdio.h").touch()
    assert missing(listed, {"cc": "/usr/bin/cc"}.get) == []


def test_every_tool_that_a_recipe_needs_is_listed() -> None:
    listed = {one.program for one in read_list(ROOT / debian.LIST)}
    folder = ROOT / "stack/native"

    needed = {*GrafanaRecipe(folder / "grafana").tools, *JarsRecipe("kafka", folder / "kafka").tools}

    assert needed | {"redis-server", "redis-cli", "setpriv", "chromium", "git"} <= listed


def test_a_tool_that_is_not_listed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no Debian package is listed for fortran"):
        debian.require_programs(ROOT, ["fortran"], log=tmp_path / "log", say=lambda _: None)
