"""A Go process that never ran: functions, goroutines and what they wait on, written as an executable and its core file.

    w = World(version="1.23", arch="arm64")
    work = w.func("main.work", "/src/work.go", 10, frame_size=96, lines=[14])
    g = w.goroutine(7, frames=[work.site(14)])
    w.block(g, w.chan("*main.Job"), "send")
    exe, core = w.write(directory)

Whatever is not said takes the value that it has in a healthy process. After finish() any byte may be falsified
(w.memory, w.set) before write().
"""
import os
import struct

from . import elf, stdlib
from .blocking import Blocking
from .deferring import Deferring
from .gotypes import Types
from .image import Image, TYPES, build_info
from .layouts import Layouts
from .memory import Heap, Memory, align
from .pclntab import Function, Site
from .threads import Threads

STATUS = {"idle": 0, "runnable": 1, "running": 2, "syscall": 3, "waiting": 4, "dead": 6, "copystack": 8,
          "preempted": 9, "leaked": 10, "deadextra": 11}
NANOTIME = 400_000 * 10**9  # CLOCK_MONOTONIC of the moment of the core
BIAS = {"amd64": 0x555555150000, "arm64": 0xaaaaaa9f0000}
REQUIRED = ["g", "m", "p", "_defer", "_panic", "hchan", "sudog", "mspan", "gobuf", "stack", "waitq", "moduledata",
            "timer", "pollDesc", "mcache", "special", "mutex", "note", "functab", "bitvector"]


class Frame:
    """One physical frame of a goroutine's stack."""

    def __init__(self, site, sp, size):
        self.site, self.sp, self.size, self.pc = site, sp, size, site.pc
        self.used = 8  # of the locals, from the low end; the first word holds LR on arm64

    @property
    def varp(self):
        """Where locals end: below the saved frame pointer."""
        return self.sp + max(self.size - 8, 0)

    def local(self, size=8):
        """Address of a free local."""
        where = self.sp + self.used
        self.used += size
        if where + size > self.varp:
            raise MemoryError(f"the frame of {self.site.function.name} is full")
        return where


class Goroutine:
    """One runtime.g and, for the tests, what a reader should say of it."""

    def __init__(self, address, goid, status):
        self.address, self.id, self.status, self.reason = address, goid, status, None
        self.frames = []   # outermost first
        self.waits = []    # [{kind, address, …}]
        self.defers = []   # records: (sp, [addresses])
        self.pending = []  # what a reader should count: {function, line, count, kind}
        self.labels, self.created_by, self.parent, self.waitsince, self.system = {}, None, 0, 0, False
        self.low = self.high = self.sp = self.pc = 0

    def frame(self, name):
        """The innermost frame of a function."""
        return next(f for f in reversed(self.frames) if f.site.function.name == name)

    def pcs(self):
        """Of each frame, innermost first, the pc: a return address but for the innermost, or where a signal came."""
        return [f.pc for f in reversed(self.frames)]

    def places(self):
        """All source frames, innermost first: (function, file, line, inlined)."""
        return [place for f in reversed(self.frames) for place in f.site.places()]


class World(Blocking, Deferring, Threads):
    """See the top of this file."""

    def __init__(self, version="1.23", arch="amd64", pie=False, module="example.com/shop", module_version="v1.4.2",
                 revision="7f3c2e1d9b8a4c5d6e7f8091a2b3c4d5e6f70819", modified=False, pid=4711, file_pages=False,
                 stripped=True, go_version=None, change_layouts=None, with_types=REQUIRED, heap_base=None):
        self.version, self.arch, self.pie, self.pid, self.name = version, arch, pie, pid, "shop"
        self.file_pages, self.stripped = file_pages, stripped
        self.go_version = go_version or f"go{version}"
        self.layouts = Layouts(version, arch)
        if change_layouts:
            change_layouts(self.layouts)
        self.minor = self.layouts.minor
        self.memory = Memory()
        self.image = Image(self.memory, self.layouts, arch, pie, BIAS[arch])
        self.types = Types(self.memory, self.image.base + TYPES, self.layouts, "rw-" if pie else "r--")
        self.image.types = self.types
        base = heap_base or (0x1da67b000000 if self.minor >= 26 else 0xc000000000)  # random since 1.26
        self.heap = Heap(self.memory, base, self.minor)
        self.persistent = self.memory.region("persistent", 0x7f1200000000)
        self.stack_area = self.memory.region("[stack]", 0x7ffc00000000, 0x40000)
        self.stack_area.alloc(0x21000)
        self.functions, self.goroutines, self.threads, self.allgs = [], [], [], []
        self.quantum = 4 if arch == "arm64" else 1
        self.release = module_version if module_version.startswith("v") else revision[:12] + "+dirty" * modified
        settings = [("-buildmode", "pie" if pie else "exe"), ("-compiler", "gc"), ("GOARCH", arch), ("GOOS", "linux")]
        if revision:
            settings += [("vcs", "git"), ("vcs.revision", revision), ("vcs.modified", str(modified).lower())]
        info = build_info(self.go_version, module + "/cmd/shop", module, module_version, settings)
        self.image.buildinfo.add(info, 16)
        for name in with_types:
            self.types.get(f"*runtime.{name}")
        self._globals()
        for name, (file, line, size, lines, flag, funcid) in stdlib.FUNCTIONS.items():
            if not (funcid == "runfinq" and self.minor >= 25 or funcid == "runFinalizers" and self.minor < 25 or
                    name.startswith("internal/sync.") and self.minor < 24):
                self.func(name, stdlib.ROOT + file, line, size, lines=lines, flag=flag, funcid=funcid)
        self.finished = False
        self.more_mappings = []  # (address, size, access, bytes) for the core

    def _globals(self):
        """The runtime's variables: allgs, allm, mheap_, the semaphore table, waitReasonStrings."""
        bss, reasons = self.image.bss, self.layouts.wait_reasons()
        self.allgs_at, self.allgptr, self.allm = bss.alloc(24), bss.alloc(8), bss.alloc(8)
        self.allglen = self.image.noptrbss.alloc(8)
        self.mheap = bss.alloc(256, 64)
        self.allspans_at = self.mheap + 0x48
        # One semaRoot for each cache line: 64 bytes, on arm64 128 since 1.20.
        self.semtable_stride = 128 if self.arch == "arm64" and self.minor >= 20 else 64
        self.semtable = bss.alloc(251 * self.semtable_stride, self.semtable_stride)
        self.spare = bss.alloc(0x1000, 64)  # for globals of the program
        self.image.data.alloc(128)
        self.reasons_at = self.image.data.alloc(16 * len(reasons), 32)
        for index, text in enumerate(reasons):
            self.memory.pointer(self.reasons_at + 16 * index, self.image.string(text))
            self.memory.u64(self.reasons_at + 16 * index + 8, len(text))
        self.image.data.alloc(256)
        self.sema, self.reasons = {}, reasons

    # ---- functions

    def func(self, name, file, start_line, frame_size, calls=None, deferreturn=False, **more):
        """Declares a function; its text follows the one before. See pclntab.Function; calls: {line: name called}."""
        if self.arch == "arm64":
            frame_size = align(frame_size, 16)
        calls = {line: self.entry(called) for line, called in (calls or {}).items()}
        function = Function(name, file, start_line, frame_size, self.arch, entry=align(self.image.text.end, 32),
                            deferreturn=self.entry("runtime.deferreturn") if deferreturn else 0, calls=calls,
                            recover=self.entry("runtime.deferproc") if calls and self.minor < 25 else None, **more)
        self.image.text.alloc(0, 32)
        self.image.text.add(bytes(function.text))
        self.functions.append(function)
        return function

    def entry(self, name):
        """Entry of a function that was declared."""
        return next(f.entry for f in self.functions if f.name == name)

    def std(self, name, line=None):
        """A call in a function of the standard library."""
        return next(f for f in self.functions if f.name == name).site(line)

    # ---- structs in memory

    def at(self, thing, struct_name, path):
        """Address of a field."""
        return getattr(thing, "address", thing) + self.layouts.offset(f"runtime.{struct_name}", path)

    def put(self, thing, struct_name, path, value):
        """Writes a field with its own width; a field that the release does not have is left out."""
        found = self.layouts.place(f"runtime.{struct_name}", path)
        if found:
            width = min(self.layouts.width(found[1]), 8)
            self.memory.write(getattr(thing, "address", thing) + found[0],
                              (value & (1 << 8 * width) - 1).to_bytes(width, "little"))

    def set(self, g, path, value):
        """Writes a field of a runtime.g."""
        self.put(g, "g", path, value)

    def new(self, struct_name, noscan=False):
        """A zeroed runtime struct on the heap."""
        name = f"runtime.{struct_name}"
        header = self.types.known.get(name)
        return self.heap.alloc(self.layouts.size(name), noscan, header)

    # ---- goroutines

    def goroutine(self, goid, status="waiting", reason=None, frames=(), created_by=None, parent=0, waitsince=0,
                  labels=None, start=None, stack_size=None, system=False):
        """A goroutine with its stack; frames are Sites, innermost first. created_by: the Site of the go statement."""
        g = Goroutine(self.new("g"), goid, status)
        self.goroutines.append(g)
        self.allgs.append(g.address)
        needed = sum(f.function.frame_size + 8 for f in frames) + 3072
        size = stack_size or max(2048, 1 << (needed - 1).bit_length())
        g.low = self.heap.stack(size)
        g.high = g.low + size
        g.sp = g.high - (48 if self.arch == "arm64" else 32)
        g.pc = self.std("runtime.goexit").function.entry + self.quantum
        for path, value in (("stack.lo", g.low), ("stack.hi", g.high), ("stackguard0", g.low + 928), ("goid", goid),
                            ("stackguard1", g.low + 928), ("sched.g", g.address), ("waitsince", waitsince),
                            ("parentGoid", parent), ("atomicstatus", STATUS.get(status, status))):
            self.set(g, path, value)
        g.created_by, g.parent, g.waitsince, g.system = created_by, parent, waitsince, system
        if created_by:
            self.set(g, "gopc", created_by.pc)
        start = start or (frames[-1].function if frames else None)
        self.set(g, "startpc", start.entry if start else 0)
        if labels:
            g.labels = dict(labels)
            self.set(g, "labels", self._labels(labels))
        self._schedule(g)
        for site in reversed(frames):
            self.push(g, site)
        if reason:
            self._reason(g, reason)
        return g

    def _reason(self, g, text):
        g.reason = text
        self.set(g, "waitreason", self.reasons.index(text))

    def push(self, g, site):
        """One call deeper: return address and frame. amd64: it stands above the frame; arm64: LR at its low end."""
        size = site.function.frame_size
        if self.arch == "amd64":
            self.memory.u64(g.sp - 8, g.pc)
            sp = g.sp - 8 - size
            if size:
                self.memory.u64(sp + size - 8, g.frames[-1].varp if g.frames else 0)  # saved frame pointer
        else:
            sp = g.sp - size
            self.memory.u64(sp, g.pc)
            self.memory.u64(sp - 8, g.frames[-1].sp - 8 if g.frames else 0)
        g.frames.append(Frame(site, sp, size))
        g.sp, g.pc = sp, site.pc
        self._schedule(g)
        return g.frames[-1]

    def push_trap(self, g, site):
        """As push, but stopped before the call by a signal that put runtime.asyncPreempt in: the pc is exact."""
        self.push(g, site).pc = site.start
        g.pc = site.start
        if self.arch == "arm64":  # sigctxt.pushCall saved LR below the frame
            self.memory.u64(g.sp - 16, g.frames[-1].site.function.entry)
            g.sp -= 16
        for name in ("runtime.asyncPreempt", "runtime.asyncPreempt2"):
            self.push(g, self.std(name))
        self.push(g, self.std("runtime.mcall"))
        g.frames.pop()  # mcall saves the state of its caller
        top = g.frames[-1]
        g.sp, g.pc = top.sp, top.site.pc
        self._schedule(g)

    def _schedule(self, g):
        self.set(g, "sched.sp", g.sp)
        self.set(g, "sched.pc", g.pc)
        top = g.frames[-1] if g.frames else None
        self.set(g, "sched.bp", 0 if not top else top.sp - 8 if self.arch == "arm64" else top.varp)

    def fresh(self, goid, function, created_by, parent=0):
        """A goroutine that has not run yet: pc at the function's entry, goexit as the address to return to."""
        g = self.goroutine(goid, "runnable", created_by=created_by, parent=parent, start=function)
        if self.arch == "amd64":
            g.sp -= 8
            self.memory.u64(g.sp, g.pc)
        else:
            self.set(g, "sched.lr", g.pc)
        g.pc = function.entry
        self._schedule(g)
        site = Site(function, function.start_line, None, function.entry, function.entry)
        g.frames.append(Frame(site, g.sp, 0))
        return g

    def system_goroutines(self):
        """Those that every program has."""
        finalizers = "runtime.runfinq" if self.minor < 25 else "runtime.runFinalizers"
        for goid, name, by, why in ((2, "runtime.forcegchelper", "runtime.init.7", "force gc (idle)"),
                                    (3, "runtime.bgsweep", "runtime.gcenable", "GC sweep wait"),
                                    (4, "runtime.bgscavenge", "runtime.gcenable", "GC scavenge wait"),
                                    (5, finalizers, "runtime.createfing", "finalizer wait")):
            parent = (0 if goid == 5 else 1) if self.minor >= 21 else 0
            self.goroutine(goid, "waiting", why, [self.std("runtime.gopark"), self.std(name)],
                           created_by=self.std(by), parent=parent, system=True)

    # ---- writing

    def finish(self):
        """Everything that needs the whole: lists, tables, moduledata."""
        if self.finished:
            return self
        self.finished = True
        if not self.threads:
            self.thread(self.pid)
        self._finish_blocking()
        self._finish_defers()
        self._list(self.allgs_at, self.allgs)
        self.memory.u64(self.allgptr, self.memory.word(self.allgs_at))
        self.memory.u64(self.allglen, len(self.allgs))
        self.memory.u64(self.allm, self.threads[-1]["m"])
        self._spans()
        self.image.link(self.functions)
        return self

    def _list(self, header, pointers):
        """A Go slice of pointers, outside the heap."""
        room = align(len(pointers), 8) or 8
        array = self.persistent.add(struct.pack(f"<{len(pointers)}Q", *pointers) + bytes(8 * (room - len(pointers))), 8)
        self.memory.write(header, struct.pack("<QQQ", array, len(pointers), room))

    def _spans(self):
        """An mspan for each span, and some that were never used, as the runtime allocates them in advance."""
        size = self.layouts.size("runtime.mspan")
        for span in self.heap.spans:
            span.address = self.persistent.alloc(size)
            for path, value in (("startAddr", span.start), ("npages", span.pages), ("nelems", span.nelems),
                                ("elemsize", span.elemsize), ("freeindex", span.used), ("allocCount", span.used),
                                ("spanclass", span.spanclass), ("state", span.state),
                                ("limit", span.start + (span.elemsize * span.nelems or span.pages * 8192))):
                self.put(span.address, "mspan", path, value)
        unused = [self.persistent.alloc(size) for _ in range(5)]
        self._list(self.allspans_at, [s.address for s in self.heap.spans] + unused)
        self.memory.u64(self.allspans_at + 24, sum(s.pages for s in self.heap.spans))  # pagesInUse

    def _masks(self):
        """gcbssmask, which the runtime builds at its start: one bit for each word of bss that holds a pointer."""
        bss = self.image.bss
        words = [self.allgs_at, self.allgptr, self.allm, self.allspans_at]
        words += [self.semtable + self.semtable_stride * i + 8 for i in range(251)]
        mask = bytearray((len(bss.bytes) // 8 + 7) // 8)
        for where in words:
            bit = (where - bss.base) // 8
            mask[bit // 8] |= 1 << bit % 8
        self.put(self.image.moduledata, "moduledata", "gcbssmask.n", len(bss.bytes) // 8)
        self.put(self.image.moduledata, "moduledata", "gcbssmask.bytedata", self.persistent.add(bytes(mask), 8))

    def executable(self):
        """Bytes of the executable."""
        self.finish()
        symbols = [] if self.stripped else [(f.name, f.entry, len(f.text)) for f in self.functions]
        return self.image.file(symbols)

    def core(self, exe, path):
        """Bytes of the core file; path: where NT_FILE says that the executable is."""
        self._masks()
        mappings, files = self.image.mappings(exe, self.file_pages)
        name_at = self.stack_area.end - 0x1000
        self.stack_area.write(name_at, os.fsencode(path)[:1000] + b"\0")
        for region in (self.heap.arena, self.persistent, self.stack_area):
            size = align(len(region.bytes), 4096)
            mappings.append((region.base, size, region.perms, bytes(region.bytes).ljust(size, b"\0")))
        notes = b""
        for index, thread in enumerate(self.threads):
            notes += elf.prstatus(self.arch, thread["tid"], self.pid, thread["registers"])
            if index == 0:
                notes += elf.prpsinfo(self.pid, self.name, path)
                notes += elf.auxv([(3, self.image.base + 64), (5, 5), (6, 4096), (9, self.image.text.base),
                                   (31, name_at)])
                notes += elf.file_note([(s, e, o, path) for s, e, o in files])
        self.mappings = sorted(mappings + self.more_mappings)
        self.file_starts = {start for start, _, _ in files}
        return elf.core(self.arch, notes, self.mappings)

    def write(self, directory, name="shop"):
        """Writes both files; returns their paths."""
        exe_path, core_path = os.path.join(directory, name), os.path.join(directory, name + ".core")
        exe = self.executable()
        with open(exe_path, "wb") as file:
            file.write(exe)
        os.chmod(exe_path, 0o755)
        with open(core_path, "wb") as file:
            file.write(self.core(exe, exe_path))
        return exe_path, core_path
