"""Programs run under memori-instrument: unchanged, but for what they inherit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from memori_instrumentation.bootstrap import DIRECTORY
from memori_instrumentation.cli.launch import deafness

SHOW = """
import json, os, sys
print(json.dumps({
    "argv": sys.argv,
    "hooked": "SdkWatch" in [type(finder).__name__ for finder in sys.meta_path],
    "memori": {k: v for k, v in os.environ.items() if k.startswith("MEMORI_")},
    "path": os.environ.get("PYTHONPATH"),
}))
"""


def shown(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_python_c_sees_its_settings_and_arguments(memori):
    seen = shown(
        memori("--entity", "ana", "--session=s1", "python", "-c", SHOW, "--entity", "b c", "")
    )
    assert seen["argv"] == ["-c", "--entity", "b c", ""]
    assert seen["hooked"]
    assert seen["memori"] == {"MEMORI_ENTITY": "ana", "MEMORI_SESSION": "s1"}


def test_python_m_and_scripts_by_path(memori, write):
    write("pkg/__init__.py", "")
    write("pkg/mod.py", SHOW)
    write("tool", f"#!{sys.executable}\n{SHOW}", executable=True)
    write("plain.py", SHOW)
    for command in (
        ["python", "-m", "pkg.mod"],
        ["python", "pkg/mod.py"],
        ["./tool"],
        ["plain.py"],
        ["./plain.py"],
    ):
        assert shown(memori(*command, "--json"))["argv"][1:] == ["--json"], command


def test_a_program_named_like_a_sub_command_runs_after_two_dashes(memori, write, tmp_path, environ):
    write("bin/demo", "#!/bin/sh\necho mine $1\n", executable=True)
    done = memori("--", "demo", "x", env={"PATH": f"{tmp_path}/bin:{environ['PATH']}"})
    assert done.stdout == "mine x\n"


def test_children_inherit_and_the_path_is_kept(memori, tmp_path):
    child = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {SHOW!r}]))"
    seen = shown(memori("python", "-c", child, env={"PYTHONPATH": f"{tmp_path}/a:{tmp_path}/b"}))
    assert seen["hooked"]
    assert seen["path"] == f"{DIRECTORY}:{tmp_path}/a:{tmp_path}/b"


def test_spawned_processes_inherit(memori, write):
    write(
        "app.py",
        """
        import multiprocessing, sys

        def hooked(_):
            return "SdkWatch" in [type(finder).__name__ for finder in sys.meta_path]

        if __name__ == "__main__":
            for method in ("spawn", "fork"):
                with multiprocessing.get_context(method).Pool(1) as pool:
                    print(method, pool.map(hooked, [0]))
        """,
    )
    done = memori("python", "app.py")
    assert done.stdout == "spawn [True]\nfork [True]\n", done.stderr


def test_streams_and_exit_codes_are_the_programs_own(memori):
    code = (
        "import sys; sys.stderr.write('E'); sys.stdout.write(sys.stdin.read()[::-1]); sys.exit(7)"
    )
    done = memori("python", "-c", code, stdin="abc")
    assert (done.returncode, done.stdout, done.stderr) == (7, "cba", "E")


def test_signals_reach_the_program(environ, tmp_path):
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(33))\n"
        "print('ready', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "memori_instrumentation.cli", "python", "-c", code],
        env=environ,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as out:
        assert out.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 33


def test_death_by_signal_shows(memori):
    done = memori("python", "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert done.returncode == -signal.SIGKILL


def test_no_command_is_wrong_usage(memori):
    done = memori()
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("usage: memori-instrument")


def test_help_and_version(memori):
    for option in ("--help", "-h"):
        assert "--database URL" in memori(option).stdout
    assert memori("--version").stdout.startswith("memori-instrument ")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["foo-does-not-exist"], 127, "command not found: foo-does-not-exist"),
        (["./nothing"], 127, "command not found: ./nothing"),
        ([""], 127, "command not found: "),
        (["./data.txt"], 126, "cannot run ./data.txt: it is not an executable file"),
        (["./sub"], 126, "cannot run ./sub: it is not an executable file"),
        (["./stale"], 127, "cannot run ./stale: its interpreter does not exist"),
        (["./garbage"], 126, "cannot run ./garbage: Exec format error"),
        (["--nope", "python"], 2, "option --nope not recognized (see --help)"),
        (["--entity", "", "python"], 2, "entity must not be empty: leave it out instead"),
        (["--database", "memori.db", "python"], 2, "database is not a database URL: use"),
    ],
)
def test_mistakes_are_one_line(memori, write, tmp_path, arguments, code, says):
    write("data.txt", "x")
    (tmp_path / "sub").mkdir()
    write("stale", "#!/no/such/python\n", executable=True)
    write("garbage", "\0\1", executable=True)
    done = memori(*arguments)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith(f"memori-instrument: {says}")
    assert done.stderr.count("\n") == 1


def test_a_missing_python_is_pointed_out(memori):
    done = memori(os.path.basename(sys.executable), "app.py", env={"PATH": "/nonexistent"})
    assert done.returncode == 127
    assert done.stderr.endswith(f"(there is {sys.executable})\n")


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ("-I app.py", "I"),
        ("-E -m app", "E"),
        ("-uES app.py", "E"),
        ("-S -c pass", "S"),
        ("-W ignore -I app.py", "I"),
        ("-Wignore -X dev -bI app.py", "I"),
        ("--check-hash-based-pycs always -I app.py", "I"),
        ("app.py -I", None),
        ("-m app -E", None),
        ("-c pass -E", None),
        ("-uc pass -E", None),
        ("-W -I app.py", None),
        ("-s -P -OO -q app.py", None),
        ("- -I", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("python", ["python", "/usr/bin/python3.13t", "pypy3"])
def test_python_options_that_shut_us_out(python, arguments, option):
    assert deafness([python, *arguments.split()], "/bin/true") == option


def test_other_programs_are_not_taken_for_python(write):
    script = write("tool", "#!/bin/sh\n")
    assert deafness(["tool", "-I"], str(script)) is None
    assert deafness(["python-config", "-I"], str(script)) is None
    assert deafness(["tool"], "/no/such/file") is None


@pytest.mark.parametrize(
    ("shebang", "option"),
    [
        ("#!/usr/bin/python3 -E", "E"),
        ("#! /usr/bin/env -S A=1 python3 -sI", "I"),
        ("#!/usr/bin/env python3", None),
        ("#!/usr/bin/env", None),
        ("#!", None),
    ],
)
def test_shebang_lines_count(write, shebang, option):
    assert deafness(["./tool", "-I"], str(write("tool", f"{shebang}\nx -I\n"))) == option


def test_isolated_python_runs_with_a_warning(memori):
    done = memori("python", "-I", "-c", "print(1)")
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr.count("\n") == 1
    assert "warning: Python's option -I shuts memory out" in done.stderr


def test_a_web_server_with_workers(environ, write, tmp_path):
    pytest.importorskip("uvicorn")
    write(
        "site_app.py",
        """
        import os, sys
        async def app(scope, receive, send):
            if scope["type"] != "http":
                return
            hooked = "SdkWatch" in [type(finder).__name__ for finder in sys.meta_path]
            body = f"{hooked} {os.environ.get('MEMORI_PROCESS')}".encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})
        """,
    )
    socket_path = f"{tmp_path}/u.sock"
    command = ["--process", "web", "uvicorn", "site_app:app", "--workers", "2"]
    server = subprocess.Popen(
        [sys.executable, "-m", "memori_instrumentation.cli", *command, "--uds", socket_path],
        env=environ,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert get_over_unix_socket(socket_path, seconds=30).endswith("True web")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)


def get_over_unix_socket(path: str, *, seconds: float) -> str:
    """The reply to ``GET /``, waiting for the server to come up."""
    import socket

    deadline = time.monotonic() + seconds
    while True:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(path)
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
                continue
            connection.sendall(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            reply = b""
            while piece := connection.recv(65536):
                reply += piece
            return reply.decode()


def test_the_console_script_is_installed(run):
    script = os.path.join(os.path.dirname(sys.executable), "memori-instrument")
    if not os.path.exists(script):
        pytest.skip("the package is not installed in this environment")
    assert run(script, "python", "-c", "print(2)").stdout == "2\n"
