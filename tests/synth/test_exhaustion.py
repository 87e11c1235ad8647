"""Memory made to wear a reader out: lists as long as can be, for each goroutine. Time and memory must be bounded."""
import struct

import pytest

from .conftest import FEW, label
from .observe import inspect, is_sanitized, peak_memory
from .simple import look, simple_world

each_release = pytest.mark.parametrize("release", FEW, ids=label)
ROOM = 256 << 20


def bounded(world, directory, room=ROOM):
    """Looks at the world in bounded time and memory; returns the document."""
    document = look(world, directory)
    if not is_sanitized():
        peak = peak_memory("inspect", f"{directory}/shop.core", "--exe", f"{directory}/shop", "--for", "0")
        assert peak < room, f"{peak >> 20} MiB"
    return document


def crowd(release, count, block):
    """A world with many goroutines at one place, each blocked by block(world, g, index)."""
    world = simple_world(*release)
    world.sleep(world.victim)
    for index in range(count):
        g = world.goroutine(100 + index, frames=[world.work.site(14)], stack_size=4096)
        block(world, g, index)
    return world


@each_release
def test_every_select_loops(release, tmp_path):
    """2,000 goroutines in a select whose cases loop behind the first: A -> B -> B."""
    channels = []

    def block(world, g, _):
        if not channels:
            channels.extend((world.chan("int"), world.chan("int")))
        sudogs = world.select(g, [(c, "receive") for c in channels])
        world.put(sudogs[1], "sudog", "waitlink", sudogs[1])
    world = crowd(release, 2000, block)
    world.channels = []  # the queues are not asked for
    bounded(world, tmp_path)


@each_release
def test_every_queue_loops(release, tmp_path):
    """1,000 channels with both queues filled, each of which loops behind its first."""
    def block(world, g, _):
        channel = world.chan("int")
        sudogs = world.select(g, [(channel, "receive"), (channel, "send")])
        sudogs.append(world.sudog(g, channel.address))
        for sudog in sudogs:
            world.put(sudog, "sudog", "next", sudogs[2])
        world.put(channel.address, "hchan", "sendq.first", sudogs[0])
        world.put(channel.address, "hchan", "recvq.first", sudogs[1])
    world = crowd(release, 1000, block)
    world.channels = []
    bounded(world, tmp_path)


@each_release
def test_every_chain_of_defers_loops(release, tmp_path):
    """1,000 goroutines that share one chain of 1,000 records which bites its tail."""
    world = crowd(release, 1000, lambda world, g, _: world.sleep(g))
    records = world.defer(world.victim, world.victim.frame("main.work"), world.close, world.work.site(14), count=1000)
    world.finish()
    world.put(records[0], "_defer", "link", records[500])
    for g in world.goroutines:
        if g.id >= 100:
            world.set(g, "_defer", records[-1])
    bounded(world, tmp_path)


@each_release
def test_defers_of_many_statements(release, tmp_path):
    """30,000 records in one chain, no two of the same statement: pcs all over."""
    world = simple_world(*release)
    frame, site = world.victim.frame("main.work"), world.work.site(14)
    records = world.defer(world.victim, frame, world.close, site, count=30_000)
    world.sleep(world.victim)
    pc = world.layouts.offset("runtime._defer", "pc")
    arena = world.heap.arena
    for index, record in enumerate(records):
        struct.pack_into("<Q", arena.bytes, record + pc - arena.base, world.image.text.base + index * 8)
    bounded(world, tmp_path)


@each_release
def test_every_stack_is_the_whole_heap(release, tmp_path):
    """300 goroutines whose stacks reach from 0 to the end of the address space, all with frames that go nowhere."""
    world = crowd(release, 300, lambda world, g, _: world.sleep(g))
    still = world.func("main.still", "/src/shop/still.go", 1, 16, lines=[3])
    field = world.heap.stack(1 << 20)
    world.heap.arena.write(field, struct.pack("<Q", still.site().pc) * (1 << 17))
    for g in world.goroutines:
        if g.id >= 100:
            for path, value in (("stack.lo", 0), ("stack.hi", (1 << 64) - 8), ("sched.sp", field + 64),
                                ("sched.pc", still.site().pc)):
                world.set(g, path, value)
    bounded(world, tmp_path)


@each_release
def test_every_condition_list_loops(release, tmp_path):
    """1,000 goroutines at one condition whose list loops behind its first."""
    conditions, sudogs = [], []

    def block(world, g, _):
        conditions.append(conditions[0] if conditions else world.cond())
        sudogs.append(world.cond_wait(g, conditions[0]))
    world = crowd(release, 1000, block)
    world.finish()
    world.put(sudogs[-1], "sudog", "next", sudogs[1])
    bounded(world, tmp_path)


@each_release
def test_every_goroutine_is_the_same(release, tmp_path):
    """A list of a million goroutines that are all one."""
    world = simple_world(*release)
    world.block(world.victim, world.victim_chan, "send")
    world.finish()
    count = 1_000_000
    array = world.persistent.add(struct.pack("<Q", world.victim.address) * count, 8)
    world.memory.write(world.allgs_at, struct.pack("<QQQ", array, count, count))
    exe, core = world.write(str(tmp_path))
    inspect(exe, core)
    if not is_sanitized():
        assert peak_memory("inspect", core, "--exe", exe, "--for", "0") < 1 << 30


@each_release
def test_functions_with_long_tables(release, tmp_path):
    """A function whose tables have 20,000 steps each."""
    world = simple_world(*release)
    lines = list(range(100, 20_100))
    long = world.func("main.long", "/src/shop/long.go", 50, 64, lines=lines)
    for index in range(500):
        g = world.goroutine(100 + index, frames=[long.site(lines[-1 - index])], created_by=world.main.site(7))
        world.block(g, world.victim_chan, "receive")
    world.sleep(world.victim)
    bounded(world, tmp_path)
