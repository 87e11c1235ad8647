"""Programs for arm64: they run under emulation, which writes a core file of the emulated processor when they die. What seep reads there is held against the same
oracles as elsewhere: the collector's mark bits, Go's own dump, what the program says.

`make heap-oracle` runs the long form, with each release of Go.
"""

import os
import resource
import shutil
import signal
import subprocess

import pytest

import godump
import heapcheck
from findings import find
from seepcli import inspect, seep
from test_heap import check_exact
from toolchain import EVERY_RELEASE, find_toolchain

EMULATOR = "qemu-aarch64"
SLOW = 120  # seconds: emulation, on a busy machine

pytestmark = [
    pytest.mark.skipif(shutil.which(EMULATOR) is None, reason=f"there is no {EMULATOR} (Debian: qemu-user)"),
    pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_CORE)[1] == 0 and os.geteuid() != 0, reason="core files are forbidden here"),
]


def allow_core():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


class Emulated:
    """A program that has died under emulation: its executable, its core file, and what it said before."""

    def __init__(self, executable, core, before):
        self.executable, self.core, self.before = executable, core, before


@pytest.fixture
def emulate(build, run, tmp_path):
    """A function that runs a test program for arm64 until it is ready (and `until` has what it wants), and lets it die of a signal. The emulator itself may fail with
    threads: then it is tried again."""

    def once(command, until):
        program = run(*command, ready=False, cwd=tmp_path, env={**os.environ, "GOTRACEBACK": "crash"}, preexec_fn=allow_core)
        program.wait_for("ready", SLOW)
        before = until(program) if until else None
        os.kill(program.pid, signal.SIGABRT)
        program.process.wait(timeout=SLOW)
        (core,) = tmp_path.glob("qemu_*.core")
        return Emulated(command[1], core, before)

    def emulate_some_times(name, *flags, toolchain="path", until=None):
        command = [EMULATOR, build(name, toolchain, "arm64"), *flags]
        for _ in range(3):
            for left in tmp_path.glob("*core*"):
                left.unlink()
            try:
                return once(command, until)
            except (AssertionError, ValueError, OSError, subprocess.TimeoutExpired) as failure:
                reason = failure
        pytest.skip(f"{EMULATOR} does not carry it: {reason}")

    return emulate_some_times


def check_zoo(emulate, toolchain):
    dead = emulate("heap-zoo", "-spin=0", toolchain=toolchain)
    marks = heapcheck.marks(dead.core, dead.executable)
    check_exact(marks, find_toolchain(toolchain).release)
    print(f"arm64 {toolchain}: {marks.counts}")


def test_every_kind_of_object(emulate):
    """Right after a collection, what is reached is what is marked, object for object."""
    check_zoo(emulate, "path")


@pytest.mark.heap
@pytest.mark.parametrize("toolchain", EVERY_RELEASE)
def test_every_release(emulate, toolchain_or_skip, toolchain):
    toolchain_or_skip(toolchain)
    check_zoo(emulate, toolchain)


def test_has_every_goroutine(emulate, tmp_path):
    """The list of goroutines is that of Go's own dump."""
    dump = tmp_path / "dump"
    dead = emulate("quiet-dump", "-dump", dump, "-facts", tmp_path / "facts")
    ours = godump.parse(seep("inspect", "--goroutines", "--exe", dead.executable, dead.core).stdout)
    theirs = {number: goroutine for number, goroutine in godump.parse(dump.read_text()).items() if goroutine.state != "running"}
    assert len(theirs) > 10
    for number, goroutine in theirs.items():
        assert ours[number].state == goroutine.state
        assert godump.same_stack(ours[number], goroutine), (ours[number], goroutine)


@pytest.mark.parametrize("name, rule, function, grade", [
    ("tale-send", "blocked-goroutines", "main.(*Agent).publish.func1", "likely"),
    ("tale-defer", "defer-in-loop", "main.poll", "certain"),
])
def test_tale(emulate, name, rule, function, grade):
    """Both leaks of the tale, stripped. A core file is one look: if it falls on the moment at which a sender is awake, it says nothing; on a busy machine that happened
    three times in a row."""
    for _ in range(8):
        dead = emulate(name, "-every", "20ms", until=lambda program: program.wait_leaked(100))
        document = inspect("--exe", dead.executable, dead.core).doc
        assert document["target"]["arch"] == "arm64"
        if document["findings"]:
            break
    finding = find(document, rule, function)
    assert finding["grade"] == grade
    assert dead.before["leaked_min"] <= finding["count"] <= dead.before["leaked_max"] + 10000


@pytest.mark.parametrize("name", ["tale-send-fixed", "tale-defer-fixed"])
def test_clean_twins(emulate, name):
    dead = emulate(name, "-every", "20ms")
    assert inspect("--exe", dead.executable, dead.core).doc["findings"] == []
