"""`python -m stack.programs.format_kafka COMMAND...`: format Kafka's storage with a new random cluster id."""

from __future__ import annotations

import base64
import os
import sys
import uuid


def main() -> None:
    """Replace this process by the command, with an id."""
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    # An id that begins with a dash would be taken for an option.
    command = [*sys.argv[1:], f"--cluster-id={cluster}"]
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
