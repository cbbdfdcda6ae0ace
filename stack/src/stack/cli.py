"""The command line."""

from __future__ import annotations

import dataclasses
import errno
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from stack import dotenv
from stack.compose import secret_names
from stack.docker import DockerEngine
from stack.engines import Engine, choose_engine, engine_in_use
from stack.errors import StackError
from stack.interrupt import Interrupted, interruption_behind, listen
from stack.native import logs as native_logs
from stack.native.services import verify_cache
from stack.native.state import read_stack
from stack.native.status import status as native_status
from stack.paths import cache_folder
from stack.probe import ensure_probe
from stack.programs.debian import require_programs
from stack.programs.kinds import compose_program
from stack.progress import ConsoleReporter
from stack.project import Project, find_compose_file, git_version, open_project
from stack.tables import status_table, summary_lines

COMPOSE_PROGRAM = "compose"
CLICK_INTERRUPTED = 130
"""What the command line library makes of every KeyboardInterrupt."""

app = typer.Typer(
    help="Runs docker-compose.yml: in containers, or natively where there is no container engine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = Console()
err = Console(stderr=True)


class EngineName(StrEnum):
    """How to run the services."""

    auto = "auto"
    docker = "docker"
    native = "native"


Services = Annotated[
    list[str] | None,
    typer.Argument(help="Services of the compose file; all when none is named.", metavar="SERVICE"),
]
Named = Annotated[list[str], typer.Argument(help="Services of the compose file.", metavar="SERVICE")]
EngineOption = Annotated[
    EngineName,
    typer.Option(help="auto: containers if an engine is there that has or can pull the images, else native."),
]
Profiles = Annotated[list[str] | None, typer.Option("--profile", help="Also start services of this profile.")]


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        out.print(f"stack {git_version(Path(__file__).parent)}", highlight=False)
        raise typer.Exit


@app.callback()
def settings(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - answered before anything else
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="The compose file; else the nearest one above this folder."),
    ] = None,
) -> None:
    """Run docker-compose.yml: in containers, or natively where there is no container engine."""
    context.obj = file


@app.command()
def init(context: typer.Context) -> None:
    """Write .env (mode 0600) with a random secret for each one that the compose file requires.

    Values that are there already are kept. Also builds the health probe that the file mounts, so that a plain
    `docker compose up` works after this.
    """
    _init(_compose_file(context))
    ensure_probe(_project(context), _reporter())


@app.command()
def up(
    context: typer.Context,
    services: Services = None,
    profile: Profiles = None,
    engine: EngineOption = EngineName.auto,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when all is healthy; `stack down` stops it.")
    ] = False,
) -> None:
    """Start services and what they depend on, wait until all are healthy, stay until Ctrl-C."""
    project = _project(context)
    chosen = _choose(project, engine)
    if detach:
        chosen.up(services or [], profile or [], detach=True)
        _print_summary(project)
        return
    with _foreground(chosen):
        chosen.up(services or [], profile or [], detach=False)
        _print_summary(project)
        out.print("Ctrl-C stops everything.")
        chosen.supervise()


@app.command()
def down(context: typer.Context) -> None:
    """Stop everything in reverse order, and whatever an earlier run left behind. Data is kept."""
    if not _engine(context).down():
        out.print("nothing was running")


@app.command()
def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: bytes and seconds.")] = False,
) -> None:
    """Show state, process, health, memory and start time of each service and of the stack."""
    project = _project(context, needs_secrets=False)
    engine = engine_in_use(project, _reporter())
    if isinstance(engine, DockerEngine):
        engine.status(as_json=as_json)
        return
    found = native_status(project)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found), indent=2))
        return
    out.print(status_table(found))
    for line in summary_lines(found):
        out.print(line, highlight=False)


@app.command()
def logs(
    context: typer.Context,
    services: Services = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written from now.")
    ] = False,
    tail: Annotated[int, typer.Option(help="Lines of the past per service.", min=0)] = 100,
) -> None:
    """Show what services wrote."""
    project = _project(context, needs_secrets=False)
    engine = engine_in_use(project, _reporter())
    engine.require_known(services or [])
    if isinstance(engine, DockerEngine):
        engine.logs(services or [], follow=follow, tail=tail)
        return
    native_logs.show(project, services or [], out, follow=follow, tail=tail)


@app.command()
def restart(context: typer.Context, services: Named) -> None:
    """Stop services, start them again and wait until they are healthy; others stay as they are."""
    _engine(context, needs_secrets=True).restart(services)


@app.command()
def start(context: typer.Context, services: Named) -> None:
    """Start just these services and wait until they are healthy."""
    _engine(context, needs_secrets=True).start(services)


@app.command()
def stop(context: typer.Context, services: Named) -> None:
    """Stop just these services, with their grace period."""
    _engine(context).stop(services)


@app.command()
def kill(context: typer.Context, services: Named) -> None:
    """Kill services with SIGKILL, with all their processes: for drills and tests."""
    count = _engine(context).kill(services)
    out.print(f"killed {count} processes" if count else "nothing was running")


@app.command()
def reset(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop everything and delete all data (volumes). Secrets and built programs stay."""
    engine = _engine(context)
    if not yes and not typer.confirm("Delete all data of this stack?"):
        raise typer.Exit(1)
    engine.reset()


@app.command()
def build(
    context: typer.Context,
    programs: Annotated[
        list[str] | None,
        typer.Argument(help="Services whose programs to build (all when none is named), or `compose`."),
    ] = None,
    engine: EngineOption = EngineName.native,
    verify: Annotated[
        bool, typer.Option("--verify", help="First compare every cached file with its SHA-256.")
    ] = False,
    print_path: Annotated[
        bool, typer.Option("--print-path", help="Print where the compose program is.")
    ] = False,
) -> None:
    """Find, fetch or build the programs of services and cache them. Resumes where it was interrupted.

    `compose` is the real compose program, which tests judge docker-compose.yml with.
    """
    project = _project(context, needs_secrets=engine is not EngineName.native)
    services = [name for name in programs or [] if name != COMPOSE_PROGRAM]
    if verify:
        for name in verify_cache(project, services, _reporter()):
            out.print(f"{name}: its files are not as they were built, it is built again")
    if services or not programs:
        _choose(project, engine).build(services)
    if COMPOSE_PROGRAM in (programs or []):
        path = compose_program(project.root, _reporter())
        if print_path:
            print(path)  # noqa: T201 - for programs, unwrapped
            return
    out.print("all programs are there")


@app.command(hidden=True)
def require(
    context: typer.Context, programs: Annotated[list[str], typer.Argument(metavar="PROGRAM")]
) -> None:
    """Make sure that programs are there: root gets their packages installed, others hear their names."""
    root = _compose_file(context).parent
    require_programs(root, programs, log=cache_folder() / "logs" / "apt-get.log", say=out.print)


@app.command()
def demo(
    context: typer.Context,
    engine: EngineOption = EngineName.auto,
    grafana_user: Annotated[str, typer.Option(hidden=True)] = "admin",
) -> None:
    """Start everything with players, wait for the first bet's trace, say where to look. Ctrl-C stops all."""
    from stack.demo import announce, wait_for_trace  # noqa: PLC0415 - only this command speaks HTTP

    file = _compose_file(context)
    _init(file)
    project = open_project(file)
    chosen = _choose(project, engine)
    with _foreground(chosen):
        chosen.up([], ["players"], detach=False)
        trace = wait_for_trace(project, _reporter())
        for line in announce(project, trace, grafana_user):
            out.print(line, highlight=False, soft_wrap=True)
        _print_summary(project)
        out.print("Ctrl-C stops everything.")
        chosen.supervise()


def main() -> NoReturn:
    """Run the command line; every error is one message on stderr and an exit code other than 0."""
    listen()
    try:
        app()
        sys.exit(0)
    except StackError as error:
        _fail(str(error))
    except SystemExit as ending:
        if ending.code == CLICK_INTERRUPTED and (interruption := interruption_behind(ending)):
            err.print("interrupted", style="yellow")
            sys.exit(interruption.exit_code)
        raise
    except OSError as error:
        if error.errno == errno.ENOSPC:
            _fail(
                f"the disk is full: {error.filename or error}\nwhat to do: free some space and run this again"
            )
        raise


def _fail(message: str) -> NoReturn:
    first, _, rest = message.partition("\n")
    err.print("error: ", style="bold red", end="")
    err.print(first, highlight=False, markup=False, soft_wrap=True)
    if rest:
        err.print(rest, highlight=False, markup=False, soft_wrap=True)
    sys.exit(1)


def _compose_file(context: typer.Context) -> Path:
    return find_compose_file(context.obj)


def _project(context: typer.Context, *, needs_secrets: bool = True) -> Project:
    return open_project(_compose_file(context), needs_secrets=needs_secrets)


def _reporter() -> ConsoleReporter:
    return ConsoleReporter(out)


def _engine(context: typer.Context, *, needs_secrets: bool = False) -> Engine:
    return engine_in_use(_project(context, needs_secrets=needs_secrets), _reporter())


def _choose(project: Project, name: EngineName) -> Engine:
    return choose_engine(project, _reporter(), name.value)


def _init(file: Path) -> None:
    target = file.parent / ".env"
    added = dotenv.write_secrets(target, secret_names(file))
    out.print(f"{target}: {len(added)} secrets added" if added else f"{target}: complete", highlight=False)


@contextmanager
def _foreground(engine: Engine) -> Iterator[None]:
    """Stop everything when this command ends, however it ends; Ctrl-C when all is up is success."""
    try:
        yield
    except Interrupted as interruption:
        was_up = engine.is_ours_and_up()
        out.print()
        engine.stop_all()
        if was_up and interruption.is_keyboard:
            raise typer.Exit(0) from None
        raise
    except BaseException:
        engine.stop_all()
        raise


def _print_summary(project: Project) -> None:
    record = read_stack(project)
    if record and record.healthy:
        out.print(f"all healthy after {record.healthy - record.started:.1f} s", highlight=False)
    if record and record.healthy and record.first_trace:
        out.print(
            f"first bet's trace found after {record.first_trace - record.started:.1f} s", highlight=False
        )
