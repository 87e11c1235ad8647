"""Registers that the code ahead is said not to use: a program that runs misses none of them.

`heapcheck poison` (tests/heap/poison.c) interrupts its threads anywhere and overwrites those with what is no address. The program does
the same sums all the time and counts those that come out wrong; what follows a pointer into nothing ends it.
"""

import platform
import subprocess

import pytest

from heapcheck import HEAPCHECK
from toolchain import EVERY_RELEASE

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="only scratch registers of amd64 are judged")

REGISTERS = ("r12", "r13", "r15")


def poison(program, times):
    """How often a register was overwritten, in how many looks at compiled code."""
    done = subprocess.run([HEAPCHECK, "poison", str(program.pid), str(times)], text=True, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return {name: int(value) for name, value in (line.split() for line in done.stdout.splitlines())}


def check(program, times):
    before = program.truth()
    counts = poison(program, times)
    assert counts["compiled"] > times // 50, counts
    assert all(counts["compiled"] // 4 < counts[name] < counts["compiled"] for name in REGISTERS), counts
    after = program.wait_until(lambda truth: truth["done"] > before["done"])
    assert after["wrong"] == 0, counts


def test_what_is_dead_is_not_missed(start):
    check(start("reckoner"), 4000)


@pytest.mark.heap
@pytest.mark.parametrize("toolchain", EVERY_RELEASE)
@pytest.mark.parametrize("mode", ["static", "pie", "noopt"])
def test_of_every_release(start, toolchain_or_skip, toolchain, mode):
    toolchain_or_skip(toolchain)
    check(start("reckoner", toolchain=toolchain, mode=mode), 20000)
