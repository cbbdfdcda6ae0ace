"""Which engine runs the services."""

from __future__ import annotations

from stack.docker import DockerEngine
from stack.errors import StackError
from stack.native.engine import NativeEngine
from stack.native.state import read_stack
from stack.progress import Reporter
from stack.project import Project

Engine = NativeEngine | DockerEngine


def choose_engine(project: Project, report: Reporter, name: str) -> Engine:
    """Return the engine to start with: `native`, `docker`, or `auto`: containers where they can run.

    Raises StackError when `docker` was asked for and cannot be, or when the other engine runs this stack.
    """
    docker = DockerEngine(project, report)
    obstacle = "" if name == "native" else docker.obstacle()
    if name == "docker" and obstacle:
        raise StackError(
            "containers cannot be used here", cause=obstacle, advice="mend that, or use --engine native"
        )
    chosen = NativeEngine(project, report) if name == "native" or obstacle else docker
    running = read_stack(project)
    kind = "docker" if isinstance(chosen, DockerEngine) else "native"
    if running is not None and running.is_up and running.engine != kind:
        if name != "auto":
            raise StackError(
                f"this stack already runs with the {running.engine} engine", advice="`stack down` first"
            )
        return docker if running.engine == "docker" else NativeEngine(project, report)
    if name == "auto":
        report.line(f"native engine: {obstacle}" if obstacle else "container engine: docker")
    return chosen


def engine_in_use(project: Project, report: Reporter) -> Engine:
    """Return the engine that runs this stack, the native one when none does."""
    record = read_stack(project)
    is_docker = record is not None and record.engine == "docker"
    return DockerEngine(project, report) if is_docker else NativeEngine(project, report)
