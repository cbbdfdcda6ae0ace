"""Room on the disk, asked for before something is begun that would fill it."""

from __future__ import annotations

import shutil
from pathlib import Path

from stack.errors import StackError

MINIMUM_FREE_BYTES = 1 << 30


def require_free(folder: Path, needed: int = MINIMUM_FREE_BYTES, what_for: str = "the stack's data") -> None:
    """Raise StackError when the disk of `folder` has less than `needed` bytes left."""
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise StackError(
            f"the disk is full: {what_for} needs {needed / 2**30:.1f} GiB in {folder}",
            cause=f"{free / 2**30:.2f} GiB are free",
            advice="free some space, or move it: STACK_STATE (data) and PITBOSS_CACHE (built programs)",
        )
