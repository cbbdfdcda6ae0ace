"""npm packages by the yarn that a source tree ships, every one checked against a lock with hashes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from stack.programs import toolchain
from stack.programs.recipe import Workshop
from stack.programs.run import BuildError, ChecksumError, capture, run
from stack.programs.store import sha256
from stack.progress import Task

NODE_OPTIONS = "--max-old-space-size=8192 --openssl-legacy-provider"
"""Webpack 5.76 hashes with MD4, which today's OpenSSL calls legacy; it needs about 4 GB."""
_FETCHED = "will be fetched from the remote registry"


@dataclass(frozen=True)
class Yarn:
    """Yarn 3 in the folder of its package.json. Its download cache is shared and survives."""

    folder: Path
    workshop: Workshop

    def variables(self) -> dict[str, str]:
        """Return the environment of yarn and of what it starts; the registry is npm's configured one."""
        return {
            "PATH": f"{toolchain.node().parent}:{toolchain.caller_path()}",
            "NODE_OPTIONS": NODE_OPTIONS,
            "YARN_NPM_REGISTRY_SERVER": self._registry(),
            "YARN_CACHE_FOLDER": str(self.workshop.cache / "yarn"),
            "YARN_ENABLE_GLOBAL_CACHE": "false",
            "YARN_ENABLE_PROGRESS_BARS": "false",
            "YARN_ENABLE_SCRIPTS": "false",
            "YARN_ENABLE_TELEMETRY": "false",
            "YARN_NODE_LINKER": "node-modules",
        }

    def install(self, task: Task, share: tuple[float, float], lock_sha256: str) -> None:
        """Reduce the lock to what package.json still asks for, check it, install exactly that.

        Parameters: `share` is the part of the task (from, to) that this is; `lock_sha256` what the reduced
        lock must be. Raises ChecksumError when it is another, BuildError when yarn fails.
        """
        begin, end = share
        lock = self.reduce_lock()
        if (found := sha256(lock)) != lock_sha256:
            raise ChecksumError(
                "the npm packages are not the pinned ones",
                cause=f"{lock} has SHA-256 {found}, pinned is {lock_sha256}",
                advice="look at what changed in it; a new version is pinned in grafana.toml",
            )
        packages = lock.read_text().count("\n  resolution: ")
        fetched = 0

        def on_line(line: str) -> None:
            nonlocal fetched
            if _FETCHED in line:
                fetched += 1
                part = min(0.9, fetched / packages)
                task.update(begin + (end - begin) * part, "downloading npm packages")
            elif "Link step" in line:
                task.update(begin + (end - begin) * 0.9, "laying out npm packages")

        self.run("install", "--immutable", "--mode=skip-build", on_line=on_line)

    def reduce_lock(self) -> Path:
        """Drop from yarn.lock what no package.json asks for any more; nothing is installed."""
        self.share_cache()
        self.run("install", "--mode=update-lockfile")
        return self.folder / "yarn.lock"

    def share_cache(self) -> None:
        """Put packages that the source tree brings itself into the shared cache."""
        shared = self.workshop.cache / "yarn"
        shared.mkdir(parents=True, exist_ok=True)
        for archive in (self.folder / ".yarn" / "cache").glob("*.zip"):
            shutil.copy2(archive, shared)

    def run(self, *arguments: str, on_line: Callable[[str], None] | None = None) -> None:
        """Run a yarn command. Raises BuildError."""
        program = next((self.folder / ".yarn" / "releases").glob("yarn-*.cjs"))
        run(
            [toolchain.node(), program, *arguments],
            what=f"yarn {arguments[0]}",
            log=self.workshop.logs / "yarn.log",
            folder=self.folder,
            variables=self.variables(),
            on_line=on_line,
        )

    def _registry(self) -> str:
        command = [*toolchain.npm(), "config", "get", "registry"]
        return capture(command, folder=self.folder, variables={}).strip().rstrip("/")


def reduce_packages(root: Path, *, keep: Collection[str], replaced: dict[str, str]) -> None:
    """Take from a tree of package.json files what only its developers need.

    Parameters: `keep` are the root's development dependencies that its build needs, `replaced` versions to
    take instead of those that it names. Raises BuildError when the tree lacks one of them.
    """
    for file in sorted(root.glob("packages/*/package.json")):
        content = json.loads(file.read_text())
        content.pop("devDependencies", None)
        file.write_text(json.dumps(content, indent=2))
    main = root / "package.json"
    content = json.loads(main.read_text())
    missing = [name for name in keep if name not in content["devDependencies"]]
    missing += [name for name in replaced if name not in content["dependencies"]]
    if missing:
        raise BuildError(f"{main} does not name {', '.join(missing)}", advice="the recipe needs an update")
    content["devDependencies"] = {name: content["devDependencies"][name] for name in sorted(keep)}
    content["dependencies"] |= replaced
    main.write_text(json.dumps(content, indent=2))


def add_to_lock(lock: Path, addition: str) -> None:
    """Add entries to a yarn.lock; entries of packages from outside the registry go."""
    entries = lock.read_text().split("\n\n")
    ours = [entry for entry in entries if not re.match(r'\n*"[\w@/.-]+@https?://[^"]*\.tgz":', entry)]
    lock.write_text("\n\n".join([entry.strip("\n") for entry in ours] + [addition.strip("\n")]) + "\n")
