"""The small static program that health checks run where an image has no shell."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock

from stack.errors import StackError
from stack.paths import cache_folder
from stack.programs.run import full_disk, says_full_disk
from stack.progress import Reporter
from stack.project import Project

SOURCES = Path(__file__).parents[2] / "probe"
BUILD_SECONDS = 20
_FLAGS = ("-trimpath", "-gcflags=all=-dwarf=false", "-ldflags=-s -w")
_TAIL = 20


def probe_file(project: Project) -> Path:
    """Return where the compose file mounts the probe from."""
    return project.state / "bin" / "probe"


def ensure_probe(project: Project, report: Reporter, names: Sequence[str] | None = None) -> None:
    """Build the probe, if one of the services (all when not given) mounts it and it is not there yet.

    Raises StackError with the compiler's output when it cannot be built.
    """
    target = probe_file(project)
    mounts = {
        Path(mount.source).absolute()
        for name, service in project.compose.services.items()
        if names is None or name in names
        for mount in service.volumes
    }
    if target not in mounts:
        return
    built = cache_folder() / "probe" / _fingerprint() / "probe"
    if not built.exists():
        with report.task("health probe", BUILD_SECONDS):
            _build(built)
    if not (target.exists() and target.samefile(built)):
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"probe.{os.getpid()}")
        shutil.copy2(built, draft)
        draft.replace(target)


def _build(built: Path) -> None:
    cache = cache_folder()
    built.parent.mkdir(parents=True, exist_ok=True)
    variables = {
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        "GOGC": "800",
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOMODCACHE": str(cache / "go/mod"),
        "GOCACHE": str(cache / "go/build"),
    }
    draft = built.with_name(f"draft.{os.getpid()}")
    with FileLock(built.parent.parent / "lock"):
        result = subprocess.run(
            [str(Path(sys.executable).parent / "go"), "build", *_FLAGS, "-o", str(draft), "."],
            cwd=SOURCES,
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            if says_full_disk(result.stderr.splitlines()):
                raise full_disk(cache)
            raise StackError(
                "the health probe cannot be built",
                cause=f"go build ended with exit code {result.returncode}",
                tail=(result.stderr or result.stdout).splitlines()[-_TAIL:],
                advice="run `make setup`, which installs Go",
            )
        draft.replace(built)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for file in sorted(SOURCES.glob("*.*")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
