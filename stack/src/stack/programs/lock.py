"""`python -m stack.programs.lock`: renew the committed pins of native programs for another version.

    python -m stack.programs.lock go tempo github.com/grafana/tempo@VERSION cmd/tempo
    python -m stack.programs.lock kafka VERSION
    python -m stack.programs.lock grafana           (after a change of grafana.toml)

Run from the checkout. What it writes is trusted on first use: look at the difference before committing it.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from stack.paths import cache_folder
from stack.programs import toolchain
from stack.programs.grafana import PIN, prepared_lock
from stack.programs.kafka import LIST, PLUGIN, Jar
from stack.programs.recipe import Workshop
from stack.programs.run import BuildError, capture, run
from stack.programs.store import sha256

NATIVE = Path("stack/native")
SLF4J = "1.7.36"
"""The version of slf4j-simple that fits Kafka's slf4j-api."""

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)


@app.command("go")
def lock_go(
    name: Annotated[str, typer.Argument(help="Folder below stack/native.")],
    module: Annotated[str, typer.Argument(help="Module path and version: path@version.")],
    package: Annotated[str, typer.Argument(help="Its main package, relative to the module.")],
) -> None:
    """Write go.mod and go.sum for one version of a program, by building it once."""
    folder = NATIVE / name
    folder.mkdir(parents=True, exist_ok=True)
    workshop = Workshop(cache_folder())
    variables = toolchain.go_variables(workshop, mode="mod")
    printed = capture(
        [toolchain.go(), "mod", "download", "-json", module], folder=folder, variables=variables
    )
    found = json.loads(printed)
    own = json.loads(
        capture([toolchain.go(), "mod", "edit", "-json", found["GoMod"]], folder=folder, variables=variables)
    )
    path, _, version = module.partition("@")
    (folder / "go.mod").write_text(go_mod(name, path, version, f"{path}/{package}", own))
    shutil.copyfile(Path(found["Dir"]) / "go.sum", folder / "go.sum")
    with tempfile.TemporaryDirectory() as place:
        run(
            [toolchain.go(), "build", *toolchain.GO_FLAGS, "-o", place, f"{path}/{package}"],
            what=f"building {name}",
            log=workshop.logs / f"{name}-lock.log",
            folder=folder,
            variables=variables,
            on_line=typer.echo,
        )


def go_mod(name: str, module: str, version: str, package: str, own: dict[str, Any]) -> str:
    """Return a go.mod that requires a module and repeats what holds in its own go.mod only for itself.

    Parameters: `own` is that go.mod as `go mod edit -json` prints it. Replacements by relative paths are
    left out: they lead into the module's repository.
    """
    lines = [f"module pitboss.invalid/native/{name}", "", f"go {own['Go']}", "", f"tool {package}", ""]
    lines += [f"require {module} {version}", ""]
    replacements = [
        "\t"
        + " ".join(filter(None, [old["Path"], old.get("Version"), "=>", new["Path"], new.get("Version")]))
        for old, new in ((one["Old"], one["New"]) for one in own.get("Replace") or [])
        if not new["Path"].startswith(".")
    ]
    exclusions = [f"\t{one['Path']} {one['Version']}" for one in own.get("Exclude") or []]
    for verb, entries in (("replace", replacements), ("exclude", exclusions)):
        if entries:
            lines += [f"{verb} (", *entries, ")", ""]
    return "\n".join(lines)


@app.command("kafka")
def lock_kafka(version: str) -> None:
    """Write the list of Kafka's jars with their SHA-256."""
    workshop = Workshop(cache_folder())
    with tempfile.TemporaryDirectory() as place:
        bench = Path(place)
        roots = [
            Jar("org.apache.kafka", "kafka_2.13", version, ""),
            Jar("org.slf4j", "slf4j-simple", SLF4J, ""),
        ]
        dependencies = "".join(
            f"<dependency><groupId>{one.group}</groupId><artifactId>{one.artifact}</artifactId>"
            f"<version>{one.version}</version></dependency>"
            for one in roots
        )
        (bench / "pom.xml").write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>pitboss.invalid</groupId>"
            "<artifactId>lock</artifactId><version>1</version><packaging>pom</packaging>"
            f"<dependencies>{dependencies}</dependencies></project>"
        )
        maven = ["mvn", "-B", "-ntp", f"-Dmaven.repo.local={workshop.cache / 'maven'}"]
        goals = [f"{PLUGIN}:list", f"-DoutputFile={bench / 'list'}", f"{PLUGIN}:copy-dependencies"]
        run(
            [*maven, *goals, f"-DoutputDirectory={bench / 'lib'}"],
            what="resolving Kafka's jars",
            log=workshop.logs / "kafka-lock.log",
            folder=bench,
        )
        found = re.findall(
            r"^\s+([\w.-]+):([\w.-]+):jar:([\w.-]+):", (bench / "list").read_text(), re.MULTILINE
        )
        lines = [
            f"{group}:{artifact}:{number} {sha256(bench / 'lib' / f'{artifact}-{number}.jar')}"
            for group, artifact, number in sorted(found)
        ]
    file = NATIVE / "kafka" / LIST
    header = [line for line in file.read_text().splitlines() if line.startswith("#")]
    file.write_text("\n".join([*header, *lines]) + "\n")


@app.command("grafana")
def lock_grafana() -> None:
    """Write the SHA-256 of the reduced yarn.lock into grafana.toml."""
    folder = NATIVE / "grafana"
    with tempfile.TemporaryDirectory() as place:
        lock = prepared_lock(folder, Workshop(cache_folder()), Path(place) / "source")
        digest = sha256(lock)
    pin = folder / PIN
    pin.write_text(re.sub(r'(?m)^lock_sha256 = ".*"$', f'lock_sha256 = "{digest}"', pin.read_text()))
    typer.echo(f"lock_sha256 = {digest}")


def main() -> None:
    """Run the command line; an error is one message."""
    try:
        app()
    except BuildError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
