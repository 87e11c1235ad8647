"""Goroutine descriptors, stacks and the list of goroutines that lie."""
import pytest

from .conftest import FEW, label
from .observe import group_of
from .simple import look, refuse, simple_world

each_release = pytest.mark.parametrize("release", FEW, ids=label)


def blocked(release):
    """A finished world whose victim waits to send."""
    world = simple_world(*release)
    world.block(world.victim, world.victim_chan, "send")
    return world.finish()


@each_release
@pytest.mark.parametrize("low,high", [(2, 1), (1, 1), (0, 0), (0, 1 << 63), (0, (1 << 64) - 1), (1 << 63, 1 << 62)])
def test_stack_bounds(release, low, high, tmp_path):
    """stack.lo above stack.hi, an empty stack, a stack as big as the address space."""
    world = blocked(release)
    values = (world.victim.high, world.victim.low) if (low, high) == (2, 1) else (low, high)
    world.set(world.victim, "stack.lo", values[0])
    world.set(world.victim, "stack.hi", values[1])
    document = look(world, tmp_path)
    assert document["goroutines"]["total"] == len(world.goroutines)


@each_release
@pytest.mark.parametrize("sp", ["low-8", "high", "high-8", "+1", "+4", 0, 8, (1 << 64) - 8, "other"])
def test_sp_outside(release, sp, tmp_path):
    """sched.sp beside its stack, odd, or in that of another goroutine."""
    world = blocked(release)
    g = world.victim
    value = {"low-8": g.low - 8, "high": g.high, "high-8": g.high - 8, "+1": g.sp + 1, "+4": g.sp + 4,
             "other": world.witness.sp}.get(sp, sp)
    world.set(g, "sched.sp", value)
    look(world, tmp_path)


@each_release
@pytest.mark.parametrize("status", [0, 5, 7, 10, 11, 12, 77, 0x1000, 0x1002, 0x2004, 0xffffffff])
def test_status(release, status, tmp_path):
    """States that are none, and some with the scan bit."""
    world = blocked(release)
    world.set(world.victim, "atomicstatus", status)
    look(world, tmp_path)


@each_release
@pytest.mark.parametrize("path,value", [("waitreason", 200), ("waitreason", 63), ("goid", 0), ("goid", (1 << 64) - 1),
                                        ("goid", 8), ("waitsince", (1 << 63) - 1), ("waitsince", -1), ("startpc", 0),
                                        ("startpc", 0xdeadbeef), ("gopc", 0), ("gopc", 1), ("gopc", (1 << 64) - 1),
                                        ("sched.pc", 0), ("sched.pc", 0xdeadbeef), ("sched.pc", (1 << 64) - 1),
                                        ("syscallsp", 8), ("syscallsp", (1 << 64) - 8), ("m", 0xdeadbeef),
                                        ("parentGoid", 1 << 63), ("lockedm", 8), ("_panic", 0xdeadbeef)])
def test_field(release, path, value, tmp_path):
    """One field of the descriptor is nonsense."""
    world = blocked(release)
    world.set(world.victim, path, value)
    # goid 8 is also that of the witness, which then cannot be told apart.
    look(world, tmp_path, healthy=(1,) if (path, value) == ("goid", 8) else (1, 8))


@each_release
def test_pc_in_no_function(release, tmp_path):
    """A return address in the middle of the stack that belongs to no function: the frames below it are told."""
    world = blocked(release)
    frame = world.victim.frame("main.work")
    where = frame.sp + frame.size if world.arch == "amd64" else frame.sp
    world.memory.u64(where, 0x7fffdeadb000)
    group = group_of(look(world, tmp_path), 7)
    assert not group["complete"]
    assert "main.work" in [f["function"] for f in group["frames"]]


@each_release
def test_list_with_wild_pointers(release, tmp_path):
    """allgs with nil, unmapped, odd and doubled pointers among good ones: a smaller answer or a clear refusal."""
    for wild in (0, 0x7fffdeadb000, 0xdeadbeef, 3, (1 << 64) - 1, "double", "odd"):
        world = simple_world(*release)
        for goid in range(100, 120):
            world.block(world.goroutine(goid, frames=[world.work.site(14)]), world.victim_chan, "send")
        world.finish()
        value = {"double": world.witness.address, "odd": world.witness.address + 4}.get(wild, wild)
        slot = world.memory.word(world.allgs_at) + 8 * world.allgs.index(world.victim.address)
        world.memory.u64(slot, value)
        look(world, tmp_path, healthy=(1,) if wild == "double" else (1, 8), may_refuse=True)


@each_release
@pytest.mark.parametrize("length,room", [(1 << 40, 1 << 40), ((1 << 64) - 1, (1 << 64) - 1), (1 << 27, 1 << 27),
                                         (100, 8), (0, 8), (1 << 20, 1 << 20)])
def test_list_length_lies(release, length, room, tmp_path):
    """allgs that says it is huge, longer than its room, or empty."""
    world = blocked(release)
    world.memory.u64(world.allgs_at + 8, length)
    world.memory.u64(world.allgs_at + 16, room)
    look(world, tmp_path, healthy=(), may_refuse=True)


@each_release
def test_no_list(release, tmp_path):
    """Without allgs there is nothing to tell."""
    world = blocked(release)
    world.memory.write(world.allgs_at, bytes(24))
    world.memory.u64(world.allgptr, 0)
    assert "goroutines" in refuse(world, tmp_path)


@each_release
@pytest.mark.parametrize("value", [0, 8, 1 << 40, (1 << 64) - 1])
def test_spans_are_wild(release, value, tmp_path):
    """Heap spans that lie about their place and size: goroutines are told all the same."""
    for path in ("startAddr", "npages", "elemsize", "state"):
        world = blocked(release)
        for span in world.heap.spans[::2]:
            world.put(span.address, "mspan", path, value)
        look(world, tmp_path)


@each_release
def test_no_spans(release, tmp_path):
    """Without allspans the memory cannot be split, but all else is told."""
    world = blocked(release)
    world.memory.write(world.allspans_at, bytes(24))
    look(world, tmp_path)


@pytest.mark.parametrize("release", [("1.19", "amd64"), ("1.22", "arm64"), ("1.26", "amd64")], ids=label)
def test_deep_recursion(release, tmp_path):
    """100,000 frames that go round in three functions; the innermost and the outermost are told."""
    world = simple_world(*release)
    names = [world.func(f"main.walk{i}", "/src/shop/walk.go", 10 * i + 1, 16, lines=[10 * i + 5]) for i in range(3)]
    frames = [names[i % 3].site() for i in range(100_000)] + [world.main.site(7)]
    g = world.goroutine(20, frames=frames, created_by=world.main.site(7))
    world.block(g, world.victim_chan, "send")
    document = look(world, tmp_path)
    shown = [f["function"] for f in group_of(document, 20)["frames"]]
    assert shown[:3] == ["runtime.gopark", "runtime.chansend", "runtime.chansend1"]
    assert "main.walk0" in shown and "main.walk1" in shown and "main.walk2" in shown


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_frame_that_returns_to_itself(arch, tmp_path):
    """A frame of no size whose return address is its own: every step must take the walk up or end it."""
    world = simple_world("1.25", arch)
    still = world.func("main.still", "/src/shop/still.go", 1, 0, lines=[3])
    g = world.goroutine(20, frames=[still.site()], created_by=world.main.site(7), stack_size=65536)
    for where in range(g.low, g.high, 8):
        world.memory.u64(where, still.site().pc)
    world.set(g, "sched.pc", still.site().pc)
    world.set(g, "sched.lr", still.site().pc)
    world.set(g, "sched.sp", g.low + 64)
    look(world, tmp_path)
