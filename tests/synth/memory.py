"""Memory of a Go process: regions of bytes at addresses, and a heap made of spans.

A region is one mapping. Words that hold addresses inside the executable's own image are remembered, so that the file
of a position independent executable can be written with the addresses as linked.
"""
import struct

PAGE = 8192  # Go's page

# runtime/sizeclasses.go; the same in all releases from 1.18 to 1.27.
SIZE_CLASSES = [
    0, 8, 16, 24, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240, 256, 288, 320, 352, 384, 416, 448,
    480, 512, 576, 640, 704, 768, 896, 1024, 1152, 1280, 1408, 1536, 1792, 2048, 2304, 2688, 3072, 3200, 3456, 4096,
    4864, 5376, 6144, 6528, 6784, 6912, 8192, 9472, 9728, 10240, 10880, 12288, 13568, 14336, 16384, 18432, 19072,
    20480, 21760, 24576, 27264, 28672, 32768]


def align(value, to):
    """value rounded up to a multiple."""
    return (value + to - 1) // to * to


class Region:
    """Bytes at an address that grow by alloc(), up to a limit."""

    def __init__(self, name, base, limit, perms="rw-"):
        self.name, self.base, self.limit, self.perms = name, base, limit, perms
        self.bytes = bytearray()
        self.pointers = set()  # offsets of words that hold addresses of the image

    @property
    def end(self):
        """Address behind the last byte in use."""
        return self.base + len(self.bytes)

    def alloc(self, size, alignment=8):
        """Address of new zero bytes."""
        start = align(self.end, alignment) - self.base
        if start + size > self.limit:
            raise MemoryError(f"{self.name} is full")
        self.bytes.extend(bytes(start + size - len(self.bytes)))
        return self.base + start

    def add(self, data, alignment=1):
        """Puts bytes at the end; returns their address."""
        where = self.alloc(len(data), alignment)
        self.write(where, data)
        return where

    def write(self, where, data):
        """Overwrites bytes that are there."""
        start = where - self.base
        if start < 0 or start + len(data) > len(self.bytes):
            raise IndexError(f"{where:#x} is outside {self.name}")
        self.bytes[start:start + len(data)] = data

    def read(self, where, size):
        """Copy of some bytes."""
        return bytes(self.bytes[where - self.base:where - self.base + size])


class Memory:
    """All regions together: writes and reads by address."""

    def __init__(self):
        self.regions = []

    def region(self, name, base, limit=1 << 40, perms="rw-"):
        """Adds a mapping."""
        region = Region(name, base, limit, perms)
        self.regions.append(region)
        return region

    def at(self, where):
        """The region that holds an address."""
        for region in self.regions:
            if region.base <= where < region.end:
                return region
        raise IndexError(f"{where:#x} is not mapped")

    def write(self, where, data):
        """Overwrites bytes."""
        self.at(where).write(where, data)

    def u8(self, where, value):
        """Writes one byte."""
        self.write(where, bytes([value & 0xff]))

    def u32(self, where, value):
        """Writes 32 bits."""
        self.write(where, struct.pack("<I", value & 0xffffffff))

    def u64(self, where, value):
        """Writes a word."""
        self.write(where, struct.pack("<Q", value & 0xffffffffffffffff))

    def word(self, where):
        """Reads a word."""
        return struct.unpack("<Q", self.at(where).read(where, 8))[0]

    def pointer(self, where, value):
        """Writes an address of the image: in a position independent executable it is relocated."""
        region = self.at(where)
        region.write(where, struct.pack("<Q", value))
        if value:
            region.pointers.add(where - region.base)


class Span:
    """One mspan: in-use spans hold objects of one size, manual ones hold stacks."""

    def __init__(self, start, pages, elemsize, nelems, spanclass, state):
        self.start, self.pages, self.elemsize, self.nelems = start, pages, elemsize, nelems
        self.spanclass, self.state, self.used, self.address = spanclass, state, 0, 0


class Heap:
    """Spans in one arena. Objects of a size class share spans; nothing is ever freed.

    From 1.22 on a small span with pointers keeps its heap bits in its last 128 bytes, and from 1.26 on (Green Tea) 128
    more hold inline mark bits; from 1.22 on objects above 512 bytes with pointers have their type in a word before
    them. The bits themselves are left zero.
    """

    def __init__(self, memory, base, minor):
        self.arena = memory.region("heap", base)
        self.minor = minor
        self.spans = []
        self.open = {}  # (class, noscan) -> span with room
        self.stack_span = None
        self.stack_used = 0

    def _span(self, pages, elemsize, nelems, spanclass, state):
        span = Span(self.arena.alloc(pages * PAGE, PAGE), pages, elemsize, nelems, spanclass, state)
        self.spans.append(span)
        return span

    def _room(self, elemsize, noscan):
        """Bytes of a one-page span that objects may use."""
        reserved = 0
        if self.minor >= 22 and not noscan and elemsize <= 512:
            reserved += 128
        if self.minor >= 26 and 16 <= elemsize <= 512:
            reserved += 128
        return PAGE - reserved

    def alloc(self, size, noscan=False, header=None):
        """A zeroed object. header: address of the type, for objects above 512 bytes with pointers (1.22+)."""
        with_header = self.minor >= 22 and not noscan and size > 512 and header is not None
        total = size + (8 if with_header else 0)
        if total > 32768:
            pages = align(size, PAGE) // PAGE
            span = self._span(pages, pages * PAGE, 1, int(noscan), 1)
            span.used = 1
            return span.start
        number = next(i for i, c in enumerate(SIZE_CLASSES) if c >= max(total, 8))
        elemsize = SIZE_CLASSES[number]
        span = self.open.get((number, noscan))
        if span is None or span.used == span.nelems:
            if elemsize <= 1024:
                span = self._span(1, elemsize, self._room(elemsize, noscan) // elemsize, number << 1 | noscan, 1)
            else:
                pages = align(elemsize * 4, PAGE) // PAGE
                span = self._span(pages, elemsize, pages * PAGE // elemsize, number << 1 | noscan, 1)
            self.open[number, noscan] = span
        where = span.start + span.used * elemsize
        span.used += 1
        if with_header:
            self.arena.write(where, struct.pack("<Q", header))
            where += 8
        return where

    def many(self, count, size):
        """Addresses of many small objects with pointers."""
        return [self.alloc(size) for _ in range(count)]

    def stack(self, size):
        """Address of a stack: small ones share 32 KiB spans, as in runtime.stackalloc."""
        if size >= 32768:
            return self._span(align(size, PAGE) // PAGE, 0, 0, 0, 2).start
        if self.stack_span is None or self.stack_used + size > 32768:
            self.stack_span, self.stack_used = self._span(4, size, 32768 // size, 0, 2), 0
        self.stack_used += size
        return self.stack_span.start + self.stack_used - size
