"""What is proved to be leaked never runs again, and what nothing can wake is proved to be leaked.

The programs know the truth: they made it so. That they do it right is held against Go's own profile of leaked
goroutines, without seep.
"""

import os
import shutil
import signal
import subprocess

import pytest

from proof import by_number, inspect_now, look, proven, tell
from seepcli import describe
from toolchain import EVERY_RELEASE, MODES

RELEASES = ("path", "1.27.3", "1.19")
WITH_PROFILE = "1.27.3"


# ---- what nothing can wake

def leaked_and_kept(ready):
    """The names of all that wait, by number, and the numbers of those that are leaked."""
    names = by_number(ready["waiting"])
    leaked = {number for number, name in names.items() if name.startswith("leaked ")}
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


@pytest.mark.parametrize("toolchain", RELEASES)
def test_who_parks_by_himself_is_not_judged(start, toolchain):
    """They wait without a sudog, so that it is not known for what. They are woken later."""
    target = start("own-park", toolchain=toolchain)
    for _ in range(3):
        before = target.truth()["woken"]
        document = inspect_now(target.pid)
        assert [g["count"] for g in document["goroutines"]["groups"] if g["wait_reason"] == "select" and not g["system"]] == [50]
        assert document["proof"]["known"] and not proven(document) and not document["findings"], describe(document)
        target.wait_until(lambda truth: truth["woken"] >= before + 50)


@pytest.mark.parametrize("toolchain", RELEASES)
def test_a_select_on_nothing_has_nothing_to_read(start, toolchain):
    """All its channels are nil. Who only says that he selects waits on something, and that is not read."""
    document = inspect_now(start("proof-leaks", "-n", "10", toolchain=toolchain).pid)
    assert [reason for f in document["findings"] for reason in f["because"] if "all its channels are nil" in reason], describe(document)
    assert document["unread"]["channels"] == 0
    assert inspect_now(start("own-park", toolchain=toolchain).pid)["unread"]["channels"] == 50


def test_leaks_are_certain(start):
    """What is proved is reported, with the grade that says so."""
    target = start("proof-leaks", "-n", "10")
    document = inspect_now(target.pid)
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
@pytest.mark.parametrize("toolchain", EVERY_RELEASE)
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


LOOKS = 6


def check_moving(program, core=None):
    """While memory moves, a pointer may be in a vector register and nowhere else."""
    for _ in range(LOOKS):
        assert look(program.pid) == frozenset()
    if core:
        assert look(core) == frozenset()
    served = program.truth()["served"]
    program.wait_until(lambda truth: truth["served"] >= served + 2048)


@pytest.mark.parametrize("toolchain", RELEASES)
def test_memory_that_moves(start, toolchain, toolchain_or_skip, tmp_path):
    toolchain_or_skip(toolchain)
    program = start("moving-slice", toolchain=toolchain)
    core = None
    if shutil.which("gcore"):
        subprocess.run(["gcore", "-o", tmp_path / "core", str(program.pid)], check=True, capture_output=True)
        core = tmp_path / f"core.{program.pid}"
    check_moving(program, core)


@pytest.mark.parametrize("toolchain", RELEASES)
def test_roots(start, toolchain):
    """Who can be woken, from wherever it be, is not leaked."""
    check_roots(start, toolchain)


@pytest.mark.matrix
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("toolchain", EVERY_RELEASE)
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
