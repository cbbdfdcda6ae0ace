"""Kafka: its jars from Maven artifacts, compared with a committed list, run by the pinned Java."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from stack.programs import NativeService, Program, toolchain
from stack.programs.recipe import Workshop, contents, digest
from stack.programs.run import BuildError, ChecksumError, run
from stack.programs.store import sha256
from stack.progress import Task

LIST = "jars.txt"
CONFIG = "/mnt/shared/config/server.properties"
"""Where the container image expects it; the engine says where that is here."""
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
HEAP = (
    "-Xms96m",
    "-Xmx224m",
    "-XX:+UseSerialGC",
    "-XX:MaxMetaspaceSize=112m",
    "-XX:ReservedCodeCacheSize=48m",
)
"""Measured: 216 MB resident after 20,000 events; Kafka's own default is a heap of 1 GB."""
_QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


@dataclass(frozen=True)
class Jar:
    """One line of the list."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        """Return its file's name."""
        return f"{self.artifact}-{self.version}.jar"


@dataclass(frozen=True)
class JarsRecipe:
    """Fetches the jars that `folder`'s list names into `lib/`."""

    name: str
    folder: Path
    tools: tuple[str, ...] = ("mvn",)

    def key(self) -> str:
        """Return what changes with the list; their content is checked, so nothing else matters."""
        return digest(contents(self.folder, (LIST,)))

    def fetch(self, workshop: Workshop, task: Task) -> None:
        """Download the jars with Maven, which knows the user's mirrors, and compare them with the list."""
        jars = read_list(self.folder / LIST)
        bench = workshop.bench(self.name, self.key())
        bench.mkdir(parents=True, exist_ok=True)
        (bench / "pom.xml").write_text(pom(jars))
        task.update(0.0, "downloading jars")
        lib = bench / "lib"
        shutil.rmtree(lib, ignore_errors=True)
        options = ["-B", "-ntp", f"-Dmaven.repo.local={workshop.cache / 'maven'}"]
        run(
            ["mvn", *options, f"{PLUGIN}:copy-dependencies", f"-DoutputDirectory={lib}"],
            what=f"downloading the jars of {self.name}",
            log=workshop.logs / f"{self.name}-fetch.log",
            folder=bench,
        )
        check(jars, lib)

    def build(self, workshop: Workshop, task: Task, into: Path) -> None:
        """Move the checked jars into place."""
        task.update(0.5, "checking jars")
        lib = workshop.bench(self.name, self.key()) / "lib"
        check(read_list(self.folder / LIST), lib)
        shutil.move(lib, into / "lib")


def read_list(file: Path) -> list[Jar]:
    """Read lines `group:artifact:version sha256`. Raises BuildError for anything else."""
    jars: list[Jar] = []
    for line in file.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        try:
            coordinates, checksum = line.split()
            group, artifact, version = coordinates.split(":")
        except ValueError:
            raise BuildError(f"{file}: {line!r} is not group:artifact:version sha256") from None
        jars.append(Jar(group, artifact, version, checksum))
    return jars


def check(jars: list[Jar], folder: Path) -> None:
    """Compare a folder of jars with the list. Raises ChecksumError when one is missing, more or another."""
    found = {file.name for file in folder.glob("*.jar")}
    if surprises := found ^ {jar.file for jar in jars}:
        raise ChecksumError(f"{folder}: not the listed jars", cause=f"missing or more: {sorted(surprises)}")
    for jar in jars:
        if (actual := sha256(folder / jar.file)) != jar.sha256:
            raise ChecksumError(
                f"{jar.file} is not what is pinned",
                cause=f"its SHA-256 is {actual}, the list says {jar.sha256}",
                advice="find out who changed it before anything of it runs",
            )


def pom(jars: list[Jar]) -> str:
    """Return a Maven project that has exactly these jars, and none that they ask for."""
    exclusion = (
        "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
    )
    dependencies = "".join(
        f"<dependency><groupId>{jar.group}</groupId><artifactId>{jar.artifact}</artifactId>"
        f"<version>{jar.version}</version>{exclusion}</dependency>\n"
        for jar in jars
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion>"
        "<groupId>pitboss.invalid</groupId><artifactId>jars</artifactId><version>1</version>"
        f"<packaging>pom</packaging><dependencies>\n{dependencies}</dependencies></project>\n"
    )


def program(service: NativeService, place: Path) -> Program:
    """Return how Kafka is started on the jars in `place`; its storage is formatted once."""
    if CONFIG not in service.volumes:
        raise BuildError(f"{service.name} mounts no {CONFIG}", advice="restore it in the compose file")
    config = str(service.volumes[CONFIG])
    classes = ("-cp", f"{place / 'lib'}/*")
    java = str(toolchain.java())
    storage = (java, *_QUICK_START, *_LOGGING, *classes, "kafka.tools.StorageTool", "format")
    prepare = (sys.executable, "-m", "stack.programs.format_kafka", *storage, "--config", config)
    return Program(
        command=(java, "-server", *HEAP, *_LOGGING, *classes, "kafka.Kafka", config),
        prepare=(prepare,),
    )
