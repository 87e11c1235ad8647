"""A busy server goes on as if nothing were: paused, and when who paused it is killed. `make pause` does more of it."""

import contextlib
import json
import os
import subprocess
import time

import pytest

import pausing

WAYS = ["copy", "twin"]


@pytest.fixture
def busy(start):
    """A server, and clients that do not leave it alone."""
    server = start("pause-server")
    load = start("pause-load", "-address", server.ready["address"])
    load.truth()
    yield server, load
    answers = load.wait_until(lambda truth: truth["requests"] > 0)
    assert answers["failed"] == 0, answers["failure"]
    assert server.truth()["sum"] == server.ready["sum"]


@pytest.mark.parametrize("way", WAYS)
def test_no_request_fails(way, busy):
    server, load = busy
    frozen = pausing.freeze(server.pid, way, times=20)
    assert len(frozen) == 20
    for one in frozen:
        assert one["way"] == way, one
        assert one["failed"] == 0 and one["read"] > 16 << 20, one
        assert 0 < one["pause_us"] < 1000 * pausing.BUDGET_MS, one
    assert not pausing.complaints(server.pid)
    answers = load.truth()
    assert answers["requests"] > 100 and answers["failed"] == 0, answers


@pytest.mark.parametrize("way", WAYS)
def test_seep_is_killed(way, busy):
    server, load = busy
    pausing.kill_seep(server.pid, way, times=25)
    assert load.truth()["failed"] == 0


def test_guardian_is_killed(busy):
    """Then nobody is left to reap the twin: it stays a zombie. But nothing runs that should not, and nothing stands."""
    server, load = busy
    assert pausing.kill_guardian(server.pid, times=15) > 7
    assert load.truth()["failed"] == 0


def test_reading_a_twin_costs_no_memory(start):
    """Its pages stay the process's, however they are read: what they cost would be the process's, too."""
    server = start("pause-server", "-mb=64")
    done = subprocess.run([pausing.FREEZER, str(server.pid), "twin", "5000"], capture_output=True, text=True, timeout=60, check=True)
    said = json.loads(done.stdout)
    assert (said["way"], said["failed"]) == ("twin", 0) and said["read"] > 64 << 20, said
    assert 0 <= said["own_kib"] < said["read"] >> 12, said  # a quarter at the most: the process runs on, and what it writes meanwhile becomes the twin's own


def descriptors(pid):
    """Each number with what it leads to. One that is closed meanwhile is left out."""
    files = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            files[name] = os.readlink(f"/proc/{pid}/fd/{name}")
    return files


def held_through(pid, looks=50):
    """What is open at every one of some looks, 20 ms apart: the guardian opens the limits of its control group
    now and then and closes them at once, and that is its own."""
    held = set(descriptors(pid).items())
    for _ in range(looks):
        time.sleep(0.02)
        held &= set(descriptors(pid).items())
    return dict(held)


def test_guardian_holds_nothing_of_seep(busy):
    """Whoever waits for the end of seep's output waits for seep alone."""
    server, _ = busy
    freezer = pausing.start_freezing(server.pid, "twin", hold_ms=30000)
    try:
        deadline = time.monotonic() + pausing.PATIENCE_SECONDS
        guardian = None
        while not pausing.children(server.pid):
            assert time.monotonic() < deadline
        guardian = pausing.children(freezer.pid)[0]
        assert os.getsid(int(guardian)) == int(guardian)
        files = held_through(guardian)
        assert all(files[name] == "/dev/null" for name in "012"), files
        others = [link for name, link in files.items() if name not in "012"]
        own = ("socket:", "/dev/null", "anon_inode:[signalfd]", f"/proc/{server.pid}")
        strange = [link for link in others if not link.startswith(own)]
        assert not strange, strange
    finally:
        freezer.kill()
        freezer.wait()
    pausing.wait_for_calm(server.pid)


def test_who_may_not_is_told_so(start, root):
    """As another user."""
    server = start("pause-server")
    done = subprocess.run(
        [pausing.FREEZER, str(server.pid)], capture_output=True, text=True, user="nobody", timeout=60, check=False
    )
    assert done.returncode == 2
    assert "CAP_SYS_PTRACE" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not pausing.complaints(server.pid)
