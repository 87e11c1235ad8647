"""What is proved to be leaked never runs again, and what nothing can wake is proved to be leaked.

The programs know the truth: they made it so. That they do it right is held against Go's own profile of leaked
goroutines, without seep.
"""

import os
import queue
import shutil
import signal
import subprocess
import time

import pytest

from proof import by_number, proven, tell
from seepcli import describe, inspect
from toolchain import MODES

RELEASES = ("path", "1.27.3", "1.19")
ALL_RELEASES = ("1.19", "1.21.13", "1.22.10", "1.23.4", "1.24.5", "1.25.3", "path", "1.27.3")
WITH_PROFILE = "1.27.3"
SOAK_SECONDS = {"path": 15, "1.27.3": 6, "1.19": 6}
LONG_SOAK_SECONDS = float(os.environ.get("SEEP_SOAK_SECONDS", "600"))
SOAK_PAUSE_SECONDS = 0.2


def look(target):
    """What is proved of a process or a core file now."""
    return proven(inspect(target, "--for", "0").doc)


def collect(program, until=None, patience=60):
    """All that a program has said up to now, or up to the event of that name."""
    events = []
    deadline = time.monotonic() + patience
    while True:
        try:
            event = program.events.get(timeout=0.05) if until else program.events.get_nowait()
        except queue.Empty:
            if not until:
                return events
            assert time.monotonic() < deadline, f"no {until!r} within {patience} s: {program.complaints[-20:]}"
            continue
        assert event is not None, f"{program.process.args} ended: {''.join(program.complaints[-40:])}"
        events.append(event)
        if until and event["event"] == until:
            return events


# ---- what nothing can wake

def leaked_and_kept(ready, not_sure=()):
    """The names of those that a program leaked and of those that it did not, by number."""
    names = by_number(ready["waiting"])
    leaked = {number for number, name in names.items() if name.startswith("leaked ") and name not in not_sure}
    assert leaked and leaked != set(names)
    return names, leaked


def check_leaks(proved, ready):
    """Exactly the leaked ones are proved."""
    names, leaked = leaked_and_kept(ready)
    assert proved == leaked, f"missed: {tell(leaked - proved, names)}; wrong: {tell(proved - leaked, names)}"


@pytest.mark.parametrize("collected", (True, False), ids=("collected", "garbage"))
@pytest.mark.parametrize("toolchain", RELEASES)
def test_leaks(start, toolchain, collected):
    """Each way to be leaked, beside those that look the same: these and no others, with or without garbage around."""
    target = start("proof-leaks", f"-gc={str(collected).lower()}", toolchain=toolchain)
    check_leaks(look(target.pid), target.ready)


def test_leaks_are_certain(start):
    """What is proved is reported, with the grade that says so."""
    target = start("proof-leaks", "-n", "20")
    document = inspect(target.pid, "--for", "0").doc
    check_leaks(proven(document), target.ready)
    certain = [f for f in document["findings"] if f["grade"] == "certain" and f["rule"] == "blocked-goroutines"]
    assert sum(finding["count"] for finding in certain) == len(leaked_and_kept(target.ready)[1]), describe(document)


@pytest.mark.parametrize("toolchain", RELEASES)
def test_leaks_in_a_core_file(start, toolchain, tmp_path):
    """A core file proves the same."""
    if shutil.which("gcore") is None:
        pytest.skip("there is no gcore (Debian: gdb)")
    target = start("proof-leaks", toolchain=toolchain)
    look(target.pid)  # without proofs there is no need for a core file
    subprocess.run(["gcore", "-o", tmp_path / "core", str(target.pid)], check=True, capture_output=True, timeout=300)
    core = tmp_path / f"core.{target.pid}"
    try:
        check_leaks(look(core), target.ready)
    finally:
        core.unlink()


@pytest.mark.matrix
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("toolchain", ALL_RELEASES)
def test_leaks_in_every_build(start, toolchain, mode):
    """All releases, all ways to build."""
    target = start("proof-leaks", toolchain=toolchain, mode=mode)
    check_leaks(look(target.pid), target.ready)


def test_go_agrees_about_leaks(start):
    """Go's own profile names the same."""
    target = start("proof-leaks", "-verdict", toolchain=WITH_PROFILE)
    check_leaks(set(target.ready["verdict"]), target.ready)


# ---- what can be woken from one strange place each

def check_roots(start, toolchain, mode="static"):
    """Nobody is proved to be leaked, and all are woken."""
    target = start("proof-roots", toolchain=toolchain, mode=mode)
    names = by_number(target.ready["waiting"])
    proved = look(target.pid)
    os.kill(target.pid, signal.SIGUSR2)
    asleep = set(names)
    while asleep:
        asleep.discard(target.wait_for("woken")["id"])
    assert not proved, f"these were woken: {tell(proved, names)}"


@pytest.mark.parametrize("toolchain", RELEASES)
def test_roots(start, toolchain):
    """Who can be woken, from wherever it be, is not leaked."""
    check_roots(start, toolchain)


@pytest.mark.matrix
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("toolchain", ALL_RELEASES)
def test_roots_in_every_build(start, toolchain, mode):
    """All releases, all ways to build."""
    check_roots(start, toolchain, mode)


@pytest.mark.parametrize("toolchain", RELEASES)
def test_roots_lost(start, toolchain):
    """The same without those who hold: all are leaked. What was woken was woken from its place and no other."""
    target = start("proof-roots", "-lose", toolchain=toolchain)
    check_all_lost(look(target.pid), target.ready)


def check_all_lost(proved, ready):
    """A lock that shares its object with others may be reached through them; of those one cannot be sure."""
    names = by_number(ready["waiting"])
    sure = {number for number, name in names.items() if not name.endswith("packed")}
    assert sure <= proved <= set(names), f"missed: {tell(sure - proved, names)}; wrong: {tell(proved - set(names), names)}"


def test_go_agrees_about_roots(start):
    """Go's own profile names nobody, weak pointers left aside: with those it is wrong, and ends the program."""
    target = start("proof-roots", "-verdict", "-weak=false", toolchain=WITH_PROFILE)
    assert target.ready["verdict"] == []
    lost = start("proof-roots", "-verdict", "-lose", toolchain=WITH_PROFILE)
    check_all_lost(set(lost.ready["verdict"]), lost.ready)


# ---- what is woken in the end, whatever happens meanwhile

def soak(start, toolchain, seconds, mode="static"):
    """Looks again and again at a busy program. Who was once proved to be leaked must never be woken."""
    seed = int(time.time())
    life = f"{seconds + 120:.0f}s"
    target = start("proof-soak", "-seed", seed, "-life", life, toolchain=toolchain, mode=mode)
    proved, woken, looks = {}, {}, 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        looks += 1
        for number in look(target.pid):
            proved.setdefault(number, looks)
        woken.update((event["id"], event["name"]) for event in collect(target) if event["event"] == "woken")
        assert not woken.keys() & proved.keys(), wrong(woken, proved, seed)
        time.sleep(SOAK_PAUSE_SECONDS)
    os.kill(target.pid, signal.SIGUSR2)
    last = collect(target, until="ended")
    woken.update((event["id"], event["name"]) for event in last if event["event"] == "woken")
    ended = last[-1]
    assert not ended["asleep"], f"the program itself is wrong, nobody woke {ended['asleep']}, seed {seed}"
    assert not woken.keys() & proved.keys(), wrong(woken, proved, seed)
    lost = by_number(ended["leaked"])
    assert proved.keys() <= lost.keys(), f"unknown ones: {proved.keys() - lost.keys()}, seed {seed}"
    final = look(target.pid)
    assert final == lost.keys(), f"missed at the end: {tell(lost.keys() - final, lost)}, seed {seed}"
    print(f"{looks} looks, {len(woken)} woken, {len(lost)} lost, {len(proved)} proved on the way")


def wrong(woken, proved, seed):
    """Who was woken although it was proved to be leaked."""
    which = {number: (woken[number], f"look {proved[number]}") for number in woken.keys() & proved.keys()}
    return f"proved to be leaked, and woken: {which}, seed {seed}"


@pytest.mark.parametrize("toolchain", SOAK_SECONDS)
def test_soak(start, toolchain):
    """A busy program, for some seconds."""
    soak(start, toolchain, SOAK_SECONDS[toolchain])


@pytest.mark.soak
@pytest.mark.parametrize("toolchain", RELEASES)
def test_long_soak(start, toolchain):
    """The same for ten minutes, or SEEP_SOAK_SECONDS."""
    soak(start, toolchain, LONG_SOAK_SECONDS)


def test_go_agrees_about_the_soak(start):
    """Go's own profile, taken again and again, names nobody but those that are lost; in the end, all of them."""
    target = start("proof-soak", "-verdict", "-weak=false", toolchain=WITH_PROFILE)
    time.sleep(2)
    os.kill(target.pid, signal.SIGUSR2)
    events = collect(target, until="ended")
    named = [set(event["leaked"]) for event in events if event["event"] == "verdict"]
    lost = by_number(events[-1]["leaked"])
    assert len(named) > 2 and not events[-1]["asleep"], events[-1]
    for numbers in named:
        assert numbers <= lost.keys()
    assert named[-1]
