"""Type descriptors as the compiler writes them (internal/abi/type.go; runtime/type.go up to Go 1.20).

    Types(memory, base, layouts).get("*main.Job")   address of the descriptor

Types are named as Go writes them: "int", "*main.Job", "[]string", "chan int", "map[string]int", "struct{}",
"runtime.g". Structs come from the release's layouts or from Types.struct().
"""
import re
import struct
import zlib

from .layouts import KINDS, BY_SIZE, TABLES, Layout

BASIC = {"bool": (1, 1), "int": (2, 8), "int8": (3, 1), "int16": (4, 2), "int32": (5, 4), "int64": (6, 8),
         "uint": (7, 8), "uint8": (8, 1), "uint16": (9, 2), "uint32": (10, 4), "uint64": (11, 8), "uintptr": (12, 8),
         "float32": (13, 4), "float64": (14, 8), "complex64": (15, 8), "complex128": (16, 16), "string": (24, 16),
         "unsafe.Pointer": (26, 8)}
ARRAY, CHAN, FUNC, INTERFACE, MAP, POINTER, SLICE, STRUCT = 17, 18, 19, 20, 21, 22, 23, 25
UNCOMMON, EXTRA_STAR, NAMED, REGULAR, DIRECT_IFACE = 1, 2, 4, 8, 32
KIND_DIRECT_IFACE = 0x20  # a flag of the kind byte up to Go 1.25; TFlag 32 since 1.26
# Embedded structs of the runtime; and types outside the heap: a pointer to one of them is none for the collector.
EMBEDDED = {"NotInHeap", "mOS", "dlogPerM", "lockRankStruct", "traceSchedResourceState", "pageTraceBuf",
            "maybeTraceablePtr"}
NOT_IN_HEAP = {"runtime." + n for n in ("mspan", "mcache", "gcBits", "mSpanList", "special", "pollDesc")}
DESCRIPTORS_SIZE, NAMES_SIZE = 0xc000, 0x4000


def varint(value):
    """Unsigned LEB128."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def shown(kind):
    """A type as reflect prints it: packages by name, not by path."""
    kind = re.sub(r"[\w.\-]+/(?=[\w/.\-]*\.)", "", kind)
    return kind.replace("interface{}", "interface {}").replace("struct{}", "struct {}").replace(",", ", ")


class Types:
    """Writes descriptors on demand. Names stand in the second part of the area, all between types and etypes."""

    def __init__(self, memory, base, layouts, perms="r--"):
        self.memory, self.layouts, self.base = memory, layouts, base
        self.region = memory.region("types", base, DESCRIPTORS_SIZE + NAMES_SIZE, perms)
        self.region.alloc(DESCRIPTORS_SIZE + NAMES_SIZE)
        self.next = base + 8  # offset 0 means "none"
        self.next_name = base + DESCRIPTORS_SIZE
        self.known = {}
        self.names = {}
        self.places = {}   # struct -> {field: address of its StructField}
        self.bits = []     # (address of GCData word, bitmap)
        self.end = base + DESCRIPTORS_SIZE + NAMES_SIZE
        self.links = ["*int", "*string", "*bool", "*uint8", "*error"]  # what typelinks lists; reflect may ask for these
        for kind in self.links:
            self.get(kind)
        self.links_end = self.next
        self.itabs = 0

    def struct(self, name, fields):
        """Declares a struct: fields are (name, type) pairs."""
        offset, out, width = 0, [], self.layouts.width
        for field, kind in fields:
            alignment = min(8, max(1, width(kind)))
            offset = (offset + alignment - 1) // alignment * alignment
            out.append(f"{field}|{kind}|{offset}")
            offset += width(kind)
        self.layouts.structs[name] = Layout(name, f"{(offset + 7) // 8 * 8}; {' '.join(out)}")

    def _take(self, size):
        where = self.next
        self.next = (where + size + 7) // 8 * 8
        if self.next > self.base + DESCRIPTORS_SIZE:
            raise MemoryError("too many types")
        return where

    def name(self, text, flags=0):
        """Address of an encoded name (1.17+): flags, varint length, bytes."""
        key = (text, flags)
        if key not in self.names:
            raw = text if isinstance(text, bytes) else text.encode()
            data = bytes([flags]) + varint(len(raw)) + raw
            self.region.write(self.next_name, data)
            self.names[key] = self.next_name
            self.next_name += len(data)
        return self.names[key]

    def get(self, kind):
        """Address of the descriptor of a type."""
        if kind not in self.known:
            self.known[kind] = self._take(self._size(kind))
            self._fill(kind, self.known[kind])
        return self.known[kind]

    def _struct_of(self, kind):
        """The Layout of a struct type, else None; unknown runtime structs behind pointers are opaque."""
        layout = self.layouts.struct(kind)
        if layout or kind == "struct{}":
            return layout or Layout(kind, "0;")
        if "." in kind and kind not in BASIC and kind not in TABLES["plain"] and re.match(r"[\w/.\-]+(\[.*\])?$", kind):
            return Layout(kind, "0;")
        return None

    def _named(self, kind):
        return bool(re.match(r"[\w/.\-]+(\[[\w/.*]+\])?$", kind))

    def _size(self, kind):
        """Bytes of the descriptor: 48, what the kind adds, and what a named type adds."""
        layout = self._struct_of(kind)
        extra = {"*": 8, "[": 24}.get(kind[0], 0)
        if kind.startswith("[]"):
            extra = 8
        elif re.match(r"(chan|<-chan)\b", kind):
            extra = 16
        elif kind.startswith("func("):
            extra = 8
        elif kind in ("interface{}", "error"):
            extra = 32
        elif kind.startswith("map["):
            extra = 64
        elif layout is not None:
            extra = 32 + 24 * len(layout.fields)
        return 48 + extra + (16 if self._named(kind) else 0)

    def _pointers(self, kind):
        """Offsets of the words of a type that hold pointers."""
        layout = self.layouts.struct(kind)
        if layout:
            return [o + i for _, k, o in layout.fields for i in self._pointers(k)]
        array = re.match(r"\[(\d+)\](.*)", kind)
        if array:
            width, inner = self.layouts.width(array[2]), self._pointers(array[2])
            return [n * width + i for n in range(int(array[1]) if inner else 0) for i in inner]
        if kind in ("interface{}", "error"):
            return [0, 8]
        if kind[1:] in NOT_IN_HEAP:
            return []
        if kind in ("string", "unsafe.Pointer") or re.match(r"\*|\[\]|func\(|map\[|chan |chan<-|<-chan", kind):
            return [0]
        return []

    def _regular(self, kind):
        """True if equality of values is equality of their bytes: no padding, no strings, interfaces, floats."""
        layout = self.layouts.struct(kind)
        array = re.match(r"\[(\d+)\](.*)", kind)
        if array:
            return self._regular(array[2])
        if layout:
            used = sum(self.layouts.width(k) for _, k, _ in layout.fields)
            return used == layout.size and all(f != "_" and self._regular(k) for f, k, _ in layout.fields)
        return not re.match(r"func\(|map\[|\[\]|string|interface|error|float|complex", kind)

    def _fill(self, kind, at):
        """Writes one descriptor; its parts may be written in turn."""
        put, pointer = self.memory, self.memory.pointer
        layout = self._struct_of(kind)
        named = self._named(kind)
        number, size, alignment, tail = self._tail(kind, at, layout, named)
        pointers = self._pointers(kind)
        direct = number in (POINTER, CHAN, MAP, FUNC, 26) and kind[1:] not in NOT_IN_HEAP
        flags = (UNCOMMON | NAMED if named else 0) | (EXTRA_STAR if kind[0] != "*" else 0)
        if self._regular(kind):
            flags |= REGULAR
        if direct and self.layouts.minor >= 26:
            flags |= DIRECT_IFACE
        name = shown(kind)
        text = name if kind[0] == "*" else "*" + name
        exported = named and name.rpartition(".")[2][:1].isupper()
        if direct and self.layouts.minor < 26:
            number |= KIND_DIRECT_IFACE
        put.write(at, struct.pack("<QQIBBBBQQii", size, max(pointers) + 8 if pointers else 0,
                                  zlib.crc32(kind.encode()) | 1, flags, alignment, alignment, number, 0, 0,
                                  self.name(text, int(exported)) - self.base, 0) + tail)
        if pointers:
            bitmap = bytearray((max(pointers) // 8 + 8) // 8)
            for offset in pointers:
                bitmap[offset // 64] |= 1 << offset // 8 % 8
            self.bits.append((at + 32, bytes(bitmap)))
        for offset in range(48, 48 + len(tail), 8):
            value = struct.unpack_from("<Q", tail, offset - 48)[0]
            if self.base <= value < self.end:
                pointer(at + offset, value)
        if named and kind[0] != "*":
            put.u32(at + 44, self.get("*" + kind) - self.base)

    def _tail(self, kind, at, layout, named):
        """(kind number, size, alignment, bytes behind the common 48) of a type."""
        uncommon = struct.pack("<iHHII", 0, 0, 0, 16, 0) if named else b""
        array = re.match(r"\[(\d+)\](.*)", kind)
        chan = re.match(r"(chan<-|<-chan|chan) ?(.*)", kind)
        if kind in BASIC:
            number, size = BASIC[kind]
            return number, size, min(size, 8), uncommon
        if kind[0] == "*":
            return POINTER, 8, 8, struct.pack("<Q", self.get(kind[1:]))
        if kind.startswith("[]"):
            return SLICE, 24, 8, struct.pack("<Q", self.get(kind[2:]))
        if array:
            count, size = int(array[1]), self.layouts.width(array[2])
            return ARRAY, count * size, min(8, size or 1), struct.pack("<QQQ", self.get(array[2]),
                                                                       self.get("[]" + array[2]), count)
        if kind.startswith("map["):  # opaque: key and element only
            key, _, value = kind[4:].partition("]")
            return MAP, 8, 8, struct.pack("<QQ", self.get(key), self.get(value)) + bytes(48)
        if kind.startswith("func("):
            return FUNC, 8, 8, bytes(8)
        if chan:
            direction = {"chan": 3, "chan<-": 2, "<-chan": 1}[chan[1]]
            return CHAN, 8, 8, struct.pack("<QQ", self.get(chan[2]), direction)
        if kind in ("interface{}", "error"):
            return INTERFACE, 16, 8, bytes(32) + uncommon
        if layout is not None:
            return STRUCT, layout.size, self._alignment(kind), self._struct(at, layout, uncommon)
        size = TABLES["plain"].get(kind, 8)
        basic = KINDS.get(kind) or BY_SIZE.get(size)
        if basic is None:
            return STRUCT, size, 1, self._struct(at, Layout(kind, f"{size};"), uncommon)
        return BASIC[basic][0], size, size, uncommon

    def _alignment(self, kind):
        layout = self.layouts.struct(kind)
        if layout:
            return max([self._alignment(k) for _, k, _ in layout.fields] or [1])
        array = re.match(r"\[\d+\](.*)", kind)
        return self._alignment(array[1]) if array else max(1, min(8, self.layouts.width(kind)))

    def _struct(self, at, layout, uncommon):
        """PkgPath, the fields' slice, and the fields behind the uncommon part."""
        package = layout.name.rpartition(".")[0].rpartition("/")[2] or "main"
        first = at + 80 + len(uncommon)
        count = len(layout.fields)
        out = struct.pack("<QQQQ", self.name(package), first, count, count) + uncommon
        shift = 1 if self.layouts.minor <= 18 else 0  # through 1.18 the word is offset<<1 | embedded
        places = self.places[layout.name] = {}
        for index, (field, kind, offset) in enumerate(layout.fields):
            embedded = field in EMBEDDED
            flags = int(field[:1].isupper()) | (8 if embedded and not shift else 0)
            places[field] = first + 24 * index
            out += struct.pack("<QQQ", self.name(field, flags), self.get(kind),
                               offset << shift | (embedded if shift else 0))
        return out
