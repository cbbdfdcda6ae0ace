"""A service with everything that is needed to run it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from stack.compose.model import Healthcheck, Service
from stack.compose.order import require_known
from stack.errors import StackError
from stack.native.processes import Launch, environment
from stack.native.state import Record
from stack.native.translate import native_service, translation
from stack.programs import Ensure, NativeService, Program, verify
from stack.progress import Reporter
from stack.project import Project

SHELL = "/bin/sh"


@dataclass(frozen=True)
class Runnable:
    """A service whose program is at hand."""

    name: str
    definition: Service
    program: Program
    launch: Launch
    prepare: tuple[Launch, ...]
    check: Launch | None
    volumes: tuple[Path, ...]
    """Folders of its named volumes."""

    @property
    def healthcheck(self) -> Healthcheck | None:
        """When and how often `check` runs."""
        return self.definition.healthcheck


def runnables(
    project: Project, names: Sequence[str], ensure: Ensure, report: Reporter
) -> dict[str, Runnable]:
    """Return `names` ready to run, their programs found or built. Raises StackError where one cannot be."""
    natives = [native_service(project, name) for name in names]
    programs = ensure(natives, report)
    return {native.name: _runnable(project, native, programs[native.name]) for native in natives}


def verify_cache(project: Project, names: Sequence[str], report: Reporter) -> list[str]:
    """Compare the cached programs of services (all when none is named) with their checksums; forget bad ones.

    Returns their names. Raises StackError for a name that is no service.
    """
    require_known(project.compose, names)
    return verify([native_service(project, name) for name in names or project.compose.services], report)


def _runnable(project: Project, native: NativeService, program: Program) -> Runnable:
    definition = project.compose.services[native.name]
    arguments = (*program.command, *native.command)
    if not arguments:
        raise StackError(
            f"{native.name} has no command",
            advice="give one: command, or x-native.command, in the compose file",
        )
    variables = environment(project, native.name, {**program.variables, **native.environment}, program.path)
    folder = program.folder or project.root

    def launch(command: tuple[str, ...], user: str | None = program.user) -> Launch:
        return Launch(command, variables, folder, user)

    own = definition.native.prepare if definition.native else ()
    translate = translation(project, native.name)
    return Runnable(
        name=native.name,
        definition=definition,
        program=program,
        launch=launch(arguments),
        prepare=tuple(map(launch, (*program.prepare, *map(translate.arguments, own)))),
        check=launch(_check_command(translate.arguments(definition.healthcheck.test)), None)
        if definition.healthcheck
        else None,
        volumes=tuple(project.volumes / mount.source for mount in definition.volumes if mount.is_named),
    )


def recorded_check(project: Project, record: Record) -> Launch | None:
    """Return the health check of a service as it was started, without looking for its program."""
    definition = project.compose.services[record.name]
    if definition.healthcheck is None:
        return None
    native = native_service(project, record.name)
    command = _check_command(translation(project, record.name).arguments(definition.healthcheck.test))
    own = {**record.variables, **native.environment}
    return Launch(command, environment(project, record.name, own, map(Path, record.path)), project.root)


def _check_command(test: tuple[str, ...]) -> tuple[str, ...]:
    return (SHELL, "-c", *test[1:]) if test[0] == "CMD-SHELL" else test[1:]
