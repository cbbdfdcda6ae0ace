"""Reading the compose file: variables, merge keys, order, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack import dotenv
from stack.compose import load, secret_names
from stack.compose.interpolate import Missing, UnsupportedSyntaxError, interpolate
from stack.compose.order import select
from stack.errors import StackError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("$NAME/x", "value/x"),
        ("${NONE}", ""),
        ("${NONE:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY-default}", ""),
        ("${NONE:-${NAME}}", "value"),
        ("${NAME:-default}", "value"),
        ("${NAME:?message}", "value"),
        ("${NAME:+given}", "given"),
        ("${NONE:+given}", ""),
        ("$$NAME costs $$5", "$NAME costs $5"),
        ("a:${NAME}@b:${NONE:-1}", "a:value@b:1"),
    ],
)
def test_interpolation_follows_the_compose_specification(text: str, expected: str) -> None:
    missing: list[Missing] = []

    assert interpolate(text, {"NAME": "value", "EMPTY": ""}, missing) == expected
    assert missing == []


def test_a_required_variable_that_is_absent_or_empty_is_missing() -> None:
    missing: list[Missing] = []

    interpolate("${ONE:?run make demo once} ${TWO:?run it} ${THREE?}", {"TWO": "", "THREE": ""}, missing)

    assert missing == [Missing("ONE", "run make demo once"), Missing("TWO", "run it")]


def test_a_lone_dollar_sign_is_refused() -> None:
    with pytest.raises(UnsupportedSyntaxError, match=r"write \$\$"):
        interpolate("costs 5 $", {}, [])


def _write(folder: Path, services: str, volumes: str = "") -> Path:
    file = folder / "docker-compose.yml"
    file.write_text(f"name: x\nservices:\n{services}\n{volumes}")
    return file


def test_merge_keys_and_x_keys_are_understood(tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text(
        "name: x\n"
        "x-common: &common {restart: 'no', mem_limit: 64m, stop_grace_period: 1m30s}\n"
        "services:\n  a: {<<: *common, mem_limit: 1g, command: run 'two words'}\n"
    )

    service = load(file, {}).services["a"]

    assert service.mem_limit == 2**30
    assert service.stop_grace_period == 90.0
    assert service.command == ("run", "two words")


@pytest.mark.parametrize(
    ("service", "message"),
    [
        ("cpus: 2", "cpus: unknown key"),
        ("restart: always", "restart"),
        ("depends_on: [nobody]", "depends on nobody"),
        ("depends_on: {b: {condition: service_healthy}}", "has no healthcheck"),
        ("depends_on: {b: {condition: service_completed_successfully}}", "condition"),
        ('ports: ["8000"]', "is not address:port:port"),
        ('volumes: ["other:/x"]', "not under volumes"),
        ("environment: {A: true}", "write true and false in quotes"),
        ("healthcheck: {test: [NONE]}", "test must be"),
        ("x-native: {go: a, jars: b}", "exactly one of"),
        ("x-native: {go: a, shell: b}", "shell: unknown key"),
        ("stop_grace_period: soon", "no duration"),
        ("mem_limit: much", "no size"),
    ],
)
def test_what_is_not_supported_is_an_error(tmp_path: Path, service: str, message: str) -> None:
    file = _write(tmp_path, f"  a: {{image: x, {service}}}\n  b: {{image: x}}")

    with pytest.raises(StackError, match=message):
        load(file, {})


def test_every_missing_variable_is_named_at_once(tmp_path: Path) -> None:
    file = _write(
        tmp_path, '  a: {image: "${ONE:?run make demo once}", command: ["${TWO:?run make demo once}"]}'
    )

    with pytest.raises(StackError, match="needs ONE, TWO") as raised:
        load(file, {})

    assert "run make demo once" in str(raised.value)
    assert secret_names(file) == ["ONE", "TWO"]


def test_selection_brings_dependencies_first(tmp_path: Path) -> None:
    compose = load(
        _write(
            tmp_path,
            "  c: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}\n  a: {image: x}\n"
            "  d: {image: x, profiles: [more], depends_on: [a]}",
        ),
        {},
    )

    assert select(compose, [], []) == ["a", "b", "c"]
    assert select(compose, ["b"], []) == ["a", "b"]
    assert set(select(compose, [], ["more"])) == {"a", "b", "c", "d"}
    assert select(compose, ["d"], []) == ["a", "d"]


def test_a_circle_is_named(tmp_path: Path) -> None:
    compose = load(_write(tmp_path, "  a: {image: x, depends_on: [b]}\n  b: {image: x, depends_on: [a]}"), {})

    with pytest.raises(StackError, match="wait for each other"):
        select(compose, [], [])


def test_an_unknown_profile_is_an_error(tmp_path: Path) -> None:
    compose = load(_write(tmp_path, "  a: {image: x}"), {})

    with pytest.raises(StackError, match="no profile many"):
        select(compose, [], ["many"])


def test_secrets_are_random_and_kept(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# mine\nONE='kept'\nTWO=\nexport THREE=3")

    added = dotenv.write_secrets(file, ["ONE", "TWO", "FOUR"])

    values = dotenv.read(file)
    assert added == ["TWO", "FOUR"]
    assert (values["ONE"], values["THREE"]) == ("kept", "3")
    assert len(values["TWO"]) == 2 * dotenv.SECRET_BYTES
    assert values["TWO"] != values["FOUR"]
    assert file.read_text().startswith("# mine\n")


def test_our_own_compose_file_is_supported_and_every_service_has_a_health_check() -> None:
    file = Path(__file__).parents[2] / "docker-compose.yml"

    compose = load(file, dict.fromkeys(secret_names(file), "x"))

    assert [name for name, service in compose.services.items() if service.healthcheck is None] == []
    assert [name for name, service in compose.services.items() if service.native is None] == []
    assert [name for name, service in compose.services.items() if service.mem_limit is None] == []
