"""What findings rest on, broken: machine code, stack maps, spans. Any verdict will do; it must come, in time."""
import random
import struct

import pytest

from .conftest import FEW, label
from .gotypes import varint
from .leaks import polling, senders
from .simple import look

# Jumps, calls, returns, prefixes: B, B.cond, BL, RET, BR, CBZ, TBZ, ADR, any.
ARM64_PIECES = (0x14000000, 0x54000000, 0x94000000, 0xd65f03c0, 0xd61f0000, 0xb4000000, 0x36000000, 0x10000000, 0)
AMD64_PIECES = (b"\xeb", b"\xe9", b"\xe8", b"\x0f\x85", b"\x75", b"\xff\xe0", b"\xff\x24\xc5", b"\xc3", b"\xcc",
                b"\x48", b"\x66\x66\x2e", b"\xf0", b"\x48\x8d\x05")
each_release = pytest.mark.parametrize("release", FEW, ids=label)


def function(world, name):
    """A function by its name."""
    return next(f for f in world.functions if f.name == name)


@each_release
@pytest.mark.parametrize("seed", range(12))
def test_random_code(release, seed, tmp_path):
    """The function with the pending defers, its wrapper and what they call: random bytes, or pieces of code."""
    world = polling(release, 100, loop=seed % 2 == 0)
    chance = random.Random(f"{seed} {release}")
    for name in ("main.poll", "main.poll.deferwrap1", "main.close", "main.work"):
        target = function(world, name)
        size = len(target.text)
        if seed % 3 == 0:
            code = chance.randbytes(size)
        elif world.arch == "arm64":
            words = [chance.choice(ARM64_PIECES) | chance.getrandbits(chance.choice((8, 26))) for _ in range(size // 4)]
            code = struct.pack(f"<{len(words)}I", *words)
        else:
            pieces = (chance.choice(AMD64_PIECES) + chance.randbytes(chance.randrange(5)) for _ in range(size))
            code = b"".join(pieces)[:size]
        world.memory.write(target.entry, code)
    look(world, tmp_path)


@each_release
def test_endless_code(release, tmp_path):
    """A function of 200,000 bytes without a single jump, and one that is all jumps."""
    for piece in (None, "jumps"):
        world = polling(release, 100, loop=True)
        big = world.func("main.big", "/src/shop/big.go", 5, 64, lines=range(10, 40_000),
                         calls={10: "runtime.deferproc"})
        g = world.goroutine(30, frames=[big.site(39_000)], created_by=world.main.site(7))
        world.defer(g, g.frame("main.big"), world.close, big.site(10), count=100)
        world.sleep(g)
        if piece:
            step = b"\x75\x02\xeb\xfc" if world.arch == "amd64" else struct.pack("<II", 0x54000041, 0x17ffffff)
            start = big.site(11).start
            world.memory.write(start, step * ((big.entry + len(big.text) - start) // len(step) - 8))
        look(world, tmp_path)


@each_release
@pytest.mark.parametrize("blob", [
    struct.pack("<ii", 1, 0x7fffffff), struct.pack("<ii", 0x7fffffff, 64), struct.pack("<ii", -1, -1),
    struct.pack("<ii", 1 << 20, 1 << 14) + b"\xff" * 64, struct.pack("<ii", 0, 64), b"\x01", struct.pack("<ii", 4, 9)])
@pytest.mark.parametrize("index", [0, 1, 3, 1 << 20, 0x3fffffff])
def test_stack_maps(release, blob, index, tmp_path):
    """Stack maps that say they are huge, many, or negative; an index that they do not have."""
    world = senders(release, 60, receiver=True)
    serve = function(world, "main.serve")
    serve.raw["locals"] = blob
    serve.raw["stackmap"] = varint(2 * (index + 1)) + varint(200) + b"\0"
    look(world, tmp_path)


@each_release
@pytest.mark.parametrize("path,value", [("elemsize", 0), ("elemsize", 7), ("elemsize", 1 << 62), ("npages", 1 << 51),
                                        ("npages", 0), ("startAddr", 0), ("state", 77), ("nelems", 0xffff)])
def test_spans(release, path, value, tmp_path):
    """Heap spans that lie, while the objects behind the stacks are searched for channels."""
    world = senders(release, 60, receiver=True).finish()
    for span in world.heap.spans:
        world.put(span.address, "mspan", path, value)
    look(world, tmp_path)


@each_release
def test_objects_point_at_each_other(release, tmp_path):
    """A receiver whose frame leads to 5,000 objects that all hold all channels."""
    world = senders(release, 60, receiver=True)
    frame = next(g for g in world.goroutines if g.id == 50).frame("main.serve")
    channels = [c.address for c in world.channels]
    objects = [world.heap.alloc(512) for _ in range(5000)]
    for index, where in enumerate(objects):
        words = (channels + [objects[index - 1]]) * 16
        world.heap.arena.write(where, struct.pack("<64Q", *words[:64]))
    for where in range(frame.sp + 8, frame.varp, 8):
        world.memory.u64(where, objects[where % 4999])
    look(world, tmp_path)
