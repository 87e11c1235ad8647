"""Each rule of `seep scan` finds the leaks of its leaky program, at the marked lines, and nothing in the clean one.

That the leaky functions leak, and the clean ones do not, the programs show by themselves: they run, and count.
"""

import functools
import json
import subprocess

import pytest

from scancli import RULES, marks, own, scan, short, source
from toolchain import PROGRAMS, find_toolchain

PATIENCE_SECONDS = 300

TOOLCHAINS = ["path", *(pytest.param(release, marks=pytest.mark.matrix) for release in ("1.19", "1.27.3"))]

NESTED = "the goroutine is started by a closure within the function that makes the channel"
BESIDE = "it gives away the address of something in its frame, and what lies behind that may go with it"
UNSEEN = {  # what `seep scan` does not see, and why: docs/judging.md says the same
    ("early-return", "backup"): NESTED,
    ("early-return", "warmUp"): NESTED,
    ("double-send", "translate"): NESTED,
    ("double-send", "await"): "the goroutine calls a function value, which may be given the channel",
    ("double-send", "export"): BESIDE,
    ("abandoned-sender", "print"): NESTED,
    ("abandoned-sender", "within"): BESIDE,
    ("range-never-closed", "process"): "it is only called through a function value, so its results are not known",
    ("range-never-closed", "watch"): NESTED,
    ("waitgroup-stuck", "forEach"): NESTED,
    ("waitgroup-stuck", "preview"): BESIDE,
    ("timer-loop", "poll"): "nothing in its code shows that it serves requests",
    ("timer-loop", "announce"): NESTED,
}

UNSEEN_BEFORE_1_20 = {  # the code of that compiler leaves more in registers, which then looks like an argument
    ("early-return", "hedge"),
    ("abandoned-sender", "ping"),
    ("abandoned-sender", "within"),
    ("waitgroup-stuck", "preview"),
}


def leak(mark):
    """A test's parameter: a leak that must be found, or one that is known not to be."""
    reason = UNSEEN.get((mark.rule, mark.function))
    unseen = [pytest.mark.xfail(reason=reason)] if reason else []
    return pytest.param(mark, id=f"{mark.rule}-{mark.function}", marks=unseen)


LEAKS = [leak(mark) for rule in RULES for mark in marks(rule)]


@pytest.fixture(params=TOOLCHAINS)
def toolchain(request):
    """The Go releases that the programs are built with."""
    return request.param


@functools.lru_cache(maxsize=None)
def run_once(binary):
    """Runs one program to its end, and returns what it says of each function."""
    done = subprocess.run([binary], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
    said = [json.loads(line) for line in done.stdout.splitlines()]
    functions = {line["function"]: line for line in said}
    assert len(functions) == len(said) > 0, done.stdout
    return functions


@functools.lru_cache(maxsize=None)
def scan_once(binary):
    """The document of one program. Whoever gets it must not change it."""
    return scan(binary)


def test_there_are_programs_for_all_rules():
    """No program is forgotten, and none is for a rule that nobody knows."""
    assert sorted(path.name for path in (PROGRAMS / "scan").iterdir()) == sorted(RULES)
    for rule in RULES:
        assert len(marks(rule)) >= 4, rule
        assert marks(rule, "clean") == [], rule


@pytest.mark.parametrize("rule", RULES)
def test_leaky_functions_leak(build, toolchain, rule):
    """Each marked function leaves goroutines behind, or has deferred calls that do not run."""
    functions = run_once(build(f"scan/{rule}/leaky", toolchain))
    assert sorted(functions) == sorted(mark.function for mark in marks(rule))
    for function in functions.values():
        if rule == "defer-in-loop":
            assert function["deferred"] - function["ran"] > 1, function
        else:
            assert function["goroutines_left"] > 0, function


@pytest.mark.parametrize("rule", RULES)
def test_clean_functions_do_not_leak(build, toolchain, rule):
    """They leave no goroutine behind, and have at most one deferred call that is yet to run."""
    functions = run_once(build(f"scan/{rule}/clean", toolchain))
    assert len(functions) >= 5
    for function in functions.values():
        if rule == "defer-in-loop":
            assert function["deferred"] > 1, function
            assert function["pending_at_most"] == 1 >= function["deferred"] - function["ran"], function
        else:
            assert function["goroutines_left"] == 0, function


@pytest.mark.parametrize("mark", LEAKS)
def test_leak_is_found(build, toolchain, mark):
    """There is the finding of that rule, at the marked lines."""
    document = scan_once(build(f"scan/{mark.rule}/leaky", toolchain))
    findings = [finding for finding in own(document) if mark.fits(finding)]
    old = find_toolchain(toolchain).release < (1, 20)
    if old and not findings and (mark.rule, mark.function) in UNSEEN_BEFORE_1_20:
        pytest.xfail("not seen in what Go 1.19 and older compile")
    assert findings, f"{mark} is not among {short(own(document))}"
    for finding in findings:
        assert finding["title"] and finding["because"] and finding["fix"] and finding["fingerprint"], finding
        assert finding["grade"] in ("certain", "likely", "possible"), finding


@pytest.mark.parametrize("rule", RULES)
def test_nothing_else_is_found(build, toolchain, rule):
    """In a leaky program, what is not marked is clean. A marked function may have more than one finding."""
    bodies = [body for mark in marks(rule) for body in mark.bodies]
    findings = own(scan_once(build(f"scan/{rule}/leaky", toolchain)))
    elsewhere = [
        finding
        for finding in findings
        if finding["at"]["file"] != str(source(rule, "leaky"))
        or not any(first <= finding["at"]["line"] <= last for first, last in bodies)
    ]
    assert not elsewhere, short(elsewhere)


@pytest.mark.parametrize("rule", RULES)
def test_clean_program_has_no_findings(build, toolchain, rule):
    """No rule finds anything where nothing leaks."""
    findings = own(scan_once(build(f"scan/{rule}/clean", toolchain)))
    assert not findings, short(findings)


def test_defers_are_listed(build, toolchain):
    """Every marked defer statement is listed as one in a loop that is reported, and no other in the file is."""
    document = scan_once(build("scan/defer-in-loop/leaky", toolchain))
    listed = [defer for defer in document["defers"] if defer["at"]["file"] == str(source("defer-in-loop", "leaky"))]
    reported = sorted({defer["at"]["line"] for defer in listed if defer["in_loop"] and defer["reported"]})
    assert reported == sorted(mark.at for mark in marks("defer-in-loop"))
    endless = {mark.at for mark in marks("defer-in-loop") if mark.grade == "certain"}
    assert {defer["at"]["line"] for defer in listed if defer["in_loop"] and defer["way_out"] == "none"} == endless
