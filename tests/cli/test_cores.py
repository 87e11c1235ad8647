"""Core files: those that a debugger writes, those that the kernel writes, and what is left of broken ones."""

import os
import random as numbers
import resource
import shutil
import signal
import subprocess
import time

import pytest

import godump
from findings import find
from program import Program
from seepcli import inspect, seep
from sources import place

ENOUGH = 200
PUBLISH = "main.(*Agent).publish.func1"


def check_core(document, before, after):
    """The leak is in the core file as it was in the process."""
    assert document["target"]["kind"] == "core"
    assert document["looks"] == 1
    groups = document["goroutines"]["groups"]
    waiting = [g for g in groups if PUBLISH in [frame["function"] for frame in g["frames"]]]
    path, line = place("tale-send/metrics.go", "send here")
    frames = {(f["file"], f["line"]) for g in waiting for f in g["frames"] if f["function"] == PUBLISH}
    assert frames == {(path, line)}
    count = sum(group["count"] for group in waiting)
    assert before["leaked_min"] <= count <= after["leaked_max"]


def test_gcore(start, gcore):
    """A core file of a debugger, with its executable where it was."""
    target = start("tale-send", "-every", "2ms")
    before = target.wait_leaked(ENOUGH)
    core = gcore(target.pid)
    check_core(inspect(core).doc, before, target.truth())


def test_gcore_defers(start, gcore):
    """What one look can prove it proves in a core file too."""
    target = start("tale-defer", "-every", "2ms")
    before = target.wait_leaked(ENOUGH)
    core = gcore(target.pid)
    after = target.truth()
    finding = find(inspect(core).doc, "defer-in-loop", "main.poll")
    assert before["leaked_min"] <= finding["count"] <= after["leaked_max"]


def test_gcore_has_every_goroutine(start, gcore, tmp_path):
    """The list of goroutines of a core file is that of Go's own dump."""
    dump, facts = tmp_path / "dump", tmp_path / "facts"
    target = start("quiet-dump", "-dump", dump, "-facts", facts)
    core = gcore(target.pid)
    ours = godump.parse(seep("inspect", "--goroutines", core).stdout)
    theirs = godump.parse(dump.read_text())
    for number, goroutine in theirs.items():
        if goroutine.state != "running":
            assert ours[number].state == goroutine.state
            assert godump.same_stack(ours[number], goroutine)


def test_executable_given(run, build, gcore, tmp_path):
    """The executable is not where it was: with --exe it is found, without, the line says so."""
    path, aside = tmp_path / "agent", tmp_path / "aside"
    shutil.copy(build("tale-send"), path)
    target = run(path, "-every", "2ms")
    before = target.wait_leaked(ENOUGH)
    core = gcore(target.pid)
    after = target.truth()
    target.stop()
    path.rename(aside)
    line = seep("inspect", core).error()
    assert "--exe" in line
    check_core(inspect("--exe", aside, core).doc, before, after)


def test_wrong_executable(start, build, gcore):
    """Another program's executable is refused, not believed."""
    target = start("tale-send", "-every", "2ms")
    target.wait_leaked(ENOUGH)
    core = gcore(target.pid)
    for other in (build("tale-defer"), "/bin/true", "/dev/null", core):
        assert seep("inspect", "--exe", other, core).error()


def test_kernel_core(build, tmp_path):
    """A core file that the kernel wrote when the program died."""
    pattern = open("/proc/sys/kernel/core_pattern").read().strip()
    if pattern.startswith("|") or "/" in pattern:
        pytest.skip(f"the kernel writes core files elsewhere: {pattern}")

    def allow_core():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0 and os.geteuid() != 0:
        pytest.skip("core files are forbidden here")
    environment = {**os.environ, "GOTRACEBACK": "crash"}
    target = Program([build("tale-send"), "-every", "2ms"], cwd=tmp_path, env=environment, preexec_fn=allow_core)
    try:
        target.wait_for("ready")
        before = target.wait_leaked(ENOUGH)
        os.kill(target.pid, signal.SIGABRT)
        target.process.wait(timeout=120)
    finally:
        target.stop()
    cores = sorted(tmp_path.glob("core*"))
    if not cores:
        pytest.skip("the kernel wrote no core file")
    after = {"leaked_max": before["leaked_max"] + 100000}
    document = inspect(cores[0]).doc
    check_core(document, before, after)
    assert document["target"]["pid"] == target.pid


@pytest.fixture
def scratch(start, gcore, tmp_path):
    """A copy of a core file, to be broken."""
    target = start("tale-send", "-every", "2ms")
    target.wait_leaked(ENOUGH)
    copy = tmp_path / "broken"
    subprocess.run(["cp", "--sparse=always", gcore(target.pid), copy], check=True)
    target.stop()
    return copy


def check_broken(path, what):
    """A broken core file gives a smaller answer or one line, in bounded time."""
    began = time.monotonic()
    result = seep("inspect", "--json", path, timeout=60)
    assert time.monotonic() - began < 30, what
    if result.status == 2:
        result.error()
        assert result.docs == [], what
    else:
        assert len(result.docs) == 1, what


def test_cut_core(scratch):
    """A core file may end anywhere."""
    size = scratch.stat().st_size
    lengths = {size - 1, size - 4096, 65536, 8192, 4096, 4095, 1000, 120, 64, 63, 24, 16, 5, 4, 1, 0}
    lengths |= {size * part // 24 for part in range(1, 24)}
    for length in sorted(lengths, reverse=True):
        os.truncate(scratch, length)
        check_broken(scratch, length)


def test_cut_core_is_said(scratch, build):
    """What nobody saw does not count as free of leaks."""
    program = build("tale-send")
    said = lambda: [note for note in inspect("--exe", program, scratch).doc["unread"]["notes"] if "is cut off" in note]
    assert not said()
    os.truncate(scratch, scratch.stat().st_size // 2)
    assert len(said()) == 1


def test_damaged_core(scratch):
    """Any byte of the headers may be wrong."""
    for offset in [*range(16, 64, 4), *range(64, 64 + 56 * 6, 8)]:
        with open(scratch, "r+b") as file:
            file.seek(offset)
            kept = file.read(1)
            file.seek(offset)
            file.write(bytes([kept[0] ^ 0xFF]))
        check_broken(scratch, offset)
        with open(scratch, "r+b") as file:
            file.seek(offset)
            file.write(kept)


def test_overwritten_core(scratch):
    """Stretches of memory may be nonsense, those included where the runtime keeps its lists."""
    random = numbers.Random(1)
    size = scratch.stat().st_size
    for turn in range(20):
        with open(scratch, "r+b") as file:
            for _ in range(10):
                file.seek(random.randrange(0x1000, size))
                file.write(bytes(random.randrange(256) for _ in range(256)))
        check_broken(scratch, turn)
