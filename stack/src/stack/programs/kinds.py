"""From the kind of a service in the compose file to its recipe and to how its program is started."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from stack.paths import cache_folder
from stack.programs import NativeService, Program, debian, grafana, kafka, postgres
from stack.programs.builder import Builder
from stack.programs.golang import GoRecipe
from stack.programs.grafana import GrafanaRecipe
from stack.programs.kafka import JarsRecipe
from stack.programs.recipe import Recipe, Workshop
from stack.programs.run import BuildError
from stack.progress import Reporter
from stack.space import require_free

COMPOSE = Path("stack/native/compose")
COLLECTOR_SOURCES = "distribution"
_QUICKEST_FIRST = (JarsRecipe, GoRecipe, GrafanaRecipe)
"""Grafana last: its downloads take longest, and they go on while the others are compiled."""


def programs_of(services: Sequence[NativeService], report: Reporter) -> dict[str, Program]:
    """Return every service's program; see `stack.programs.Ensure`."""
    workshop = Workshop(cache_folder())
    builder = Builder(workshop, report)
    recipes = {service.name: recipe for service in services if (recipe := recipe_of(service))}
    absent = builder.absent(in_order(recipes.values()))
    if services:
        needed = {tool for one in absent for tool in one.tools}
        needed.update(tool for service in services for tool in _run_time_tools(service))
        log = workshop.logs / "apt-get.log"
        debian.require_programs(services[0].root, needed, log=log, say=report.line)
    if absent:
        require_free(workshop.cache, what_for="building programs")
    builder.make(absent)
    return {
        service.name: _program(
            service, builder.place(recipes[service.name]) if service.name in recipes else None
        )
        for service in services
    }


def verify_programs(services: Sequence[NativeService], report: Reporter) -> list[str]:
    """Check every cached file; see `stack.programs.verify`."""
    builder = Builder(Workshop(cache_folder()), report)
    broken = builder.absent(in_order(filter(None, map(recipe_of, services))), thoroughly=True)
    builder.forget(broken)
    return [one.name for one in broken]


def compose_program(root: Path, report: Reporter) -> Path:
    """Return the real `docker-compose` program, built when it is not there: it judges the compose file.

    Raises BuildError when it cannot be built.
    """
    recipe = GoRecipe("docker-compose", root / COMPOSE)
    builder = Builder(Workshop(cache_folder()), report)
    builder.make([recipe])
    return builder.place(recipe) / "bin" / recipe.name


def recipe_of(service: NativeService) -> Recipe | None:
    """Return how a service's program is built; None where nothing is to be built."""
    folder = service.root / service.source
    match service.kind:
        case "go" if (folder / grafana.PIN).exists():
            return GrafanaRecipe(folder)
        case "go":
            return GoRecipe(folder.name, folder)
        case "ocb":
            return GoRecipe("pitboss-collector", folder / COLLECTOR_SOURCES)
        case "jars":
            return JarsRecipe(folder.name, folder)
        case "wheel" | "debian" | "python":
            return None


def in_order(recipes: Iterable[Recipe]) -> list[Recipe]:
    """Return different recipes in the order in which they are built."""
    different = {(one.name, one.key()): one for one in recipes}
    return sorted(different.values(), key=lambda one: _QUICKEST_FIRST.index(type(one)))


def _run_time_tools(service: NativeService) -> tuple[str, ...]:
    if service.kind == "debian":
        return ("redis-server", "redis-cli") if service.source == "redis-server" else (service.source,)
    return ("setpriv",) if service.kind == "wheel" else ()


def _program(service: NativeService, place: Path | None) -> Program:
    binaries = Path(sys.executable).parent
    match service.kind:
        case "go" | "ocb" | "jars":
            if place is None:
                raise BuildError(f"{service.name} has no recipe", advice="report it")
            return _built(service, place)
        case "wheel" if service.source == postgres.WHEEL:
            return postgres.program(service)
        case "wheel":
            raise BuildError(f"{service.name}: nothing is known of the wheel {service.source}")
        case "debian":
            return Program()
        case "python":
            return Program(path=(binaries,))


def _built(service: NativeService, place: Path) -> Program:
    if service.kind == "jars":
        return kafka.program(service, place)
    if (service.root / service.source / grafana.PIN).exists():
        return grafana.program(service, place)
    name = "pitboss-collector" if service.kind == "ocb" else Path(service.source).name
    return Program(command=(str(place / "bin" / name),), path=(place / "bin",))
