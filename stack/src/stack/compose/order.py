"""Which services a command is about, and in which order they start."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from stack.compose.model import ComposeFile, Service
from stack.errors import StackError


def select(compose: ComposeFile, names: Collection[str], profiles: Collection[str]) -> list[str]:
    """Return the services to start, dependencies first: the named ones, or all whose profile is on.

    Raises StackError for an unknown name or profile.
    """
    require_known(compose, names)
    known = {profile for service in compose.services.values() for profile in service.profiles}
    if unknown := sorted(set(profiles) - known):
        raise StackError(
            f"no profile {', '.join(unknown)}", advice=f"choose from: {', '.join(sorted(known)) or 'none'}"
        )
    wanted = list(names) or [
        name
        for name, service in compose.services.items()
        if not service.profiles or set(service.profiles) & set(profiles)
    ]
    if names and profiles:
        wanted += [n for n, service in compose.services.items() if set(service.profiles) & set(profiles)]
    closed: dict[str, None] = {}
    while wanted:
        name = wanted.pop()
        if name not in closed:
            closed[name] = None
            wanted += compose.services[name].depends_on
    return start_order(compose.services, closed)


def require_known(compose: ComposeFile, names: Iterable[str]) -> None:
    """Raise StackError when a name is no service of the file."""
    if unknown := sorted(set(names) - set(compose.services)):
        raise StackError(
            f"no service {', '.join(unknown)}", advice=f"choose from: {', '.join(sorted(compose.services))}"
        )


def start_order(services: Mapping[str, Service], names: Iterable[str]) -> list[str]:
    """Return `names` so that each comes after what it depends on; raises StackError for a circle."""
    names = list(names)
    graph = {name: [other for other in services[name].depends_on if other in names] for name in names}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as circle:
        raise StackError(
            "services wait for each other", cause=" -> ".join(circle.args[1]), advice="cut depends_on"
        ) from None
