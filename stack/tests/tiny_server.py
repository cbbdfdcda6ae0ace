"""A service as small as can be: answers HTTP; MODE makes it misbehave."""

import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503 if os.environ.get("MODE") == "sick" else 200)
        self.end_headers()
        self.wfile.write("\n".join(f"{key}={value}" for key, value in os.environ.items()).encode())


def main() -> None:
    mode = os.environ.get("MODE", "")
    sys.stdout.write(f"serving in mode {mode!r}\n")
    sys.stdout.flush()
    if mode == "dies":
        sys.exit("no configuration for today")
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if mode == "family":
        # A child that leaves the session, with a child of its own, and one that forgets its environment.
        sleep = [sys.executable, "-c", "import time; time.sleep(1000)"]
        parent = f"import subprocess, time; subprocess.Popen({sleep!r}); time.sleep(1000)"
        children = [
            subprocess.Popen([sys.executable, "-c", parent], start_new_session=True),
            subprocess.Popen(sleep, start_new_session=True, env={}),
        ]
        Path(os.environ.get("FAMILY_FILE", "family")).write_text(
            " ".join(str(child.pid) for child in children)
        )
    HTTPServer((sys.argv[2], int(sys.argv[1])), _Answer).serve_forever()


main()
