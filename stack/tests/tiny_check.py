"""Exit code 0 when an HTTP service on a port (or host:port) answers 200."""

import sys
import urllib.request

host, _, port = sys.argv[1].rpartition(":")
urllib.request.urlopen(f"http://{host or '127.0.0.1'}:{port}/", timeout=2)
