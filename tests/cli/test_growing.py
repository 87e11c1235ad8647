"""What grows between two looks: maps, slices and lists that only grow are called, caches and queues are not. And tickers that nobody has."""

import os
import re
import signal
import threading
import time

import pytest

from seepcli import inspect

LEAKS = {"map": "growing-map", "slice": "growing-slice", "list": "growing-type", "numbers": "growing-map", "bytes": "growing-slice", "steps": "growing-map",
         "shared": "growing-map"}
LARGE = ("numbers", "bytes")  # one object, however many elements
CLEAN = ("cache", "full", "cleared", "queue", "flushed", "pool", "sharedcache", "ends")
HOLDERS = {
    "map": "main.sessions →", "slice": "main.events →", "list": "main.first →", "numbers": "main.seen →", "bytes": "main.logged →",
    "steps": "goroutine at main.waitAt main.go:",  # at another line at each look
    "shared": "several holders of main.server →",
}
BETWEEN_S = 10


def test_growth_is_called_and_caches_are_not(start):
    """All at once: they share the wait. Their life must be some times as long as the time between the looks."""
    targets = {kind: start("growing", "-kind", kind, mode="symbols") for kind in (*LEAKS, *CLEAN)}
    docs = look_twice([target.pid for target in targets.values()])
    findings = {kind: doc["findings"] for kind, doc in zip(targets, docs)}
    for kind in CLEAN:
        assert findings[kind] == [], kind
    (note,) = [note for note in docs[list(targets).index("ends")]["unread"]["notes"] if "main.node" in note]
    assert "held by several" in note and "not called a leak" in note
    for kind, rule in LEAKS.items():
        (finding,) = findings[kind]
        count = targets[kind].truth()["count"]
        assert finding["grade"] == "likely" and finding["holder"].startswith(HOLDERS[kind]), finding
        assert finding["rule"] == rule, finding
        assert 0 < finding["progress"]["came"] <= 2 * count
        assert finding["held_bytes"] > (1 if kind in LARGE else 100) * finding["progress"]["came"]
        assert finding["count"] <= count, kind


def test_held_is_what_is_freed_without_the_container(start):
    """Of a map and a slice that grow: with the tables and the array. What their line holds is then freed, once they grow no longer."""
    targets = {kind: start("growing", "-kind", kind, mode="symbols") for kind in ("map", "slice")}
    docs = look_twice([target.pid for target in targets.values()], "--heap")
    for (kind, target), doc in zip(targets.items(), docs):
        (finding,) = doc["findings"]
        names = finding["holder"].split(" → ")[:2]
        assert finding["held_bytes"] == held_along(doc, names), kind
        os.kill(target.pid, signal.SIGUSR2)
        target.wait_for("stopped")
        held = held_along(inspect(target.pid, "--heap", "--for", "0", "--pause", "10s").doc, names)
        os.kill(target.pid, signal.SIGUSR2)
        freed = target.wait_for("freed")["bytes"]
        assert held >= finding["held_bytes"] and abs(held - freed) <= freed / 100, (kind, held, freed)


def held_along(doc, names):
    """What the line holds to which these names lead, from the top down."""
    at = 0
    for name in names:
        (at,) = [i for i, line in enumerate(doc["heap"]["holders"]) if line["parent"] == at and line["name"] == name]
    return doc["heap"]["holders"][at]["held_bytes"]


def look_twice(pids, *options):
    """The looks are further apart than was asked for where the machine is busy. Then the programs may be too young for them: once more, when they are older."""
    begun = time.monotonic()
    apart_s = BETWEEN_S
    for _ in range(4):
        time.sleep(max(0, 3.2 * apart_s - (time.monotonic() - begun)))
        age_s = time.monotonic() - begun
        docs = inspect("--for", f"{BETWEEN_S}s", "--pause", "10s", *options, *pids, timeout=300).docs
        apart_s = max(doc["look_interval_s"] for doc in docs)
        if age_s >= 3 * apart_s:
            return docs
    pytest.skip(f"this machine is too busy: two looks {apart_s:.0f} s apart")


@pytest.mark.parametrize("toolchain, options, expected", [
    ("1.22.10", (), 300),
    ("1.22.10", ("-stop",), 0),
    ("1.22.10", ("-keep",), 0),
    ("1.18.10", (), 300),
])
def test_tickers(start, toolchain, options, expected):
    """Forgotten, stopped, and kept in a variable."""
    target = start("forgotten-tickers", *options, toolchain=toolchain)
    findings = inspect(target.pid, "--for", "0", "--pause", "10s").doc["findings"]
    assert [f["count"] for f in findings] == ([expected] if expected else [])
    if expected:
        assert findings[0]["rule"] == "timers" and findings[0]["grade"] == "certain"
        assert any("main.serve" in reason and "time.NewTicker" in reason for reason in findings[0]["because"])


@pytest.mark.parametrize("toolchain", ["path", "1.22.10"])
def test_calls_that_are_put_off(start, toolchain):
    """They may be meant: a note says how many there are, and no more. One ends the program."""
    target = start("forgotten-tickers", "-later", "-n", "1500", toolchain=toolchain)
    few = start("forgotten-tickers", "-later", "-n", "900", toolchain=toolchain)
    looked = inspect(target.pid, "--for", "0", "--pause", "10s")
    assert looked.doc["findings"] == []
    (note,) = [note for note in looked.doc["unread"]["notes"] if "AfterFunc" in note]
    assert note.startswith("1,501 calls are put off by time.AfterFunc (main.later.func1, for one), the last one for ")
    assert not [note for note in inspect(few.pid, "--for", "0", "--pause", "10s").doc["unread"]["notes"] if "AfterFunc" in note]


@pytest.mark.parametrize("toolchain", ["1.22.10", "1.18.10"])
def test_timers_of_waits_that_ended(start, toolchain):
    """time.After in a loop: each stays until it goes off. A few of them are nothing."""
    target = start("forgotten-tickers", "-once", toolchain=toolchain)
    few = start("forgotten-tickers", "-once", "-n", "90", toolchain=toolchain)
    (finding,) = inspect(target.pid, "--for", "0", "--pause", "10s").doc["findings"]
    assert (finding["rule"], finding["grade"], finding["count"]) == ("timers", "possible", 300)
    assert any("main.wait" in reason and "time.After" in reason for reason in finding["because"])
    assert any(re.fullmatch(r"each stays until it goes off, the last one in 59m \d\ds", reason) for reason in finding["because"]), finding
    assert inspect(few.pid, "--for", "0", "--pause", "10s").doc["findings"] == []


@pytest.mark.parametrize("old", ["0", "1"])
def test_tickers_that_go_frees(start, old):
    """Since 1.23 the collector does, unless the program asks for the old timers."""
    target = start("forgotten-tickers", env={**os.environ, "GODEBUG": f"asynctimerchan={old}"})
    findings = inspect(target.pid, "--for", "0", "--pause", "10s").doc["findings"]
    assert [f["rule"] for f in findings] == (["timers"] if old == "1" else [])


UNKNOWN = "what grows in the heap was not looked at: "


@pytest.mark.parametrize("pause, why", [("0", "it takes two pauses, and none is allowed (--pause 0)"), ("1ms", "the budget of 1 ms would be broken")])
def test_growth_that_was_not_looked_at_is_said(start, pause, why):
    """Then goroutines are still compared after the time that was asked for."""
    doc = inspect("--for", f"{BETWEEN_S}s", "--pause", pause, start("pause-server").pid).doc
    (note,) = [note for note in doc["unread"]["notes"] if note.startswith(UNKNOWN)]
    assert why in note, note
    assert doc["looks"] == 2 and doc["look_interval_s"] >= BETWEEN_S
    assert doc["findings"] == []


def test_growth_whose_second_pause_fails_is_said(start):
    """Somebody stopped the process meanwhile."""
    target = start("growing")
    stopper = threading.Timer(BETWEEN_S / 2, os.kill, (target.pid, signal.SIGSTOP))
    stopper.start()
    result = inspect("--for", f"{BETWEEN_S}s", "--pause", "5s", target.pid)
    stopper.join()
    (note,) = [note for note in result.doc["unread"]["notes"] if note.startswith(UNKNOWN)]
    assert "is stopped" in note, note
    assert result.doc["looks"] == 2 and result.doc["findings"] == []


def test_growth_that_was_not_asked_for_is_not_missed(start):
    target = start("pause-server")
    for options in (("--pause", "0"), ("--pause", "1ms"), ()):
        assert not [note for note in inspect(*options, target.pid).doc["unread"]["notes"] if note.startswith(UNKNOWN)]
