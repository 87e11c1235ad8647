"""The executable: sections where Go's linker puts them, moduledata, build info; and how they look in a core file.

  1.18-1.25   moduledata in .noptrdata; funcdata in .rodata
  1.26        section .go.module; funcdata behind the tables in .gopclntab; pcHeader.textStart 0
  1.27        section .go.type; no typelinks and itablinks
  PIE         types in .data.rel.ro; up to 1.25 also .data.rel.ro.gopclntab

All parts stand at fixed distances from the link base, so that addresses are known before anything is written.
"""
import hashlib
import struct

from . import elf
from .gotypes import varint
from .memory import align
from .pclntab import Tables

LINK_BASE = {"amd64": 0x400000, "arm64": 0x10000}
PAGE = {"amd64": 0x1000, "arm64": 0x10000}
TEXT, RODATA, TYPES, RELRO, TABLES = 0x1000, 0x200000, 0x220000, 0x230000, 0x240000
DATA, BSS, NOPTRBSS = 0x600000, 0x610000, 0x630000
MODINFO_START, MODINFO_END = (bytes.fromhex("3077af0c9274080241e1c107e6d618e6"),
                              bytes.fromhex("f932433186182072008242104116d8f2"))


def build_info(version, path, module, module_version, settings):
    """The .go.buildinfo blob, inline format (1.18+): magic, pointer size, flags, then two strings with their length."""
    text = f"path\t{path}\nmod\t{module}\t{module_version}\t\n"
    text += "".join(f"build\t{k}={v}\n" for k, v in settings)
    raw = MODINFO_START + text.encode() + MODINFO_END
    go = version.encode()
    return (b"\xff Go buildinf:\x08\x02" + bytes(16) + varint(len(go)) + go + varint(len(raw)) + raw)


class Image:
    """Lays out and writes one executable; the same bytes, at their loaded addresses, are what a core file holds."""

    def __init__(self, memory, layouts, arch, pie, bias):
        self.memory, self.layouts, self.arch, self.pie = memory, layouts, arch, pie
        self.minor = layouts.minor
        self.bias = bias if pie else 0
        self.base = LINK_BASE[arch] + self.bias
        region, base = memory.region, self.base
        self.text = region("text", base + TEXT, RODATA - TEXT, "r-x")
        self.rodata = region("rodata", base + RODATA, TYPES - RODATA, "r--")
        # Read-only data that holds addresses: of a position independent executable it is relocated.
        self.relro = region("relro", base + RELRO, TABLES - RELRO, "r--") if pie else self.rodata
        self.tables = region("tables", base + TABLES, DATA - TABLES, "r--")
        self.buildinfo = region("buildinfo", base + DATA, 0x2000)
        self.module = region("module", base + DATA + 0x2000, 0x1000)
        self.noptrdata = region("noptrdata", base + DATA + 0x3000, 0x1000)
        self.data = region("data", base + DATA + 0x4000, 0xc000)
        self.bss = region("bss", base + BSS, NOPTRBSS - BSS)
        self.noptrbss = region("noptrbss", base + NOPTRBSS, 0x100000)
        self.noptrdata.alloc(64)
        holder = self.module if self.minor >= 26 else self.noptrdata
        self.moduledata = holder.alloc(layouts.size("runtime.moduledata"), 32)
        self.bss.alloc(64)
        self.noptrbss.alloc(64)
        self.types = None  # a Types, set by the world
        self.in_place = True  # linkers differ in whether relocated words also stand in the file
        self.tweak_tables = None  # called with the Tables, to break them
        self.build_id = "synthetic/" + hashlib.sha1(f"{layouts.version} {arch} {pie}".encode()).hexdigest()

    def string(self, text):
        """Address of a string constant in .rodata."""
        return self.rodata.add(text if isinstance(text, bytes) else text.encode()) if text else 0

    def funcval(self, function):
        """Address of a static closure without captures."""
        where = self.relro.alloc(8, 8)
        self.memory.pointer(where, function.entry)
        return where

    def link(self, functions):
        """Builds the function tables and fills in moduledata."""
        for where, bitmap in self.types.bits:
            self.memory.pointer(where, self.rodata.add(bitmap))
        tables = Tables(functions, self.minor, self.arch, self.text.base, len(self.text.bytes)).build()
        if self.tweak_tables:
            self.tweak_tables(tables)
        room = self.tables
        header = room.add(tables.data, 32)
        if self.minor < 26:
            room.pointers.add(header + 24 - room.base)
            find, gofunc, end = self.rodata.add(tables.findfunctab(), 32), self.rodata.add(tables.funcdata, 32), None
        else:
            find, gofunc = room.add(tables.findfunctab(), 8), room.add(tables.funcdata, 32)
            end = room.end
        links = b"".join(struct.pack("<i", self.types.known[k] - self.types.base) for k in self.types.links)
        self.typelink = room.add(links, 32)
        self.itablink = room.alloc(8, 32)
        self.pclntab_header, self.table_parts = header, tables
        self.pclntab_end = end or header + len(tables.data)
        self._module(tables, header, find, gofunc)

    def _module(self, tables, header, find, gofunc):
        """runtime.moduledata by the release's own layout."""
        put = self._put
        names, cu, files, pc, functions = (header + o for o in tables.offsets)
        cu_length = len(tables.cu_files) * (1 if self.minor >= 26 else 4)  # up to 1.25 in bytes
        put("pcHeader", header)
        for field, start, length in (("funcnametab", names, len(tables.names)), ("cutab", cu, cu_length),
                                     ("filetab", files, len(tables.files)), ("pctab", pc, len(tables.pctab)),
                                     ("pclntable", functions, len(tables.pclntable)),
                                     ("ftab", functions, len(tables.functions) + 1)):
            self._slice(field, start, length)
        text, last = tables.text, tables.functions[-1]
        for field, value in (("findfunctab", find), ("minpc", text), ("maxpc", last.entry + len(last.text)),
                             ("text", text), ("etext", self.text.end),
                             ("noptrdata", self.noptrdata.base), ("enoptrdata", self.noptrdata.end),
                             ("data", self.data.base), ("edata", self.data.end), ("bss", self.bss.base),
                             ("ebss", self.bss.end), ("noptrbss", self.noptrbss.base), ("enoptrbss", self.noptrbss.end),
                             ("covctrs", self.noptrbss.end), ("ecovctrs", self.noptrbss.end),
                             ("end", self.noptrbss.end),
                             ("gcdata", self.rodata.base), ("gcbss", self.rodata.base), ("types", self.types.base),
                             ("etypes", self.types.end), ("rodata", self.rodata.base), ("gofunc", gofunc),
                             ("epclntab", self.pclntab_end)):
            put(field, value)
        if self.layouts.has("runtime.moduledata", "typelinks"):
            self._slice("typelinks", self.typelink, len(self.types.links))
        else:  # since 1.27 the descriptors that typelinks listed stand first
            self._number("typedesclen", self.types.links_end - self.types.base)
            self._number("itaboffset", self.types.next - self.types.base)
        self._number("hasmain", 1, width=1)

    def _place(self, field):
        found = self.layouts.place("runtime.moduledata", field)
        return self.moduledata + found[0] if found else None

    def _put(self, field, value):
        where = self._place(field)
        if where is not None:
            self.memory.pointer(where, value)

    def _number(self, field, value, width=8):
        where = self._place(field)
        if where is not None:
            self.memory.write(where, value.to_bytes(width, "little"))

    def _slice(self, field, start, length):
        where = self._place(field)
        self.memory.pointer(where, start)
        self.memory.write(where + 8, struct.pack("<QQ", length, length))

    # ---- the file

    def _linked(self, region, in_place=True):
        """(linked address, bytes as linked) of a region. not in_place: its addresses stand in .rela only."""
        data = bytearray(region.bytes)
        for offset in region.pointers if self.bias else ():
            value = struct.unpack_from("<Q", data, offset)[0] - self.bias if in_place else 0
            struct.pack_into("<Q", data, offset, value & 0xffffffffffffffff)
        return region.base - self.bias, bytes(data)

    def _section(self, name, region, start=None, end=None, kind=elf.PROGBITS, flags=2, alignment=32):
        address, data = self._linked(region, self.in_place)
        first = (start or region.base) - region.base
        last = (end or region.end) - region.base
        if kind == elf.NOBITS:
            return elf.Section(name, address, b"", kind, flags, size=last - first, alignment=alignment)
        return elf.Section(name, address + first, data[first:last], kind, flags, alignment=alignment)

    def segments(self):
        """The PT_LOADs with their sections."""
        base = self.base - self.bias
        go_note = elf.note("Go", 4, self.build_id.encode())
        gnu_note = elf.note("GNU", 3, hashlib.sha1(self.build_id.encode()).digest())
        code = [elf.Section(".note.go.buildid", base + 0xd00, go_note, elf.NOTE, alignment=4)]
        if self.minor >= 24:
            code.append(elf.Section(".note.gnu.build-id", base + 0xe00, gnu_note, elf.NOTE, alignment=4))
        if self.pie:
            code.append(elf.Section(".interp", base + 0xf00, b"/lib64/ld-linux-x86-64.so.2\0", alignment=1))
        code.append(self._section(".text", self.text, flags=6))
        relro = ".data.rel.ro" if self.pie else ""
        pclntab = self._section(relro + ".gopclntab" if self.minor < 26 else ".gopclntab", self.tables,
                                end=self.pclntab_end, alignment=32 if self.minor < 26 else 8)
        others = [self._section((relro or "") + ".typelink", self.tables, self.typelink, self.itablink)]
        others.append(self._section((relro or "") + ".itablink", self.tables, self.itablink))
        if self.minor >= 27:
            others = [elf.Section(".itablink", self.tables.end - self.bias, b"", alignment=8)]
        types_name = ".go.type" if self.minor >= 27 else (".data.rel.ro" if self.pie else ".typedata")
        types = self._section(types_name, self.types.region, flags=3 if self.pie else 2)
        # Up to 1.26 the types are a part of .rodata; the gap between the two is filled.
        rodata = self._section(".rodata", self.rodata)
        read_only = [rodata, types]
        if not self.pie and self.minor < 27:
            gap = bytes(types.address - rodata.address - rodata.size)
            read_only = [elf.Section(".rodata", rodata.address, rodata.data + gap + types.data)]
        data = [self._section(".go.buildinfo", self.buildinfo, flags=3, alignment=16)]
        if self.minor >= 26:
            data.append(self._section(".go.module", self.module, flags=3))
        data += [self._section(n, r, flags=3) for n, r in ((".noptrdata", self.noptrdata), (".data", self.data))]
        data += [self._section(n, r, kind=elf.NOBITS, flags=3) for n, r in ((".bss", self.bss),
                                                                            (".noptrbss", self.noptrbss))]
        first = elf.Segment(base, "r-x", code)
        last = elf.Segment(base + DATA, "rw-", data)
        if not self.pie:
            return [first, elf.Segment(base + RODATA, "r--", read_only + [pclntab] + others), last]
        rela = self._rela(rodata.address + align(rodata.size, 32))
        relocated = self.minor < 26  # up to 1.25 the tables' header holds an address
        tables = elf.Segment(base + TABLES, "rw-" if relocated else "r--", [pclntab] + others, relro=relocated)
        return [first, elf.Segment(base + RODATA, "r--", [rodata, rela]),
                elf.Segment(base + TYPES, "rw-", [types, self._section(".data.rel.ro.funcs", self.relro, flags=3)],
                            relro=True), tables, last]

    def _rela(self, address):
        """.rela: one R_*_RELATIVE for each word that holds an address."""
        kind = 8 if self.arch == "amd64" else 1027
        out = b""
        for region in (self.types.region, self.relro, self.tables, self.module, self.noptrdata, self.data):
            start, data = self._linked(region)
            for offset in sorted(region.pointers):
                out += struct.pack("<QQq", start + offset, kind, struct.unpack_from("<q", data, offset)[0])
        return elf.Section(".rela", address, out, elf.RELA, 2, entsize=24, alignment=8)

    def file(self, symbols=()):
        """Bytes of the executable; keeps the segments for the core file's mappings."""
        self.loads = self.segments()
        entry = self.text.base - self.bias
        return elf.executable(self.arch, self.loads, entry, PAGE[self.arch], self.pie,
                              interpreter=self.pie, symbols=[(n, a - self.bias, s) for n, a, s in symbols])

    def mappings(self, file, with_files):
        """(mappings for the core, entries for NT_FILE) of the executable at its loaded addresses.

        The kernel leaves out file pages that nobody wrote to, but for the first page of an ELF file; a
        position independent executable's relocated pages were written to.
        """
        out, notes = [], []
        for segment in self.loads:
            start = segment.address + self.bias
            size = align(segment.file_size, 4096)
            written = "w" in segment.access
            if written:
                data = self._loaded(start, size)
            else:
                data = file[segment.offset:segment.offset + size].ljust(size, b"\0")
                if not with_files:
                    data = data[:4096] if segment.offset == 0 else b""
            access = "r--" if segment.relro else segment.access
            out.append((start, size, access, data))
            notes.append((start, start + size, segment.offset))
        rest = start + size
        end = align(self.noptrbss.end, 4096)
        out.append((rest, end - rest, "rw-", self._loaded(rest, end - rest)))
        return out, notes

    def _loaded(self, start, size):
        """Memory of the process over a range; zero where there is no region."""
        out = bytearray(size)
        for region in self.memory.regions:
            low, high = max(start, region.base), min(start + size, region.end)
            if low < high:
                out[low - start:high - start] = region.bytes[low - region.base:high - region.base]
        return bytes(out)
