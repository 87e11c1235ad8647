"""Cores made to cost as much as can be: each goroutine is cheap, and the list of goroutines names it again and again. What a
look costs has a bound. Each takes ten seconds, so they run only with SEEP_SLOW=1.
"""
import os

import pytest

from .observe import inspect
from .simple import simple_world

pytestmark = pytest.mark.skipif(not os.environ.get("SEEP_SLOW"), reason="SEEP_SLOW=1 runs it")
REPEATS = 300_000


def answer(world, goroutine, tmp_path):
    """The document of a core whose allgs names one goroutine many times."""
    world.allgs += [goroutine.address] * REPEATS
    exe, core = world.write(str(tmp_path))
    run = inspect(exe, core)
    assert run.status in (0, 1), str(run)
    return run.doc


def test_one_deep_stack_for_all(tmp_path):
    """Unwinding all would take hours; what is left out is counted."""
    world = simple_world()
    leaf = world.func("main.deep", "/src/deep.go", 1, 0, lines=[2])
    depth = 100_000
    deep = world.goroutine(20, frames=[leaf.site(2)] * depth, created_by=world.main.site(7), parent=1,
                           stack_size=1 << (16 * depth).bit_length())
    world.block(deep, world.chan("int"), "receive")
    assert answer(world, deep, tmp_path)["unread"]["stacks"] > 0


def test_one_chain_of_defers_for_all(tmp_path):
    world = simple_world()
    world.defer(world.victim, world.victim.frame("main.work"), world.close, world.work.site(14), count=100_000)
    world.sleep(world.victim)
    assert answer(world, world.victim, tmp_path)["unread"]["defers"] > 0


def test_one_large_select_for_all(tmp_path):
    world = simple_world()
    world.select(world.victim, [(world.chan("int"), "receive") for _ in range(20_000)])
    answer(world, world.victim, tmp_path)
