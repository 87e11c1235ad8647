"""What all tests of the command line share."""

import os
import shutil
import signal
import subprocess

import pytest

import seepcli
from program import Program
from toolchain import Unavailable, find_toolchain, go_build
from watchcli import Watch, own_copy


def pytest_sessionstart(session):
    """Without seep there is nothing to test, and that is a failure, not a reason to skip."""
    if not session.config.option.collectonly and not os.access(seepcli.SEEP, os.X_OK):
        pytest.exit(f"{seepcli.SEEP} is not there: build it first, or say where it is with SEEP=", returncode=1)


# What says nothing new of seep's own memory, but takes minutes under the sanitizers: the same commands run there on other programs.
SPARED = ("test_scan_rules.py", "test_watch_siege.py", "test_heap.py", "test_soak.py", "test_leakprofile.py", "test_watch_tale.py", "test_watch_page.py",
          "test_watch_charts.py",
          "test_healthy.py::test_silent_with_one_look")


LONGEST = "test_watch_tale.py"  # most of it waits: begun first, it is not what the others wait for


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONGEST not in item.nodeid)
    if "asan" not in str(seepcli.SEEP):
        return
    for item in items:
        if any(name in item.nodeid for name in SPARED):
            item.add_marker(pytest.mark.skip(reason="spared under the sanitizers, where it takes minutes"))


LARGE_BYTES = 8 << 20


@pytest.fixture(autouse=True)
def tidy(request):
    """Core files and the like go when their test has ended: hundreds of them fill a disk."""
    yield
    folder = request.node.funcargs.get("tmp_path")
    for path in folder.rglob("*") if folder else ():
        if path.is_file() and not path.is_symlink() and path.stat().st_size > LARGE_BYTES:
            path.unlink()


@pytest.fixture
def build():
    """A function that builds a program, or skips the test if the toolchain cannot be had."""

    def build_or_skip(program, toolchain="path", mode="static"):
        try:
            return go_build(program, toolchain, mode)
        except Unavailable as reason:
            pytest.skip(f"Go {toolchain}: {reason}")

    return build_or_skip


@pytest.fixture
def toolchain_or_skip():
    """A function that finds a toolchain, or skips the test."""

    def find_or_skip(name):
        try:
            return find_toolchain(name)
        except Unavailable as reason:
            pytest.skip(f"Go {name}: {reason}")

    return find_or_skip


@pytest.fixture
def run():
    """A function that runs a command that speaks the language of the test programs. All end with the test."""
    programs = []

    def run_command(*command, ready=True, **how):
        program = Program(command, **how)
        programs.append(program)
        if ready:
            program.ready = program.wait_for("ready")
        return program

    yield run_command
    for program in programs:
        program.stop()


@pytest.fixture
def start(build, run):
    """A function that builds a test program and starts it. It is ready on return."""

    def start_program(name, *flags, toolchain="path", mode="static", **how):
        return run(build(name, toolchain, mode), *flags, **how)

    return start_program


@pytest.fixture
def build_own(build, tmp_path):
    """Like `build`, under a name that nothing else on this machine has: an agent sees the programs of other tests, too."""
    return lambda *which, **how: own_copy(build(*which, **how), tmp_path)


@pytest.fixture
def start_own(build_own, run):
    """A function that starts a test program under such a name, which is its `name`. It is ready on return."""
    return lambda name, *flags: run(build_own(name), *flags)


@pytest.fixture(scope="module")
def gcore(tmp_path_factory):
    """A function that writes a core file of a process that runs."""
    if shutil.which("gcore") is None:
        pytest.skip("there is no gcore (Debian: gdb)")
    directory = tmp_path_factory.mktemp("cores")

    def dump(pid):
        done = subprocess.run(
            ["gcore", "-o", directory / "core", str(pid)], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL
        )
        path = directory / f"core.{pid}"
        if not path.exists():
            pytest.skip(f"gcore cannot write a core file here: {done.stderr[-300:]}")
        subprocess.run(["fallocate", "--dig-holes", path], check=False)  # most of it is nothing
        return path

    yield dump
    shutil.rmtree(directory)


@pytest.fixture
def root():
    """Skips the test if it is not run by root."""
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture
def watch(tmp_path):
    """A function that starts an agent; all end with the test."""
    agents = []

    def start_agent(*options, **how):
        folder = tmp_path / str(len(agents))
        folder.mkdir()
        agent = Watch(folder, *options, **how)
        agents.append(agent)
        return agent.start()

    yield start_agent
    for agent in agents:
        agent.stop(signal.SIGKILL)
