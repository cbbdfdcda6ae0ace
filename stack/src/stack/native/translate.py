"""From a container's view to this machine's: paths, host names, ports and listen addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.compose.model import ComposeFile, Mount, Service
from stack.errors import StackError
from stack.programs import NativeService
from stack.project import Project

LOOPBACK = "127.0.0.1"
ANY = "0.0.0.0"  # noqa: S104 - what the file says; it becomes the project's bind address
_END = r"(?=$|[/,;?#\s\"'])"


def reachable(host: str) -> str:
    """Return the address at which something that listens on `host` is reached from here."""
    return LOOPBACK if host in (ANY, "::", "*") else host


@dataclass(frozen=True)
class Translation:
    """Translates the strings of one service. Built once per service."""

    service: str
    paths: Mapping[str, Path]
    own: Mapping[int, int]
    """Port in the container -> published port, of this service."""
    others: Mapping[str, Mapping[int, int]]
    """The same of every service, by name."""
    bind: str

    def text(self, value: str) -> str:
        """Translate paths, `service:port`, and listen or loopback addresses with this service's own ports."""
        return self._addresses(self._hosts(self._paths(value)))

    def arguments(self, values: tuple[str, ...]) -> tuple[str, ...]:
        """Translate a command; an argument that is just one of the service's own ports is one, too."""
        return tuple(
            str(self.own[int(value)]) if value.isdigit() and int(value) in self.own else self.text(value)
            for value in values
        )

    def _paths(self, value: str) -> str:
        if not self.paths:
            return value
        longest_first = sorted(self.paths, key=len, reverse=True)
        pattern = rf"(?<![\w./-])({'|'.join(map(re.escape, longest_first))})(?![\w.-])"
        return re.sub(pattern, lambda match: str(self.paths[match[1]]), value)

    def _hosts(self, value: str) -> str:
        names = "|".join(sorted(map(re.escape, self.others), key=len, reverse=True))

        def address(match: re.Match[str]) -> str:
            name, port = match[1], int(match[2])
            published = self.others[name].get(port)
            if published is None:
                raise StackError(
                    f"{self.service} uses {name}:{port}, a port that {name} does not publish",
                    advice=f"publish it: services.{name}.ports in the compose file",
                )
            return f"{reachable(self.bind)}:{published}"

        return re.sub(rf"(?<![\w.-])({names}):(\d+){_END}", address, value)

    def _addresses(self, value: str) -> str:
        def address(match: re.Match[str]) -> str:
            host = self.bind if match[1] == ANY else reachable(self.bind)
            if match[2] is None:
                return host if match[1] == ANY else match[0]
            port = int(match[2])
            published = self.own.get(port)
            return match[0] if published is None and match[1] != ANY else f"{host}:{published or port}"

        return re.sub(rf"(?<![\w.-])(0\.0\.0\.0|127\.0\.0\.1|localhost)(?::(\d+))?{_END}", address, value)


def translation(project: Project, name: str) -> Translation:
    """Return what translates the strings of service `name`."""
    service = project.compose.services[name]
    return Translation(
        service=name,
        paths={mount.target.rstrip("/"): _place(project, mount) for mount in service.volumes},
        own=_ports(service),
        others=_all_ports(project.compose),
        bind=project.bind,
    )


def native_service(project: Project, name: str) -> NativeService:
    """Return service `name` as it runs on this machine. Raises StackError where that cannot be."""
    service = project.compose.services[name]
    if service.native is None:
        raise StackError(
            f"{name} cannot run natively",
            cause="it has no x-native key",
            advice="say how its program is had, or use a container engine: --engine docker",
        )
    translate = translation(project, name)
    command = service.command if service.native.command is None else service.native.command
    environment = {**service.environment, **service.native.environment}
    return NativeService(
        name=name,
        kind=service.native.kind,
        source=service.native.source,
        root=project.root,
        command=translate.arguments(command),
        environment={key: translate.text(value) for key, value in environment.items()},
        volumes=translate.paths,
        ports=translate.own,
        bind=project.bind,
    )


def require_binds(project: Project, names: Iterable[str]) -> None:
    """Raise StackError when a file or folder that a service mounts is not there."""
    for name in names:
        for mount in project.compose.services[name].volumes:
            place = _place(project, mount)
            if not mount.is_named and not place.exists():
                raise StackError(f"{name} mounts {place}, which does not exist", advice="restore or build it")


def _place(project: Project, mount: Mount) -> Path:
    if mount.is_named:
        return project.volumes / mount.source
    path = Path(mount.source).expanduser()
    return path if path.is_absolute() else Path(f"{project.root}/{path}").absolute()


def _ports(service: Service) -> dict[int, int]:
    return {port.container: port.published for port in service.ports}


def _all_ports(compose: ComposeFile) -> dict[str, dict[int, int]]:
    return {name: _ports(service) for name, service in compose.services.items()}
