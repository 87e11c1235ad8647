"""Memory in states that no toolchain makes: loops, lies and wild pointers. The rest must still be told right."""
import os

import pytest

from .conftest import FEW, label
from .observe import group_of, inspect, is_sanitized, peak_memory
from .simple import look, simple_world

WILD = [0, 8, 0xdeadbeef, 0x7fffdeadb000, 0xffffffffffffffff, 0x8000000000000000]
each_release = pytest.mark.parametrize("release", FEW, ids=label)


def with_defers(release, count):
    """(world, records) with a chain in the victim's frame; it sleeps."""
    world = simple_world(*release)
    frame = world.victim.frame("main.work")
    records = world.defer(world.victim, frame, world.close, world.work.site(14), count=count)
    world.sleep(world.victim)
    world.finish()
    return world, records


def link(world, record, to):
    """Bends the chain."""
    world.put(record, "_defer", "link", to)


@each_release
@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_defer_loop(release, count, tmp_path):
    """The oldest record points back to the latest: A -> B -> A, and for one record to itself."""
    world, records = with_defers(release, count)
    link(world, records[0], records[-1])
    document = look(world, tmp_path)
    assert document["unread"]["defers"] == 1


@each_release
def test_defer_loop_behind_a_tail(release, tmp_path):
    """A loop that the first record is not part of: A -> B -> C -> B."""
    world, records = with_defers(release, 50)
    link(world, records[0], records[20])
    document = look(world, tmp_path)
    assert document["unread"]["defers"] == 1


@each_release
@pytest.mark.parametrize("to", [8, 0xdeadbeef, 0x7fffdeadb000, 0xffffffffffffffff])
def test_defer_chain_breaks_off(release, to, tmp_path):
    """A link into memory that is not there: what came before it counts, and the break is said."""
    world, records = with_defers(release, 10)
    link(world, records[4], to)
    document = look(world, tmp_path)
    assert document["unread"]["defers"] == 1
    assert group_of(document, 7)["deferred_calls"] >= 5


@each_release
@pytest.mark.parametrize("to", WILD[1:])
def test_defer_head_is_wild(release, to, tmp_path):
    """g._defer itself is no pointer."""
    world, _ = with_defers(release, 10)
    world.set(world.victim, "_defer", to)
    assert look(world, tmp_path)["unread"]["defers"] == 1


@each_release
def test_defer_fields_are_wild(release, tmp_path):
    """Records whose sp, pc and fn are nonsense."""
    world, records = with_defers(release, 60)
    for index, record in enumerate(records):
        world.put(record, "_defer", ("sp", "pc", "fn")[index % 3], WILD[index % len(WILD)])
    look(world, tmp_path)


@pytest.mark.parametrize("release", [("1.18", "amd64"), ("1.27", "arm64")], ids=label)
def test_million_defers(release, tmp_path):
    """A million records in one chain are counted to the last, in bounded memory: the file's pages and little else."""
    world, _ = with_defers(release, 1_000_000)
    exe, core = world.write(str(tmp_path))
    run = inspect(exe, core)
    entry = max(run.doc["defers"], key=lambda d: d["count"])
    assert entry["count"] == 1_000_000 and entry["goroutine"] == 7 and entry["at"]["line"] == 14
    assert entry["deferred"]["function"] == "main.close"
    assert entry["bytes"] >= 48_000_000
    if not is_sanitized():
        peak = peak_memory("inspect", core, "--exe", exe, "--for", "0")
        assert peak < os.path.getsize(core) + (64 << 20), f"{peak >> 20} MiB"


@pytest.mark.parametrize("release", [("1.23", "amd64"), ("1.27", "arm64")], ids=label)
@pytest.mark.parametrize("how", ["loop", "self", "tail", "wild", "head", "marker"])
def test_range_defers(release, how, tmp_path):
    """The list of a range-over-func loop (1.23+), broken in each of its links."""
    world = simple_world(*release)
    frame, site = world.victim.frame("main.work"), world.work.site(14)
    marker, records = world.range_defer(world.victim, frame, world.close, site, 20)
    world.sleep(world.victim)
    world.finish()
    if how == "loop":
        link(world, records[0], records[-1])
    elif how == "self":
        link(world, records[5], records[5])
    elif how == "tail":
        link(world, records[0], records[10])
    elif how == "wild":
        link(world, records[5], 0xdeadbeef)
    elif how == "head":
        world.put(marker, "_defer", "head", 0x7fffdeadb000)
    else:
        link(world, records[0], marker)
    document = look(world, tmp_path)
    assert document["unread"]["defers"] >= 1 or how == "marker"
    assert group_of(document, 7)["deferred_calls"] <= 100, "a loop is left after a few turns"


# ---- what goroutines wait on

@each_release
@pytest.mark.parametrize("to", WILD)
@pytest.mark.parametrize("path", ["waiting", "labels"])
def test_goroutine_pointer_is_wild(release, path, to, tmp_path):
    """g.waiting and g.labels that lead nowhere."""
    world = simple_world(*release)
    world.block(world.victim, world.victim_chan, "send")
    world.finish()
    world.set(world.victim, path, to)
    look(world, tmp_path)


@each_release
@pytest.mark.parametrize("to", WILD)
@pytest.mark.parametrize("path", ["g", "c", "next", "waitlink", "elem"])
def test_sudog_is_wild(release, path, to, tmp_path):
    """Each pointer of a sudog."""
    world = simple_world(*release)
    sudog = world.block(world.victim, world.victim_chan, "send")
    world.finish()
    if path in ("c", "elem"):
        world.point(sudog, path, to)
    else:
        world.put(sudog, "sudog", path, to)
    look(world, tmp_path)


@each_release
@pytest.mark.parametrize("path", ["qcount", "dataqsiz", "elemtype", "recvq.first", "sendq.first", "buf", "closed"])
@pytest.mark.parametrize("to", WILD)
def test_channel_is_wild(release, path, to, tmp_path):
    """Each field of a channel."""
    world = simple_world(*release)
    world.block(world.victim, world.victim_chan, "send")
    world.finish()
    world.put(world.victim_chan.address, "hchan", path, to)
    look(world, tmp_path)


@each_release
@pytest.mark.parametrize("shape", ["self", "pair", "tail", "first"])
def test_queue_loops(release, shape, tmp_path):
    """A channel's queue of senders that loops."""
    world = simple_world(*release)
    sudogs = [world.block(world.victim, world.victim_chan, "send")]
    for goid in range(20, 25):
        g = world.goroutine(goid, frames=[world.work.site(14)])
        sudogs.append(world.block(g, world.victim_chan, "send"))
    world.finish()
    source, to = {"self": (2, 2), "pair": (1, 0), "tail": (5, 3), "first": (5, 0)}[shape]
    world.put(sudogs[source], "sudog", "next", sudogs[to])
    look(world, tmp_path)


@each_release
@pytest.mark.parametrize("shape", [(0, 0), (1, 0), (2, 1), (2, 2), (39, 20)])
def test_select_loops(release, shape, tmp_path):
    """The cases of a select, linked to a loop."""
    world = simple_world(*release)
    sudogs = world.select(world.victim, [(world.chan("int"), "receive") for _ in range(40)])
    world.finish()
    world.put(sudogs[shape[0]], "sudog", "waitlink", sudogs[shape[1]])
    look(world, tmp_path)


@each_release
@pytest.mark.parametrize("path", ["prev", "next", "parent", "waitlink", "waittail"])
def test_semaphore_tree_loops(release, path, tmp_path):
    """The tree of waiters on semaphores leads back to itself."""
    world = simple_world(*release)
    mutex = world.mutex()
    sudogs = [world.lock(world.victim, mutex)]
    for goid in (20, 21, 22):
        sudogs.append(world.lock(world.goroutine(goid, frames=[world.work.site(14)]), mutex))
    world.finish()
    for sudog in sudogs:
        world.put(sudog, "sudog", path, sudogs[0])
    look(world, tmp_path)


@each_release
def test_condition_list_loops(release, tmp_path):
    """A notifyList that loops behind its first."""
    world = simple_world(*release)
    cond = world.cond()
    sudogs = [world.cond_wait(world.victim, cond)]
    for goid in (20, 21, 22):
        sudogs.append(world.cond_wait(world.goroutine(goid, frames=[world.work.site(14)]), cond))
    world.finish()
    world.put(sudogs[-1], "sudog", "next", sudogs[1])
    look(world, tmp_path)


@each_release
@pytest.mark.parametrize("count", [0, 1, 1 << 40, 0xffffffffffffffff])
def test_labels_are_wild(release, count, tmp_path):
    """Labels that say there are more of them than memory has."""
    world = simple_world(*release)
    g = world.goroutine(20, frames=[world.work.site(14)], labels={"tenant": "blue", "path": "/x"})
    world.sleep(g)
    world.finish()
    labels = world.memory.word(world.at(g, "g", "labels"))
    if world.minor >= 24:
        world.memory.u64(labels + 8, count)
    else:
        hmap = world.memory.word(labels)
        world.memory.u64(hmap, count)
        world.memory.u8(hmap + 9, 0xff)  # 2^255 buckets
        world.memory.u64(world.memory.word(hmap + 16) + 264, world.memory.word(hmap + 16))  # overflow to itself
    look(world, tmp_path)


@each_release
def test_label_texts_are_wild(release, tmp_path):
    """Labels whose texts are huge or nowhere."""
    world = simple_world(*release)
    labels = {"tenant": "blue", "path": "/x", "\x1b[31m": b"\xff\x07"}
    g = world.goroutine(20, frames=[world.work.site(14)], labels=labels)
    world.sleep(g)
    world.finish()
    labels = world.memory.word(world.at(g, "g", "labels"))
    first = world.memory.word(labels) if world.minor >= 24 else world.memory.word(world.memory.word(labels) + 16) + 8
    world.memory.u64(first, 0x7fffdeadb000)
    world.memory.u64(first + 8, 1 << 62)
    look(world, tmp_path)
