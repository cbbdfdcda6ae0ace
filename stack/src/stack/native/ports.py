"""Are the ports free that services want, and if not, who has them?"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from stack.errors import StackError
from stack.project import Project


@dataclass(frozen=True)
class Taken:
    """A port that a service wants and another program has."""

    service: str
    host: str
    port: int
    holder: str


def require_free_ports(project: Project, names: Iterable[str]) -> None:
    """Raise StackError that names every port in use, the service that wants it and who has it."""
    taken = [
        Taken(name, port.host, port.published, _holder(port.published))
        for name in names
        for port in project.compose.services[name].ports
        if not _is_free(port.host, port.published)
    ]
    if taken:
        raise StackError(
            "\n".join(
                f"port {each.port} on {each.host}, wanted by {each.service}, is in use" for each in taken
            ),
            cause="\n".join(
                f"{holder} has {', '.join(str(each.port) for each in taken if each.holder == holder)}"
                for holder in dict.fromkeys(each.holder for each in taken)
            ),
            advice="stop that program, or run `stack down` if it is an earlier stack of another checkout",
        )


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(1)
        except PermissionError:
            return True  # its service will say so itself
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise StackError(
                    f"{host} is no address of this machine", advice="set BIND to one, such as 127.0.0.1"
                ) from None
            return False
    return True


def _holder(port: int) -> str:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        connections = []
    for connection in connections:
        is_it = connection.laddr and connection.laddr.port == port
        if not is_it or connection.status != psutil.CONN_LISTEN or connection.pid is None:
            continue
        try:
            process = psutil.Process(connection.pid)
            return f"pid {process.pid}, {process.name()}: {' '.join(process.cmdline())[:160]}"
        except psutil.Error:
            return f"pid {connection.pid}"
    return "a program of another user (see `ss -ltnp` as root)"
