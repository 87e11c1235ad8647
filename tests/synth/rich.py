"""A world in which everything happens at once: each kind of wait, of state, of frame and of deferred call."""
from .pclntab import Inlined
from .world import NANOTIME, STATUS, World

POOL, STORE, MAIN = "/src/shop/pool.go", "/src/shop/store/store.go", "/src/shop/main.go"
HOUR = 3600 * 10**9


def rich_world(version, arch, **more):
    """The World that the tests of all releases look at; w.named holds goroutines by what they do."""
    w = World(version=version, arch=arch, **more)
    w.named = {}
    w.types.struct("main.Job", [("id", "int"), ("name", "string"), ("next", "*main.Job")])
    w.system_goroutines()
    w.thread(w.pid)
    _functions(w)
    _channels(w)
    _semaphores(w)
    _states(w)
    _defers(w)
    # A variable of the program that looks like a list of one goroutine (seen in 1.26).
    array = w.persistent.alloc(8)
    w.memory.u64(array, w.named["main"].address)
    for index, word in enumerate((array, 1, 1)):
        w.memory.u64(w.spare + 64 + 8 * index, word)
    return w


def _functions(w):
    func = w.func
    w.main = func("main.main", MAIN, 20, 96, lines=[25, 31, 40])
    w.publish = func("main.(*Pool).publish", POOL, 80, 64, lines=[87, 88])
    w.send = func("main.(*Pool).publish.func1", POOL, 87, 48, lines=[88])
    inner = Inlined("example.com/shop/store.get", STORE, 60, [64], at=51)
    deep = Inlined("example.com/shop/store.lookup", STORE, 70, [71, 72], at=62, parent=inner)
    w.get = func("example.com/shop/store.(*Store[...]).Get", STORE, 50, 112, lines=[55, 56], inlined=[inner, deep])
    w.serve = func("main.serve", MAIN, 100, 80, lines=[104, 105, 106, 107])


def _start(w, name, goid, frames, **more):
    g = w.goroutine(goid, frames=frames, created_by=w.main.site(25), parent=1 if w.minor >= 21 else 0, **more)
    w.named[name] = g
    return g


def _channels(w):
    main = w.named["main"] = w.goroutine(1, frames=[w.main.site(40), w.std("runtime.main")],
                                          waitsince=NANOTIME - 2 * HOUR)
    w.sleep(main)
    jobs = w.chan("*main.Job")
    for goid in (18, 19, 20):
        g = w.goroutine(goid, frames=[w.send.site(88)], created_by=w.publish.site(87), parent=1 if w.minor >= 21 else 0,
                        waitsince=0 if goid == 20 else NANOTIME - HOUR)
        w.named[f"sender {goid}"] = g
        w.block(g, jobs, "send")
    w.block(_start(w, "receiver", 21, [w.serve.site(104)]), w.chan("int", cap=4), "receive")
    w.block(_start(w, "full", 22, [w.serve.site(105)]), w.chan("string", cap=2, length=2), "send")
    done, numbers, errors = w.chan("struct{}"), w.chan("chan int"), w.chan("error", cap=1)
    # Goroutine 24 waits on two of the same channels as 23, 25 only on one.
    w.select(_start(w, "select", 23, [w.serve.site(106)]),
             [(done, "receive"), (numbers, "send"), (errors, "receive")])
    w.select(_start(w, "select too", 24, [w.serve.site(106)]), [(numbers, "send"), (done, "receive")])
    w.block(_start(w, "done", 25, [w.serve.site(107)]), done, "receive")
    w.block(_start(w, "nil send", 26, [w.serve.site(104)]), None, "send")
    w.block(_start(w, "nil receive", 27, [w.serve.site(105)]), None, "receive")
    w.select(_start(w, "no cases", 28, [w.serve.site(106)]), [])


def _semaphores(w):
    mutex, other = w.mutex(), w.mutex()
    for goid in (30, 31):
        w.lock(_start(w, f"mutex {goid}", goid, [w.get.site(55)]), mutex)
    w.lock(_start(w, "other mutex", 32, [w.get.site(56)]), other)
    rwmutex = w.rwmutex()
    w.rlock(_start(w, "rlock", 33, [w.get.site(71), w.serve.site(104)]), rwmutex)
    w.wlock(_start(w, "wlock", 34, [w.get.site(64)]), rwmutex)
    group = w.waitgroup()
    w.wait(_start(w, "waitgroup", 35, [w.serve.site(107)]), group)
    w.wait(_start(w, "waitgroup too", 36, [w.serve.site(107)]), group)
    cond = w.cond()
    for goid in (37, 38, 39):
        w.cond_wait(_start(w, f"cond {goid}", goid, [w.serve.site(105)]), cond)
    w.io(_start(w, "io", 40, [w.serve.site(104)]))


def _states(w):
    by, parent = w.main.site(31), 1 if w.minor >= 21 else 0
    w.named["fresh"] = w.fresh(50, w.serve, by, parent)
    preempted = w.named["preempted"] = w.goroutine(51, "preempted", created_by=by, parent=parent, start=w.serve)
    w.push(preempted, w.serve.site(105))
    w.push_trap(preempted, w.get.site(72))
    running = w.named["running"] = w.goroutine(52, "running", frames=[w.get.site(55), w.serve.site(106)], created_by=by,
                                               parent=parent)
    w.running(running, 4712)
    syscall = w.named["syscall"] = w.goroutine(
        53, "syscall", frames=[w.std("syscall.Syscall"), w.std("syscall.read"), w.std("os.(*File).Read"),
                               w.serve.site(104)], created_by=by, parent=parent)
    w.syscall(syscall, 4713)
    scanned = w.named["scanned"] = _start(w, "scanned", 54, [w.serve.site(104)], waitsince=NANOTIME - HOUR)
    w.block(scanned, w.chan("[]uint8"), "receive")
    w.set(scanned, "atomicstatus", STATUS["waiting"] | 0x1000)
    copied = w.named["copied"] = _start(w, "copied", 58, [w.serve.site(104)], status="copystack")
    w.enter(copied, "park")
    dead = w.named["dead"] = w.goroutine(55, "dead", frames=[])
    for path in ("stack.lo", "stack.hi", "sched.sp", "sched.pc"):
        w.set(dead, path, 0)
    if w.minor >= 24:  # in a synctest bubble: 1.24 says "(synctest)", later "(durable)"
        word = "synctest" if w.minor == 24 else "durable"
        durable = _start(w, "durable", 59, [w.serve.site(105)], reason=f"chan receive ({word})")
        w.block(durable, w.chan("uint16"), "receive")
    if w.minor >= 26:
        leaked = w.named["leaked"] = _start(w, "leaked", 56, [w.serve.site(107)], status="leaked")
        w.block(leaked, w.chan("bool"), "receive")
        w.named["extra"] = w.goroutine(57, "deadextra", frames=[])


def _defers(w):
    """Goroutine 60: two frames with linked records; 61: open-coded; 62: a record in the frame; 63: range-over-func."""
    close = w.func("main.(*Rows).Close", POOL, 200, 32, lines=[203])
    wrapper = w.func("main.poll.deferwrap1", POOL, 131, 32, lines=[131], wraps=close, funcid="wrapper",
                     calls={131: "main.(*Rows).Close"})
    closure = w.func("main.poll.func2", POOL, 133, 32, lines=[134])
    deferproc = "runtime.deferproc"
    poll = w.func("main.poll", POOL, 120, 160, lines=[131, 133, 140], deferreturn=True,
                  calls={131: deferproc, 133: deferproc, 140: "time.Sleep"})
    outer = w.func("main.collect", POOL, 150, 160, lines=[155, 160], deferreturn=True)
    g = _start(w, "defers", 60, [poll.site(140), outer.site(160)])
    w.defer(g, g.frame("main.collect"), closure, outer.site(155), count=2)
    w.defer(g, g.frame("main.poll"), wrapper, poll.site(131), count=300)
    w.defer(g, g.frame("main.poll"), closure, poll.site(133), count=5)
    w.sleep(g)
    slots = [24, 32, 40] if w.minor < 22 else [40, 32, 24]
    coded = w.func("main.coded", POOL, 300, 96, lines=[310], deferreturn=True, open_defers=(17, slots))
    g = _start(w, "open-coded", 61, [coded.site(310)])
    w.open_defer(g, g.frame("main.coded"), [closure, None, close])
    w.sleep(g)
    once = w.func("main.once", POOL, 400, 192, lines=[404, 410], deferreturn=True)
    g = _start(w, "stack record", 62, [once.site(410)])
    w.defer(g, g.frame("main.once"), close, once.site(404), heap=False)
    w.sleep(g)
    if w.minor >= 23:
        ranged = w.func("main.ranged", POOL, 500, 96, lines=[505, 510], deferreturn=True)
        g = _start(w, "range-func", 63, [ranged.site(510)])
        w.range_defer(g, g.frame("main.ranged"), closure, ranged.site(505), count=7)
        w.sleep(g)
