"""Every kind of leak is found at its place, and its twin with the right idiom is clean."""

import time

import pytest

from findings import find, is_at, is_true
from seepcli import describe, inspect
from sources import place

ENOUGH = 300

# program: where its goroutines wait, and where they were started
BLOCKED = {
    "leak-early-return": ("main.lookup.func1", "main.lookup"),
    "leak-nil-chan": ("main.(*Session).cleanUp", "main.main"),
    "leak-select": ("main.(*Session).follow", "main.serve"),
    "leak-mutex": ("main.(*Store).update", "main.main"),
    "leak-rwmutex": ("main.(*Config).read", "main.main"),
    "leak-waitgroup": ("main.finish", "main.gather"),
    "leak-cond": ("main.(*Gate).pass", "main.(*Gate).run"),
    "leak-range": ("main.handle.func1", "main.handle"),
    "leak-retry": ("main.deliver", "main.main"),
    "leak-in-crowd": ("main.lookup.func1", "main.lookup"),
}

# kind of loop: the function, and what it defers
DEFERS = {
    "closure": ("main.loopClosure", {"main.loopClosure.func1"}),
    "method-value": ("main.loopMethodValue", {"main.(*Handle).Close", "main.(*Handle).Close-fm"}),
    "interface": ("main.loopInterface", {"main.(*Handle).Close"}),
    "until-done": ("main.loopUntilDone", {"main.(*Handle).Close"}),
}



@pytest.mark.parametrize("program", BLOCKED)
def test_blocked_goroutines(start, program):
    """Goroutines that pile up at one place are found, with where they wait and where they were started."""
    function, starter = BLOCKED[program]
    target = start(program)
    before = target.wait_leaked(ENOUGH)
    result = inspect(target.pid)
    after = target.truth()
    finding = find(result.doc, "blocked-goroutines", function)
    is_at(finding["at"], function, f"{program}/main.go", "wait here")
    is_at(finding["started_at"], starter, f"{program}/main.go", "go here")
    is_true(finding, before, after)
    places = {f["at"]["function"] for f in result.doc["findings"]}
    assert places <= {function, "main.(*Config).write"}, describe(result.doc)


@pytest.mark.parametrize("kind", DEFERS)
def test_defers_in_a_loop(start, kind):
    """Deferred calls that pile up are found, however they are written."""
    function, deferred = DEFERS[kind]
    target = start("leak-defer", "-kind", kind)
    # Where the loop has a way out, the pace of two seconds is held against the program's whole life: on a machine
    # that was busy when the program started, that takes more than one try.
    for _ in range(10 if kind == "until-done" else 1):
        before = target.wait_leaked(ENOUGH)
        result = inspect(target.pid)
        if result.doc["findings"]:
            break
    after = target.truth()
    finding = find(result.doc, "defer-in-loop", function)
    is_at(finding["at"], function, "leak-defer/main.go", f"defer {kind}")
    is_true(finding, before, after)
    if kind != "interface":  # whose it is stands in the value, not in the code
        assert finding["deferred"]["function"] in deferred
    assert len(result.doc["findings"]) == 1, describe(result.doc)


def test_defers_in_a_range_over_a_function(start, toolchain_or_skip):
    """Deferred calls in the body of a range over a function are kept elsewhere, and found all the same."""
    if toolchain_or_skip("path").release < (1, 23):
        pytest.skip("needs Go 1.23")
    target = start("defer-rangefunc")
    before = target.wait_leaked(ENOUGH)
    result = inspect(target.pid)
    after = target.truth()
    names = ("main.drain", "main.drain-range1")
    findings = [f for f in result.doc["findings"] if f["at"]["function"] in names]
    assert len(findings) == len(result.doc["findings"]) == 1, describe(result.doc)
    at = findings[0]["at"]
    lines = [place("defer-rangefunc/main.go", marker)[1] for marker in ("loop here", "defer here")]
    assert at["file"] == place("defer-rangefunc/main.go", "defer here")[0]
    assert at["line"] in lines
    assert findings[0]["deferred"]["function"] == "main.acknowledge"
    is_true(findings[0], before, after)


def test_clean_twins(start, toolchain_or_skip):
    """The right idioms, under the same load, give no finding."""
    names = [name for name in BLOCKED if name != "leak-in-crowd"] + ["leak-defer"]
    if toolchain_or_skip("path").release >= (1, 23):
        names.append("defer-rangefunc")
    targets = {name: start(name, "-clean") for name in names}
    time.sleep(1)
    result = inspect(*(target.pid for target in targets.values()))
    found = {name: describe(document) for name, document in zip(targets, result.docs)}
    assert found == {name: [] for name in names}
