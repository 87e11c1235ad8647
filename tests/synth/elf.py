"""ELF files: executables as Go's linker lays them out, and core files as the Linux kernel writes them.

Executables: three or four PT_LOADs (code; read-only data; in a position independent one, data that is read-only after
relocation; data with bss behind it), section headers, notes. Core files: one PT_NOTE, then one PT_LOAD for each
mapping; p_filesz 0 where the kernel left a mapping out.
"""
import os
import struct

from .memory import align

MACHINES = {"amd64": 62, "arm64": 183}
ET_EXEC, ET_DYN, ET_CORE = 2, 3, 4
PROGBITS, STRTAB, SYMTAB, RELA, NOBITS, NOTE = 1, 3, 2, 4, 8, 7
PT_LOAD, PT_NOTE, PT_INTERP, PT_PHDR, PT_RELRO, PT_STACK = 1, 4, 3, 6, 0x6474e552, 0x6474e551
NT_PRSTATUS, NT_PRPSINFO, NT_AUXV, NT_FILE = 1, 3, 6, 0x46494c45
PN_XNUM = 0xffff
FLAGS = {"r": 4, "w": 2, "x": 1, "-": 0}

AMD64_REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base "
                   "gs_base ds es fs gs").split()
ARM64_REGISTERS = [f"x{i}" for i in range(31)] + ["sp", "pc", "pstate"]


def perms(text):
    """Segment flags of "r-x"."""
    return sum(FLAGS[c] for c in text)


class Section:
    """One section with its bytes, or with a size alone (NOBITS)."""

    def __init__(self, name, address, data=b"", kind=PROGBITS, flags=2, size=None, entsize=0, link=0, info=0,
                 alignment=32):
        self.name, self.address, self.data, self.kind, self.flags = name, address, bytes(data), kind, flags
        self.size = len(data) if size is None else size
        self.entsize, self.link, self.info, self.alignment = entsize, link, info, alignment
        self.offset = 0


class Segment:
    """A PT_LOAD with its sections in order of address."""

    def __init__(self, address, access, sections, relro=False):
        self.address, self.access, self.sections, self.relro = address, access, sections, relro
        self.offset = 0

    @property
    def file_size(self):
        """Up to the last byte that the file has."""
        return max([s.address + s.size - self.address for s in self.sections if s.kind != NOBITS] or [0])

    @property
    def memory_size(self):
        """With bss."""
        return max(s.address + s.size - self.address for s in self.sections)


def executable(arch, segments, entry, page, pie=False, interpreter=None, symbols=()):
    """Bytes of an executable. symbols: (name, address, size) for .symtab; none means stripped.

    Sets Segment.offset. The first segment starts with the ELF header, its first section must leave 0x1000 for it.
    """
    image, loose = bytearray(0x1000), []
    for segment in segments:
        segment.offset = 0 if segment is segments[0] else align(len(image), page)
        image.extend(bytes(max(0, segment.offset + segment.file_size - len(image))))
        for section in segment.sections:
            section.offset = segment.offset + section.address - segment.address
            if section.kind != NOBITS:
                image[section.offset:section.offset + section.size] = section.data
    if symbols:
        names, table = b"\0", bytes(24)
        text = 1 + [s.name for segment in segments for s in segment.sections].index(".text")
        for name, address, size in symbols:
            table += struct.pack("<IBBHQQ", len(names), 0x12, 0, text, address, size)
            names += (name if isinstance(name, bytes) else name.encode()) + b"\0"
        loose = [Section(".symtab", 0, table, SYMTAB, 0, entsize=24, info=1, alignment=8),
                 Section(".strtab", 0, names, STRTAB, 0, alignment=1)]
    sections = [s for segment in segments for s in segment.sections] + loose
    names = b"\0" + b"".join(s.name.encode() + b"\0" for s in sections) + b".shstrtab\0"
    sections.append(Section(".shstrtab", 0, names, STRTAB, 0, alignment=1))
    for section in sections[-1 - len(loose):]:
        section.offset = align(len(image), 8)
        image.extend(bytes(section.offset - len(image)))
        image.extend(section.data)
    if symbols:
        loose[0].link = sections.index(loose[1]) + 1
    programs = _programs(segments, sections, interpreter, page)
    table_at = align(len(image), 8)
    image.extend(bytes(table_at - len(image)))
    image.extend(bytes(64))
    for section in sections:
        image.extend(struct.pack("<IIQQQQIIQQ", names.index(b"\0" + section.name.encode() + b"\0") + 1, section.kind,
                                 section.flags, section.address, section.offset, section.size, section.link,
                                 section.info, section.alignment, section.entsize))
    image[:64] = header(arch, ET_DYN if pie else ET_EXEC, entry, 64, len(programs), table_at, len(sections) + 1,
                        len(sections))
    image[64:64 + 56 * len(programs)] = b"".join(programs)
    return bytes(image)


def _programs(segments, sections, interpreter, page):
    """Program headers in the linker's order."""
    out = []
    for section in sections:
        if section.kind == NOTE:
            out.append(program(PT_NOTE, 4, section.offset, section.address, section.size, section.size, 4))
        elif section.name == ".interp" and interpreter:
            out.append(program(PT_INTERP, 4, section.offset, section.address, section.size, section.size, 1))
    for s in segments:
        out.append(program(PT_LOAD, perms(s.access), s.offset, s.address, s.file_size, s.memory_size, page))
        if s.relro:
            out.append(program(PT_RELRO, 4, s.offset, s.address, s.file_size, s.memory_size, page))
    out.append(program(PT_STACK, 6, 0, 0, 0, 0, 8))
    size = 56 * (len(out) + 1)
    return [program(PT_PHDR, 4, 64, segments[0].address + 64, size, size, page)] + out


def program(kind, flags, offset, address, file_size, memory_size, alignment):
    """A program header."""
    return struct.pack("<IIQQQQQQ", kind, flags, offset, address, address, file_size, memory_size, alignment)


def header(arch, kind, entry, programs_at, program_count, sections_at, section_count, names):
    """An ELF header, 64-bit little endian."""
    ident = b"\x7fELF\2\1\1" + bytes(9)
    return struct.pack("<16sHHIQQQIHHHHHH", ident, kind, MACHINES[arch], 1, entry, programs_at, sections_at, 0, 64, 56,
                       program_count, 64, section_count, names)


def note(name, kind, data):
    """A note, padded to 4."""
    raw = name.encode() + b"\0"
    return struct.pack("<III", len(raw), len(data), kind) + raw + bytes(-len(raw) % 4) + data + bytes(-len(data) % 4)


def prstatus(arch, tid, pid, registers):
    """NT_PRSTATUS of one thread (struct elf_prstatus); registers by name, the rest 0."""
    names = AMD64_REGISTERS if arch == "amd64" else ARM64_REGISTERS
    out = struct.pack("<iii h xx QQ iiii", 0, 0, 0, 0, 0, 0, tid, 1, pid, pid) + bytes(64)
    out += struct.pack(f"<{len(names)}Q", *[registers.get(n, 0) & 0xffffffffffffffff for n in names])
    return note("CORE", NT_PRSTATUS, out + struct.pack("<ii", 1, 0))


def prpsinfo(pid, name, arguments):
    """NT_PRPSINFO (struct elf_prpsinfo)."""
    out = struct.pack("<bcbbxxxxQIIiiii16s80s", 0, b"R", 0, 0, 0, 0, 0, pid, 1, pid, pid,
                      os.fsencode(name)[:15], os.fsencode(arguments)[:79])
    return note("CORE", NT_PRPSINFO, out)


def auxv(entries):
    """NT_AUXV."""
    return note("CORE", NT_AUXV, b"".join(struct.pack("<QQ", k, v) for k, v in list(entries) + [(0, 0)]))


def file_note(mappings, page=4096):
    """NT_FILE: (start, end, offset in the file, path) for each mapped file."""
    out = struct.pack("<QQ", len(mappings), page)
    for start, end, offset, _ in mappings:
        out += struct.pack("<QQQ", start, end, offset // page)
    return note("CORE", NT_FILE, out + b"".join(os.fsencode(m[3]) + b"\0" for m in mappings))


def core(arch, notes, mappings):
    """Bytes of a core file. mappings: (address, size, access, bytes); what bytes lack was not dumped.

    From 65,535 program headers on the header says so, and section 0 has their number (extended numbering).
    """
    count = len(mappings) + 1
    notes_at = 64 + 56 * count
    offset = align(notes_at + len(notes), 4096)
    programs = [struct.pack("<IIQQQQQQ", PT_NOTE, 0, notes_at, 0, 0, len(notes), 0, 4)]
    out = bytearray(offset)
    for address, size, access, data in mappings:
        programs.append(struct.pack("<IIQQQQQQ", PT_LOAD, perms(access), len(out), address, 0, len(data), size, 4096))
        out += data
    extended = count >= PN_XNUM
    head = header(arch, ET_CORE, 0, 64, min(count, PN_XNUM), len(out) if extended else 0, int(extended), 0)
    head += b"".join(programs) + notes
    out[:len(head)] = head
    if extended:
        out += struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 1, 0, count, 0, 0)
    return bytes(out)
