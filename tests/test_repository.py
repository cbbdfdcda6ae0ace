"""What every clone must be able to rely on: locks without addresses, no path of anybody's machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
HOSTS = re.compile(
    r"(pypi[.]org|pythonhosted[.]org|npmjs[.](?:org|com)|(?:static|index)[.]crates[.]io|proxy[.]golang[.]org"
    r"|sum[.]golang[.]org|repo1[.]maven[.]org|repo[.]maven[.]apache|deb[.]debian)"
)
PATHS = re.compile(r"(?<![\w.$}/-])/(?:root|home|work|Users)/")


def tracked() -> list[Path]:
    """Files that git knows."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    return [REPOSITORY / name for name in listed.stdout.split("\0") if name]


def texts() -> list[tuple[Path, str]]:
    """Tracked text files but this one."""
    found: list[tuple[Path, str]] = []
    for path in tracked():
        if path == Path(__file__) or path.suffix in {".svg", ".png", ".sum"} or not path.is_file():
            continue
        try:
            found.append((path, path.read_text()))
        except UnicodeDecodeError:
            continue
    return found


def test_no_file_names_a_registry() -> None:
    named = [str(path.relative_to(REPOSITORY)) for path, text in texts() if HOSTS.search(text)]
    assert named == []


def test_no_file_holds_a_path_of_a_machine() -> None:
    named = [str(path.relative_to(REPOSITORY)) for path, text in texts() if PATHS.search(text)]
    assert named == []


def test_every_locked_requirement_has_a_hash() -> None:
    for name in ("lock.txt", "bootstrap.txt"):
        text = (REPOSITORY / "requirements" / name).read_text().replace("\\\n", " ")
        requirements = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
        assert requirements
        assert [line for line in requirements if "--hash=sha256:" not in line] == []


def test_the_lock_satisfies_what_the_packages_ask_for() -> None:
    locked = set(
        re.findall(r"^([a-z0-9][a-z0-9._-]*)==", (REPOSITORY / "requirements/lock.txt").read_text(), re.M)
    )
    ours = {"pitboss", "pitboss-services", "pitboss-simulators", "pitboss-stack"}
    for package in ("instrumentation", "services", "simulators", "stack"):
        project = tomllib.loads((REPOSITORY / package / "pyproject.toml").read_text())["project"]
        asked = {re.split(r"[^A-Za-z0-9._-]", item)[0].lower() for item in project["dependencies"]}
        assert asked - ours <= locked, package


def test_every_folder_says_what_is_in_it() -> None:
    folders = {path.relative_to(REPOSITORY).parts[0] for path in tracked() if path.parent != REPOSITORY}
    missing = [f for f in folders if not f.startswith(".") and not (REPOSITORY / f / "README.md").exists()]
    assert missing == []
