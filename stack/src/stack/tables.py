"""How `stack status` looks."""

from __future__ import annotations

from rich.table import Table

from stack.native.status import ServiceStatus, StackStatus

_STYLES = {
    "healthy": "green",
    "starting": "yellow",
    "stopping": "yellow",
    "unhealthy": "red",
    "dead": "bold red",
}
_MEBIBYTE = 2**20


def status_table(status: StackStatus) -> Table:
    """Return the services as a table."""
    table = Table(box=None, pad_edge=False)
    for title in ("service", "state", "pid", "uptime", "start", "RSS", "limit", "ports"):
        table.add_column(title, justify="left" if title in ("service", "state", "ports") else "right")
    for service in status.services:
        table.add_row(*_cells(service))
    return table


def _cells(service: ServiceStatus) -> tuple[str, ...]:
    style = _STYLES.get(service.state, "dim")
    detail = f" ({service.detail})" if service.detail else ""
    is_over = service.mem_limit is not None and service.rss > service.mem_limit
    rss = _mebibytes(service.rss) if service.rss else ""
    return (
        service.name,
        f"[{style}]{service.state}[/]{detail.replace('[', chr(92) + '[')}",
        str(service.pid or ""),
        _time(service.uptime),
        f"{service.healthy_after:.1f} s" if service.healthy_after is not None else "",
        f"[red]{rss}[/]" if is_over else rss,
        _mebibytes(service.mem_limit) if service.mem_limit else "",
        " ".join(map(str, service.ports)),
    )


def summary_lines(status: StackStatus) -> list[str]:
    """Return the numbers of the whole stack."""
    pss = _mebibytes(status.pss)
    lines = [f"memory: {_mebibytes(status.rss)} resident, {pss} with shared memory counted once"]
    if status.healthy_after is not None:
        lines.append(f"start: all healthy after {status.healthy_after:.1f} s")
    if status.first_trace_after is not None:
        lines.append(f"start: first bet's trace found after {status.first_trace_after:.1f} s")
    if status.supervisor:
        lines.append(f"in the foreground of pid {status.supervisor}")
    return lines


def _mebibytes(size: int) -> str:
    return f"{size / _MEBIBYTE:.0f} MiB"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
