"""The sitecustomize that memori-instrument brings: unseen, but for what it is there for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from memori_instrumentation.bootstrap import DIRECTORY
from memori_instrumentation.providers.targets import TARGETS


@pytest.fixture
def hooked(run):
    """Run Python with our bootstrap in front of ``path``, as memori-instrument would start it.

    Started without it here, for the command itself is a Python program and runs the user's
    sitecustomize as well.
    """

    def _hooked(*arguments, path="own", **kwargs):
        return run("python", *arguments, env={"PYTHONPATH": f"{DIRECTORY}:{path}"}, **kwargs)

    return _hooked


HOOKS = "import sys; print([type(f).__name__ for f in sys.meta_path].count('SdkWatch'))"
USERS = "import sys\nprint('users own', __name__, flush=True)\n"


def test_nothing_is_loaded_at_start(run):
    show = "import sys; print(sorted(sys.modules))"
    bare = eval(run("python", "-c", show).stdout)
    ours = eval(run("python", "-c", show, env={"PYTHONPATH": DIRECTORY}).stdout)
    assert set(ours) - set(bare) <= {"sitecustomize"}


def test_the_hook_watches_what_the_providers_patch():
    from memori_instrumentation.providers import build_all

    patched = [{patch.module for patch in patcher.patches} for patcher in build_all()]
    assert all(not modules.isdisjoint(TARGETS) for modules in patched)
    assert set(TARGETS) <= set().union(*patched)


def test_only_our_files_are_importable_by_bare_name():
    files = {name for name in os.listdir(DIRECTORY) if name != "__pycache__"}
    assert files == {"__init__.py", "sitecustomize.py"}


def test_the_users_sitecustomize_runs_and_is_the_one_in_sys_modules(hooked, write):
    own = write("own/sitecustomize.py", USERS + "value = 5\n")
    done = hooked("-c", "import sitecustomize; print(sitecustomize.value, sitecustomize.__file__)")
    assert done.stdout == f"users own sitecustomize\n5 {own}\n"
    assert done.stderr == ""


def test_without_one_ours_stays_in_sys_modules(hooked, run):
    if run("python", "-c", "import sitecustomize").returncode == 0:
        pytest.skip("this Python has a sitecustomize of its own")
    done = hooked("-c", "import sitecustomize as s; print(s.__file__)")
    assert done.stdout == f"{DIRECTORY}/sitecustomize.py\n"


@pytest.mark.parametrize(
    "raising",
    ["raise ValueError('no')", "import not_there_at_all", "raise ImportError('odd')"],
)
def test_a_raising_sitecustomize_is_treated_as_ever(hooked, run, write, raising):
    write("own/sitecustomize.py", f"print('users own', flush=True)\n{raising}\n")
    code = "import sys; print('ran', 'sitecustomize' in sys.modules)"
    ours, bare = hooked("-c", code), run("python", "-c", code, env={"PYTHONPATH": "own"})
    assert (ours.returncode, ours.stdout, ours.stderr) == (0, bare.stdout, bare.stderr)
    assert "Error in sitecustomize" in ours.stderr
    assert hooked("-c", HOOKS).stdout.endswith("1\n")


def test_an_exiting_sitecustomize_exits(hooked, run, write):
    write("own/sitecustomize.py", "import sys; sys.exit(9)")
    ours, bare = hooked("-c", "1"), run("python", "-c", "1", env={"PYTHONPATH": "own"})
    assert ours.returncode == bare.returncode != 0
    assert ours.stderr.splitlines()[-1] == bare.stderr.splitlines()[-1] == "SystemExit: 9"


def test_what_the_users_sitecustomize_does_to_the_path_stays(hooked, write):
    write("own/sitecustomize.py", "import sys; sys.path.append('/added'); sys.path.insert(0, '/f')")
    path = eval(hooked("-c", "import sys; print(sys.path)").stdout)
    assert "/f" in path[:3]
    assert path[-1] == "/added"
    assert path.count(DIRECTORY) == 1


def test_disabled_installs_nothing(memori):
    for value, count in (("1", "0"), ("TRUE", "0"), ("false", "1"), ("", "1")):
        assert memori("python", "-c", HOOKS, env={"MEMORI_DISABLED": value}).stdout == f"{count}\n"


FAKE_SDK = """
import sys
spec, loader = __spec__, __loader__
import pickle
class Reply: pass
pickle.loads(pickle.dumps(Reply))
print("executing", type(spec.loader).__name__, spec.loader is loader, flush=True)
"""


@pytest.fixture
def sdk(write):
    """A package with the name of an SDK, so that the hook can be watched without one."""
    package, _, module = TARGETS[0].partition(".")
    write(f"{package}/__init__.py", f"from {package}.{module} import Reply")
    write(f"{package}/{module}.py", FAKE_SDK)
    write(f"{package}/data.txt", "resource")
    return TARGETS[0]


BROKEN = """
import sys
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == "memori_instrumentation.instrumentor":
            raise RuntimeError("cannot load")
sys.meta_path.insert(0, Broken())
"""


def test_the_hook_cannot_be_seen(hooked, write, sdk):
    package = sdk.partition(".")[0]
    write("own/sitecustomize.py", BROKEN)
    write(
        "app.py",
        f"""
        import importlib, importlib.resources, importlib.util, inspect, pickle, sys
        spec = importlib.util.find_spec("{package}")
        import {sdk} as m
        print(type(m.__loader__).__name__, m.__spec__.loader is m.__loader__)
        print(inspect.getsource(m).strip().startswith("import sys"))
        print(importlib.resources.files("{package}").joinpath("data.txt").read_text())
        print(pickle.loads(pickle.dumps(m.Reply())).__class__ is m.Reply)
        print(importlib.reload(m) is m)
        print([type(f).__name__ for f in sys.meta_path].count("SdkWatch"))
        """,
    )
    done = hooked("app.py")
    loading = "executing SourceFileLoader True\n"
    assert done.stdout == (
        f"{loading}SourceFileLoader True\nTrue\nresource\nTrue\n{loading}True\n0\n"
    )


def test_a_failure_to_start_is_one_line_and_the_program_goes_on(hooked, write, sdk):
    write("own/sitecustomize.py", BROKEN)
    write("app.py", f"import {sdk}; print('went on')")
    done = hooked("app.py")
    assert done.returncode == 0
    assert done.stdout.endswith("went on\n")
    assert done.stderr.count("\n") == 1
    assert "nothing is remembered in this process" in done.stderr
    assert "RuntimeError: cannot load" in done.stderr


def test_a_spec_found_but_not_loaded_answers_as_the_real_one(memori, write, sdk):
    write(
        "app.py",
        f"""
        import importlib.util, sys
        sys.modules["{sdk.partition(".")[0]}"] = type(sys)("x"); sys.modules[
            "{sdk.partition(".")[0]}"].__path__ = ["{sdk.partition(".")[0]}"]
        loader = importlib.util.find_spec("{sdk}").loader
        print(loader.is_package("{sdk}"), "Reply" in loader.get_source("{sdk}"))
        """,
    )
    assert memori("python", "app.py").stdout == "False True\n"


def test_an_sdk_that_fails_to_import_fails_as_without_us(memori, run, write, sdk):
    write(sdk.replace(".", "/") + ".py", "raise RuntimeError('half installed')")
    write("app.py", f"import {sdk}")
    ours, bare = memori("python", "app.py"), run("python", "app.py")
    assert ours.returncode == bare.returncode == 1
    assert ours.stderr.splitlines()[-1] == bare.stderr.splitlines()[-1]


def test_another_interpreter_without_the_package_says_so(memori, write, sdk, tmp_path):
    """A bare environment stands in for any Python that the package was not installed for."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True
    )
    write("app.py", f"import {sdk}; print('went on')")
    done = memori(str(tmp_path / "bare/bin/python"), "app.py")
    assert done.stdout.endswith("went on\n")
    assert done.stderr.count("\n") == 1
    assert "No module named 'memori_instrumentation'" in done.stderr


@pytest.mark.parametrize("outer", ["memori", "opentelemetry"])
def test_stacked_with_opentelemetry_instrument(memori, run, outer):
    pytest.importorskip("opentelemetry.instrumentation.auto_instrumentation")
    otel = os.path.join(os.path.dirname(sys.executable), "opentelemetry-instrument")
    ours = [sys.executable, "-m", "memori_instrumentation.cli"]
    order = [*ours, otel] if outer == "memori" else [otel, *ours]
    code = (
        "import sys; auto = 'opentelemetry.instrumentation.auto_instrumentation'\n"
        "print('otel', auto in sys.modules)\n"
        "from memori_instrumentation.instrumentor import MemoriInstrumentor as M\n"
        "print('memori', M().is_instrumented_by_opentelemetry)"
    )
    done = run(*order, "python", "-c", code, env={"OTEL_TRACES_EXPORTER": "none"})
    assert done.stdout == "otel True\nmemori True\n", done.stderr
