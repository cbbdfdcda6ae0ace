"""The generated Go program: up to date, free of machine paths, and no larger than what the config uses."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

COLLECTOR = Path(__file__).parents[1]
DISTRIBUTION = COLLECTOR / "distribution"
KINDS = ("receivers", "processors", "connectors", "exporters", "extensions")
TYPE_OF_MODULE = {
    "otlpexporter": "otlp_grpc",
    "otlphttpexporter": "otlp_http",
    "healthcheckextension": "health_check",
}


def contents(folder: Path) -> dict[str, str]:
    """File name to text."""
    return {path.name: path.read_text() for path in sorted(folder.iterdir())}


def component_type(module: str) -> str:
    """`…/connector/spanmetricsconnector v1` -> `spanmetrics`."""
    name = module.split(maxsplit=1)[0].rsplit("/", 1)[1]
    short = re.sub(r"(receiver|processor|connector|exporter|extension)$", "", name)
    return TYPE_OF_MODULE.get(
        name, {"memorylimiter": "memory_limiter", "filestorage": "file_storage"}.get(short, short)
    )


@pytest.mark.timeout(600)
def test_generated_sources_are_up_to_date(tmp_path: Path) -> None:
    for name in ("manifest.yaml", "Makefile"):
        shutil.copy(COLLECTOR / name, tmp_path)
    shutil.copytree(COLLECTOR / "builder", tmp_path / "builder")
    path = f"{COLLECTOR.parent / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"

    done = subprocess.run(
        ["make", "generate"],
        cwd=tmp_path,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert contents(tmp_path / "distribution") == contents(DISTRIBUTION), "run make -C collector generate"


def test_sources_name_no_place_of_this_machine() -> None:
    for name, text in contents(DISTRIBUTION).items():
        assert str(COLLECTOR.parent) not in text, name
        assert str(Path.home()) not in text, name
    assert "replace" not in (DISTRIBUTION / "go.mod").read_text(), "a replace points at a folder"


def test_manifest_has_what_the_configs_use_and_nothing_else() -> None:
    manifest = yaml.safe_load((COLLECTOR / "manifest.yaml").read_text())
    built = {kind: {component_type(item["gomod"]) for item in manifest[kind]} for kind in KINDS}
    used: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for path in (COLLECTOR / "config").glob("*.yaml"):
        config = yaml.safe_load(path.read_text())
        for kind in KINDS:
            used[kind] |= {name.split("/")[0] for name in config.get(kind, {})}
    assert built == used
