"""A small healthy world to break one thing in, and the check that the rest is still told right."""
from .observe import differences, inspect, is_printable, seep
from .world import World

FILE = "/src/shop/work.go"


def simple_world(version="1.23", arch="amd64", **more):
    """Goroutine 1 sleeps in main; 7 (the victim) and 8 (the witness) wait to send, on a channel each."""
    w = World(version, arch, **more)
    w.types.struct("main.Job", [("id", "int"), ("name", "string")])
    w.system_goroutines()
    w.main = w.func("main.main", "/src/shop/main.go", 5, 64, lines=[7, 8])
    w.work = w.func("main.work", FILE, 10, 160, lines=[14, 15], deferreturn=True)
    w.other = w.func("main.other", FILE, 30, 64, lines=[34])
    w.close = w.func("main.close", FILE, 50, 32, lines=[51])
    main = w.goroutine(1, frames=[w.main.site(8), w.std("runtime.main")])
    w.sleep(main)
    parent = 1 if w.minor >= 21 else 0
    w.victim = w.goroutine(7, frames=[w.work.site(15)], created_by=w.main.site(7), parent=parent)
    w.victim_chan = w.chan("*main.Job")
    w.witness = w.goroutine(8, frames=[w.other.site(34)], created_by=w.main.site(7), parent=parent)
    w.block(w.witness, w.chan("int", cap=1, length=1), "send")
    return w


def look(world, directory, healthy=(1, 8), may_refuse=False):
    """Inspects the world in JSON and text. The healthy goroutines must be told right; the document is returned.

    may_refuse: exit status 2 will do as well (None is returned then).
    """
    exe, core = world.write(str(directory))
    run = inspect(exe, core)
    if run.status == 2:
        assert may_refuse, str(run)
        return None
    document = run.doc
    wrong = [d for d in differences(world, document)
             if any(d.startswith(f"goroutine {g}:") or d == f"goroutine {g} is not shown" for g in healthy)]
    assert not wrong, "\n".join(wrong)
    for more, status in ((["--verbose"], run.status), (["--goroutines"], 0)):
        shown = seep("inspect", core, "--exe", exe, "--for", "0", *more)
        assert shown.status == status and is_printable(shown.out), str(shown)
    return document


def refuse(world, directory):
    """Inspects a world that nothing can be told of: exit status 2 and one line, which is returned."""
    exe, core = world.write(str(directory))
    run = inspect(exe, core)
    assert run.status == 2, str(run)
    return run.err.decode()
