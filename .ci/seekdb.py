"""A scratch SeekDB for the tests, on a unix socket only and for this machine only.

    export MEMORI_TEST_SEEKDB_URL="$(python .ci/seekdb.py start DIRECTORY)"
    python .ci/seekdb.py stop DIRECTORY

"start" needs the package ``pylibseekdb``, keeps the server's data in DIRECTORY, leaves a process
that holds it, and prints the URL of an empty database.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_USAGE = f"usage: {sys.argv[0]} start|stop DIRECTORY"
_SECONDS = 120


def hold(directory: Path) -> None:
    """Run the server until told to stop; say in a file how it is reached."""
    import pylibseekdb

    instance = pylibseekdb.open(str(directory / "data"))
    socket = instance.connection_options()["unix_socket"]
    link = instance.connect(database="test")
    link.cursor().execute("CREATE DATABASE IF NOT EXISTS memori_test")
    link.close()
    signal.signal(signal.SIGTERM, lambda *_: instance.close() or sys.exit(0))
    written = directory / "url.new"
    written.write_text(f"mysql+pymysql://root@localhost/memori_test?unix_socket={socket}")
    written.rename(directory / "url")
    while True:
        signal.pause()


def start(directory: Path) -> str:
    """Start the server unless it runs, and return its URL."""
    directory.mkdir(parents=True, exist_ok=True)
    url = directory / "url"
    if url.exists() and _running(directory):
        return url.read_text()
    url.unlink(missing_ok=True)
    with (directory / "log").open("ab") as log:
        holder = subprocess.Popen(
            [sys.executable, __file__, "hold", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    (directory / "pid").write_text(str(holder.pid))
    deadline = time.monotonic() + _SECONDS
    while not url.exists():
        if holder.poll() is not None or time.monotonic() > deadline:
            sys.exit("SeekDB did not start:\n" + (directory / "log").read_text())
        time.sleep(0.1)
    return url.read_text()


def stop(directory: Path) -> None:
    """Stop the server and wait until it is gone."""
    if _running(directory):
        os.kill(_pid(directory), signal.SIGTERM)
    deadline = time.monotonic() + _SECONDS
    while _running(directory) and time.monotonic() < deadline:
        time.sleep(0.1)


def _pid(directory: Path) -> int:
    return int((directory / "pid").read_text())


def _running(directory: Path) -> bool:
    try:
        return b"hold" in Path(f"/proc/{_pid(directory)}/cmdline").read_bytes()
    except OSError:
        return False


def main() -> None:
    """Do what the command line says."""
    if len(sys.argv) != 3 or sys.argv[1] not in ("start", "stop", "hold"):
        sys.exit(_USAGE)
    directory = Path(sys.argv[2]).resolve()
    if sys.argv[1] == "start":
        print(start(directory))
    else:
        {"stop": stop, "hold": hold}[sys.argv[1]](directory)


if __name__ == "__main__":
    main()
