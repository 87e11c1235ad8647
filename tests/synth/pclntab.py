"""Functions and the tables that the linker makes of them (cmd/link/internal/ld/pcln.go, runtime/symtab.go).

A Function is a run of instructions with, for each, the frame size, file, line and inlined call; Tables turns all of
them into the bytes of .gopclntab in the format of a release:

  1.18  magic 0xfffffff0; 32-bit functab; _func of 40 bytes; inlined calls of 20 bytes
  1.20  magic 0xfffffff1; _func has startLine (44 bytes); inlined calls of 16 bytes
  1.26  the header's textStart is 0; find-function table and funcdata stand in the same section
"""
import struct

from .gotypes import varint

TOP_FRAME, SP_WRITE, ASM = 1, 2, 4
STACK_MAP_INDEX, INL_TREE_INDEX = 1, 2  # PCDATA
ARGS_POINTER_MAPS, LOCALS_POINTER_MAPS, INL_TREE, OPEN_CODED_DEFER_INFO, WRAP_INFO = 0, 1, 3, 4, 7  # FUNCDATA
FIELDS = ["entryoff", "nameoff", "args", "deferreturn", "pcsp", "pcfile", "pcln", "npcdata", "cuoffset", "startline",
          "funcid", "flag", "nfuncdata"]

# internal/abi/symtab.go, up to 1.20 runtime/symtab.go: "corostart" came in 1.22, 1.25 replaced runfinq by runFinalizers
# and added runCleanups.
FUNC_IDS = ["normal", "abort", "asmcgocall", "asyncPreempt", "cgocallback", "corostart", "debugCallV2",
            "gcBgMarkWorker", "goexit", "gogo", "gopanic", "handleAsyncEvent", "mcall", "morestack", "mstart",
            "panicwrap", "rt0_go", "runfinq", "runtime_main", "runFinalizers", "runCleanups", "sigpanic",
            "systemstack", "systemstack_switch", "wrapper"]


def func_id(name, minor):
    """Number of a funcID in a release."""
    names = [n for n in FUNC_IDS if not (n == "corostart" and minor < 22 or n == "runfinq" and minor >= 25 or
                                         n in ("runFinalizers", "runCleanups") and minor < 25)]
    return names.index(name)


class Inlined:
    """A call that the compiler inlined: at line `at` of the function (or of another Inlined, `parent`)."""

    def __init__(self, name, file, start_line, lines, at, parent=None, wrapper=False):
        self.name, self.file, self.start_line, self.lines = name, file, start_line, list(lines)
        self.at, self.parent, self.wrapper = at, parent, wrapper
        self.parent_pc = 0
        self.override = {}


class Site:
    """A call in a function: the address it returns to, and what Go's tables say of it, innermost first."""

    def __init__(self, function, line, inlined, start, pc):
        self.function, self.line, self.inlined, self.start, self.pc = function, line, inlined, start, pc

    def places(self):
        """[(function, file, line, inlined)], the inlined calls first."""
        out, line, call = [], self.line, self.inlined
        while call is not None:
            out.append((call.name, call.file, line, True))
            line, call = call.at, call.parent
        out.append((self.function.name, self.function.file, line, False))
        return out


class Code:
    """The few instructions that functions are made of; distances are from the start of the instruction."""

    def __init__(self, arch):
        self.arm = arch == "arm64"
        self.nop = b"\x1f\x20\x03\xd5" if self.arm else b"\x90"
        self.ret = b"\xc0\x03\x5f\xd6" if self.arm else b"\xc3"

    def call(self, distance):
        """CALL or BL."""
        return self._word(0x94000000, distance, 26) if self.arm else b"\xe8" + struct.pack("<i", distance - 5)

    def jump(self, distance):
        """JMP or B."""
        return self._word(0x14000000, distance, 26) if self.arm else b"\xe9" + struct.pack("<i", distance - 5)

    def test_and_jump(self, distance):
        """What follows a call of deferproc up to Go 1.24: is the result not 0, go to the recovery path."""
        if self.arm:
            return struct.pack("<I", 0xf100001f) + struct.pack("<I", 0x54000001 | (distance - 4) // 4 << 5 & 0xffffe0)
        return b"\x85\xc0\x0f\x85" + struct.pack("<i", distance - 8)

    @staticmethod
    def _word(opcode, distance, bits):
        return struct.pack("<I", opcode | distance // 4 & (1 << bits) - 1)


class Function:
    """One function: its text, and what each piece of the text says: frame size, file, line, inlined call.

    calls: {line: entry of the function called}. loop: it goes round its calls for ever. recover: a call of this entry
    (deferproc up to 1.24) is followed by a test that leads to the recovery path. deferreturn: entry of
    runtime.deferreturn, called before the function returns. live: the words of the frame, from its low end, that hold
    live pointers during calls (None: all).
    """

    def __init__(self, name, file, start_line, frame_size, arch, lines=(), inlined=(), flag=0, funcid="normal",
                 open_defers=None, wraps=None, deferreturn=0, calls=None, loop=False, recover=None, live=None,
                 entry=0):
        self.name, self.file, self.start_line, self.frame_size = name, file, start_line, frame_size
        self.entry, self.flag, self.funcid, self.wraps = entry, flag, funcid, wraps
        self.open_defers = open_defers  # (bits offset, slot offsets), both down from varp
        self.inlined = list(inlined)
        self.text = bytearray()
        self.steps = []      # (end, spdelta, file, line, inline index)
        self.sites = {}
        self.deferreturn = 0
        self.override = {}   # fields of _func to falsify, by name as in FIELDS
        # Tables to falsify: pc-value tables "pcsp", "pcfile", "pcln", "inlindex", "stackmap"; "inltree", "locals".
        self.raw = {}
        self.calls, self.recover, self.live = calls or {}, recover, live
        self.code = Code(arch)
        self._assemble(list(lines), deferreturn, loop)

    def _emit(self, text, line, inlined=None, delta=None):
        self.text += text
        file = inlined.file if inlined else self.file
        index = self.inlined.index(inlined) if inlined else -1
        self.steps.append((len(self.text), self.frame_size if delta is None else delta, file, line, index))

    def _emit_call(self, line, inlined):
        """A call; by default to the next instruction, which is no function."""
        start = self.entry + len(self.text)
        target = self.calls.get(line)
        self._emit(self.code.call(target - start if target else len(self.code.call(0))), line, inlined)
        self.sites[line, inlined] = Site(self, line, inlined, start, self.entry + len(self.text))
        if target and target == self.recover:
            self.tests.append((len(self.text), line, inlined))
            self._emit(self.code.test_and_jump(0), line, inlined)

    def _assemble(self, lines, deferreturn, loop):
        """Prologue, a call for each line, inlined calls behind a nop each, the way back or out, epilogue."""
        self.tests = []
        self._emit(self.code.nop * (16 // len(self.code.nop)), self.start_line, delta=0)
        first = len(self.text)
        for line in lines:
            self._emit_call(line, None)
        for inlined in self.inlined:
            if inlined.lines:
                inlined.parent_pc = len(self.text)
                self._emit(self.code.nop, inlined.at, inlined.parent)
            for line in inlined.lines:
                self._emit_call(line, inlined)
        if loop:
            self._emit(self.code.jump(first - len(self.text)), self.start_line)
        recovery = len(self.text)
        if deferreturn:
            self.deferreturn = recovery
            self._emit(self.code.call(deferreturn - self.entry - recovery), self.start_line)
        for start, _, _ in self.tests:
            test = self.code.test_and_jump(recovery - start)
            self.text[start:start + len(test)] = test
        self._emit(self.code.nop, self.start_line)
        self._emit(self.code.ret, self.start_line, delta=0)
        self.text += self.code.nop * (-len(self.text) % 32 // len(self.code.nop))

    def site(self, line=None, inlined=None):
        """The call at a line (the first if none is named); inlined: the name of an inlined function."""
        for (at, call), site in self.sites.items():
            if (line is None or at == line) and (inlined is None or call and call.name == inlined):
                return site
        raise KeyError(f"{self.name} has no call at line {line}")


def pc_values(steps, quantum):
    """A pc-value table: value deltas (zigzag) and pc deltas as varints, ended by 0."""
    merged = []
    for end, value in steps:
        if merged and merged[-1][1] == value:
            merged[-1] = (end, value)
        else:
            merged.append((end, value))
    out, last, pc = bytearray(), -1, 0
    for end, value in merged:
        delta = value - last
        out += varint((delta << 1 ^ delta >> 31) & 0xffffffff) + varint((end - pc) // quantum)
        last, pc = value, end
    return bytes(out) + b"\0"


class Tables:
    """The bytes of one module's tables. After build(): data, funcdata, the five offsets, findfunctab."""

    def __init__(self, functions, minor, arch, text, text_size):
        self.functions = sorted(functions, key=lambda f: f.entry)
        self.minor, self.arch, self.text, self.text_size = minor, arch, text, text_size
        self.quantum = 4 if arch == "arm64" else 1
        self.names, self.name_at = bytearray(), {}
        self.files, self.file_at = bytearray(), {}
        self.cu_files, self.cu_at = [], {}  # one list of files for each package
        self.pctab, self.pc_at = bytearray(b"\0"), {}
        self.funcdata = bytearray()
        self.records, self.data = bytearray(), bytearray()

    def _name(self, name):
        raw = name if isinstance(name, bytes) else name.encode()
        if raw not in self.name_at:
            self.name_at[raw] = len(self.names)
            self.names += raw + b"\0"
        return self.name_at[raw]

    def _file(self, file):
        raw = file if isinstance(file, bytes) else file.encode()
        if raw not in self.file_at:
            self.file_at[raw] = len(self.files)
            self.files += raw + b"\0"
        return self.file_at[raw]

    def _table(self, data):
        if data not in self.pc_at:
            self.pc_at[data] = len(self.pctab)
            self.pctab += data
        return self.pc_at[data]

    def _blob(self, data, alignment=4):
        self.funcdata += bytes(-len(self.funcdata) % alignment)
        self.funcdata += data
        return len(self.funcdata) - len(data)

    def _units(self):
        """Gives each package its part of the cu table."""
        units = {}
        for function in self.functions:
            files = units.setdefault(package(function.name), [])
            for file in [function.file] + [i.file for i in function.inlined]:
                if file not in files:
                    files.append(file)
        for unit, files in units.items():
            self.cu_at[unit] = (len(self.cu_files), files)
            self.cu_files += [self._file(f) for f in files]

    def _inline_tree(self, function, files):
        out = b""
        for call in function.inlined:
            put = {"parent": function.inlined.index(call.parent) if call.parent else -1,
                   "nameoff": self._name(call.name), "parentpc": call.parent_pc, **call.override}
            fid = func_id("wrapper" if call.wrapper else "normal", self.minor)
            if self.minor >= 20:
                out += struct.pack("<Bxxxiii", fid, put["nameoff"], put["parentpc"], call.start_line)
            else:
                parent_file = call.parent.file if call.parent else function.file
                out += struct.pack("<hBxiiii", put["parent"], fid, files.index(parent_file), call.at,
                                   put["nameoff"], put["parentpc"])
        return out

    def _funcdata(self, function, files):
        """Offsets from gofunc, 0xffffffff for none."""
        blobs = {ARGS_POINTER_MAPS: self._blob(struct.pack("<ii", 1, 0)),
                 LOCALS_POINTER_MAPS: self._blob(function.raw.get("locals") or self._stack_map(function))}
        if function.inlined:
            blobs[INL_TREE] = self._blob(function.raw.get("inltree") or self._inline_tree(function, files))
        if function.open_defers:
            bits, slots = function.open_defers
            if self.minor >= 22:  # the lowest slot; slot i is 8*i above
                info = varint(bits) + varint(slots[0])
            else:  # each closure by itself, the last defer first
                info = varint(bits) + varint(len(slots)) + b"".join(varint(s) for s in reversed(slots))
            blobs[OPEN_CODED_DEFER_INFO] = self._blob(info, 1)
        if function.wraps:
            blobs[WRAP_INFO] = self._blob(struct.pack("<I", function.wraps.entry - self.text))
        return [blobs.get(i, 0xffffffff) for i in range(max(blobs) + 1)]

    def _stack_map(self, function):
        """Which words of the frame hold pointers: one map, from the low end up to the saved frame pointer."""
        low = 1 if self.arch == "arm64" else 0  # LR stands at the low end
        words = max(function.frame_size // 8 - 1 - low, 0)
        live = range(words) if function.live is None else [w - low for w in function.live]
        return struct.pack("<ii", 1, words) + sum(1 << w for w in live).to_bytes((words + 7) // 8, "little")

    def _record(self, function):
        """A _func with its pcdata and funcdata."""
        first, files = self.cu_at[package(function.name)]
        steps, quantum, raw = function.steps, self.quantum, function.raw
        table = lambda key, values: self._table(raw.get(key) or pc_values(values, quantum))
        pcdata = [0] * (3 if function.inlined else 2)
        pcdata[STACK_MAP_INDEX] = table("stackmap", [(e, 0 if i else -1) for i, (e, *_) in enumerate(steps)])
        if function.inlined:
            pcdata[INL_TREE_INDEX] = table("inlindex", [(e, i) for e, _, _, _, i in steps])
        funcdata = self._funcdata(function, files)
        values = {"entryoff": function.entry - self.text, "nameoff": self._name(function.name), "args": 0,
                  "deferreturn": function.deferreturn, "pcsp": table("pcsp", [(e, d) for e, d, _, _, _ in steps]),
                  "pcfile": table("pcfile", [(e, files.index(f)) for e, _, f, _, _ in steps]),
                  "pcln": table("pcln", [(e, l) for e, _, _, l, _ in steps]), "npcdata": len(pcdata),
                  "cuoffset": first, "startline": function.start_line, "funcid": func_id(function.funcid, self.minor),
                  "flag": function.flag, "nfuncdata": len(funcdata), **function.override}
        words = [values[f] & 0xffffffff for f in FIELDS[:10 if self.minor >= 20 else 9]]
        out = struct.pack(f"<{len(words)}I", *words)
        out += struct.pack("<BBxB", values["funcid"], values["flag"], values["nfuncdata"] & 0xff)
        return out + struct.pack(f"<{len(pcdata) + len(funcdata)}I", *pcdata, *funcdata)

    def build(self):
        """Puts the parts together: header, names, cu table, files, pc tables, functab with the records."""
        self._units()
        for function in self.functions:
            self._name(function.name)
            for call in function.inlined:
                self._name(call.name)
        functab, records = bytearray(), bytearray()
        room = (len(self.functions) * 8 + 4 + 7) // 8 * 8
        for function in self.functions:
            records += bytes(-len(records) % 8)
            functab += struct.pack("<II", function.entry - self.text, room + len(records))
            records += self._record(function)
        functab += struct.pack("<I", self.text_size)
        self.pclntable = bytes(functab) + bytes(room - len(functab)) + bytes(records)
        self.cutab = struct.pack(f"<{len(self.cu_files)}I", *self.cu_files)
        self.offsets, data = [], bytearray(72)
        for part in (self.names, self.cutab, self.files, self.pctab, self.pclntable):
            data += bytes(-len(data) % 32)
            self.offsets.append(len(data))
            data += part
        struct.pack_into("<IBBBBQQQ5Q", data, 0, 0xfffffff1 if self.minor >= 20 else 0xfffffff0, 0, 0, self.quantum, 8,
                         len(self.functions), len(self.file_at), self.text if self.minor < 26 else 0, *self.offsets)
        self.data = data
        return self

    def findfunctab(self):
        """Buckets of 4096 bytes of text: {first function u32, 16 deltas u8}, one for each 256 bytes."""
        out = bytearray()
        entries = [f.entry - self.text for f in self.functions]
        for bucket in range(0, self.text_size, 4096):
            index = [max(0, sum(e <= bucket + 256 * i for e in entries) - 1) for i in range(16)]
            out += struct.pack("<I16B", index[0], *[min(255, i - index[0]) for i in index])
        return bytes(out)


def package(name):
    """Package path of a function's name."""
    name = name.decode("latin-1") if isinstance(name, bytes) else name
    slash = name.rfind("/") + 1
    return name[:slash] + name[slash:].partition(".")[0]
