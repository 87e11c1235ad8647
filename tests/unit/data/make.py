#!/usr/bin/python3
"""Makes the executables and cores of this folder: python3 tests/unit/data/make.py

shop-* is a synthetic program of tests/synth in which everything happens, with eight and more goroutines at one place for
each kind of leak, and its core. code-* is one that only has functions: those that the rules of a scan ask for, and some
with room for code. Written packed (see ../packed.h): most of such files is zero.
"""
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))
from synth.rich import POOL, rich_world  # noqa: E402  (found by the line above)
from synth.simple import FILE, simple_world  # noqa: E402

GRAIN = 64
CROWD = 10
CALLED = ["runtime.deferprocat", "runtime.deferrangefunc", "runtime.makechan", "runtime.chanrecv2", "runtime.closechan",
          "runtime.selectnbsend", "runtime.selectnbrecv", "runtime.newobject", "time.After", "time.NewTicker",
          "sync.(*WaitGroup).Add", "sync.(*WaitGroup).Done", "context.WithCancel", "net/http.HandleFunc", "os.Exit"]
USUAL = ["runtime.deferproc", "runtime.newproc", "runtime.chansend1", "runtime.chanrecv1", "runtime.selectgo", "time.Sleep",
         "sync.(*WaitGroup).Wait"]
BODIES, CALLS = 4, 80


def leaking_world(version, arch, pie):
    """The rich world and a crowd at each kind of place."""
    world = rich_world(version, arch, pie=pie)
    jobs, answers, numbers = world.chan("*main.Job"), world.chan("bool"), world.chan("int")
    mutex, group = world.mutex(), world.waitgroup()
    parent = 1 if world.minor >= 21 else 0
    goid = 100
    waits = [lambda g: world.block(g, jobs, "send"), lambda g: world.block(g, answers, "receive"),
             lambda g: world.block(g, None, "send"), lambda g: world.lock(g, mutex), lambda g: world.wait(g, group),
             lambda g: world.select(g, [(numbers, "receive"), (answers, "send")]),
             lambda g: world.select(g, [])]
    for wait in waits:
        for _ in range(CROWD):
            wait(world.goroutine(goid, frames=[world.serve.site(104)], created_by=world.publish.site(87), parent=parent,
                                 labels={"tenant": "blue"}))
            goid += 1
    drain = world.func("main.drain", POOL, 600, 160, lines=[604, 605], deferreturn=True)
    close = world.func("main.drain.func1", POOL, 604, 32, lines=[604])
    for _ in range(2):
        g = world.goroutine(goid, frames=[drain.site(605)], created_by=world.main.site(25), parent=parent)
        world.defer(g, g.frame("main.drain"), close, drain.site(604), count=20)
        world.sleep(g)
        goid += 1
    return world


def code_world(version, arch, pie):
    """Functions that call, in their order, whatever the rules know."""
    world = simple_world(version, arch, pie=pie)
    for name in CALLED:
        world.func(name, FILE, 100, 32, lines=[101])
    for number in range(BODIES):
        first = 1000 * (number + 1)
        known = CALLED + USUAL + [f"main.f{other}" for other in range(number)]
        calls = {first + line: known[(line * (number + 1)) % len(known)] for line in range(0, CALLS, 2)}
        world.func(f"main.f{number}", FILE, first, 128, lines=range(first, first + CALLS), calls=calls, loop=number % 2 == 1)
    return world


def pack(data):
    """u32 size, then for each run of bytes that are not all zero: u32 offset, u32 count, bytes."""
    runs, start = [], None
    for at in range(0, len(data) + GRAIN, GRAIN):
        if any(data[at:at + GRAIN]):
            start = at if start is None else start
        elif start is not None:
            runs.append((start, data[start:at]))
            start = None
    return struct.pack("<I", len(data)) + b"".join(struct.pack("<II", at, len(run)) + run for at, run in runs)


def main():
    for arch, pie in (("amd64", False), ("arm64", True)):
        world = leaking_world("1.26", arch, pie)
        exe = world.executable()
        code = code_world("1.26", arch, pie).executable()
        for name, data in ((f"shop-{arch}", exe), (f"shop-{arch}.core", world.core(exe, "/usr/bin/shop")),
                           (f"code-{arch}", code)):
            with open(os.path.join(HERE, name + ".packed"), "wb") as out:
                out.write(pack(data))


if __name__ == "__main__":
    main()
