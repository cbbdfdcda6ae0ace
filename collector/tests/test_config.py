"""What every pipeline of the collector promises, whatever else it does."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

COLLECTOR = Path(__file__).parents[1]
CONFIGS = sorted((COLLECTOR / "config").glob("*.yaml"))
ENVIRONMENT = yaml.safe_load((COLLECTOR.parent / "docker-compose.yml").read_text())["services"]["collector"][
    "environment"
]


def load(path: Path) -> dict[str, Any]:
    """A config as the collector sees it, environment not replaced."""
    return yaml.safe_load(path.read_text())


@pytest.fixture(params=CONFIGS, ids=lambda path: path.stem)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each config of the collector."""
    return load(request.param)


def test_memory_limiter_is_first_in_every_pipeline(config: dict[str, Any]) -> None:
    first = {name: pipeline["processors"][0] for name, pipeline in config["service"]["pipelines"].items()}
    assert first == dict.fromkeys(first, "memory_limiter")


def test_nothing_is_configured_that_no_pipeline_uses(config: dict[str, Any]) -> None:
    pipelines = config["service"]["pipelines"].values()
    used = {name for p in pipelines for kind in ("receivers", "processors", "exporters") for name in p[kind]}
    configured = {
        name for kind in ("receivers", "processors", "connectors", "exporters") for name in config[kind]
    }
    assert configured == used


def test_every_exporter_queues_on_disk_and_names_its_tenant(config: dict[str, Any]) -> None:
    for name, exporter in config["exporters"].items():
        assert exporter["sending_queue"]["storage"] == "file_storage", name
        assert exporter["headers"] == {"X-Scope-OrgID": "casino"}, name
    assert config["extensions"]["file_storage"]["fsync"] is True


def test_addresses_and_paths_come_from_the_environment(config: dict[str, Any]) -> None:
    text = yaml.safe_dump(config)
    assert not re.search(r"\b(127\.0\.0\.1|localhost|0\.0\.0\.0|/var/|/tmp/)", text)
    assert not re.search(r"\b(tempo|loki|mimir|vault|concierge|room-service):\d", text)


def test_liveness_of_a_slow_service_is_waited_for() -> None:
    check = load(COLLECTOR / "config/gateway.yaml")["receivers"]["httpcheck"]
    assert check["collection_interval"] == "5s"
    assert {target["timeout"] for target in check["targets"]} == {"4s"}
    assert len(check["targets"]) == 3


@pytest.mark.server
@pytest.mark.timeout(1800)
@pytest.mark.waits("the build of the collector when the cache is cold")
def test_the_collector_accepts_its_configs() -> None:
    built = subprocess.run(["make", "build"], cwd=COLLECTOR, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    for path in CONFIGS:
        done = subprocess.run(
            [str(COLLECTOR / "build/pitboss-collector"), "validate", "--config", str(path)],
            env=os.environ | {key: str(value) for key, value in ENVIRONMENT.items()},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "deprecated" not in done.stderr
