"""No goroutine is ever proved to be leaked that later runs: a busy program, looked at again and again.

Whoever waits in it is woken in the end and says so, but for a few that are lost and known to be.
"""

import os
import queue
import signal
import time

import pytest

from proof import by_number, inspect_now, look, proven, tell

SECONDS = {"path": 15, "1.27.3": 6, "1.19": 6}
LONG_SECONDS = float(os.environ.get("SEEP_SOAK_SECONDS", "600"))
PAUSE_SECONDS = 0.2
WITH_PROFILE = "1.27.3"


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


def soak(start, toolchain, seconds, mode="static"):
    """Looks again and again at a busy program. Who was once proved to be leaked must never be woken."""
    seed = int(time.time())
    life = f"{seconds + 120:.0f}s"
    target = start("proof-soak", "-seed", seed, "-life", life, toolchain=toolchain, mode=mode)
    proved, woken, looks, without = {}, {}, 0, []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        looks += 1
        document = inspect_now(target.pid)
        if document["proof"]["known"]:
            for number in proven(document):
                proved.setdefault(number, looks)
        else:
            without.append(document["proof"]["why"])
        woken.update((event["id"], event["name"]) for event in collect(target) if event["event"] == "woken")
        assert not woken.keys() & proved.keys(), wrong(woken, proved, seed)
        time.sleep(PAUSE_SECONDS)
    os.kill(target.pid, signal.SIGUSR2)
    last = collect(target, until="ended")
    woken.update((event["id"], event["name"]) for event in last if event["event"] == "woken")
    ended = last[-1]
    assert not ended["asleep"], f"the program itself is wrong, nobody woke {ended['asleep']}, seed {seed}"
    assert not woken.keys() & proved.keys(), wrong(woken, proved, seed)
    lost = by_number(ended["leaked"])
    assert proved.keys() <= lost.keys(), f"unknown ones: {proved.keys() - lost.keys()}, seed {seed}"
    assert 2 * len(without) < looks, f"{len(without)} of {looks} looks proved nothing: {set(without)}"
    final = look(target.pid)
    assert final == lost.keys(), f"at the end missed: {tell(lost.keys() - final, lost)}, wrong: {final - lost.keys()}, seed {seed}"
    print(f"{looks} looks, {len(without)} without a proof, {len(woken)} woken, {len(lost)} lost, {len(proved)} proved on the way")


def wrong(woken, proved, seed):
    """Who was woken although it was proved to be leaked."""
    which = {number: (woken[number], f"look {proved[number]}") for number in woken.keys() & proved.keys()}
    return f"proved to be leaked, and woken: {which}, seed {seed}"


@pytest.mark.parametrize("toolchain", SECONDS)
def test_soak(start, toolchain):
    """A busy program, for some seconds."""
    soak(start, toolchain, SECONDS[toolchain])


@pytest.mark.soak
@pytest.mark.parametrize("toolchain", SECONDS)
def test_long_soak(start, toolchain):
    """The same for ten minutes, or SEEP_SOAK_SECONDS."""
    soak(start, toolchain, LONG_SECONDS)


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
