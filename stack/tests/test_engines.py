"""Which engine runs the stack, with a stand-in for the `docker` command that notes what it is asked."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest
from tiny_stack import Checkout

from stack.errors import StackError
from stack.project import git_version
from stack.space import require_free


def _docker(checkout: Checkout, body: str) -> Path:
    folder = checkout.root / "bin"
    folder.mkdir()
    notes = checkout.root / "notes"
    program = folder / "docker"
    program.write_text(f'#!/bin/sh\necho "$@" >> {notes}\n{body}\n')
    program.chmod(0o755)
    checkout.variables["PATH"] = f"{folder}:{checkout.environment()['PATH']}"
    checkout.edit("    stop_grace_period: 5s", "    stop_grace_period: 5s\n    image: tiny:1")
    return notes


@pytest.mark.server
def test_auto_is_native_where_no_daemon_answers(checkout: Checkout) -> None:
    _docker(checkout, "exit 1")

    result = checkout.run("up", "-d")

    assert result.returncode == 0, result.stderr
    assert "native engine: no docker daemon answers" in result.stdout


@pytest.mark.server
def test_auto_is_native_where_no_image_can_be_pulled(checkout: Checkout) -> None:
    _docker(checkout, 'case "$1" in image|manifest) exit 1;; esac')

    result = checkout.run("up", "-d")

    assert "native engine: tiny:1 is not here and cannot be pulled" in result.stdout


@pytest.mark.server
def test_auto_uses_containers_where_images_can_be_had(checkout: Checkout) -> None:
    notes = _docker(checkout, "exit 0")

    up = checkout.run("up", "-d", "--profile", "more")
    down = checkout.run("down")

    asked = notes.read_text()
    assert (up.returncode, down.returncode) == (0, 0), up.stderr + down.stderr
    assert "--profile more up --build --detach --wait" in asked
    assert "--profile * down" in asked
    assert checkout.processes() == []


@pytest.mark.server
def test_docker_is_an_error_where_it_cannot_be(checkout: Checkout) -> None:
    _docker(checkout, "exit 1")

    result = checkout.run("up", "-d", "--engine", "docker")

    assert result.returncode == 1
    assert "no docker daemon answers" in result.stderr
    assert "--engine native" in result.stderr


@pytest.mark.server
def test_compose_that_fails_is_an_error(checkout: Checkout) -> None:
    _docker(checkout, 'case "$*" in *up*) exit 17;; esac')

    result = checkout.run("up", "-d", "--engine", "docker")

    assert result.returncode == 1
    assert "failed with exit code 17" in result.stderr


def test_a_full_disk_is_said_before_anything_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10, 9, 1))

    with pytest.raises(StackError, match="the disk is full"):
        require_free(tmp_path / "not" / "yet" / "there")


def test_version_is_unknown_outside_of_git(tmp_path: Path) -> None:
    assert git_version(tmp_path) == "unknown"
