"""Pending deferred calls in the three ways that Go keeps them (runtime/panic.go).

Linked: records on g._defer, the latest first; up to 1.21 with room for open-coded defers (72 bytes), since 1.22 48
bytes. Open-coded: a byte of bits and closure slots in the frame, at places that FUNCDATA tells. Range-over-func (since
1.23, with an experiment 1.22): one record with rangefunc set, and a list of its own at *head.
"""
import struct


class Deferring:
    """The part of World that defers calls."""

    def closure(self, function, captures=1):
        """A closure on the heap: code pointer and captured words."""
        where = self.heap.alloc(8 + 8 * captures)
        self.memory.u64(where, function.entry)
        return where

    def _field(self, path):
        return self.layouts.offset("runtime._defer", path)

    def _records(self, count, sp, pc, fn, heap, address=None):
        """Records with everything but their links; addresses in the order of allocation."""
        size = self.layouts.size("runtime._defer")
        template = bytearray(size)
        template[self._field("heap")] = int(heap)
        for path, value in (("sp", sp), ("pc", pc), ("fn", fn)):
            struct.pack_into("<Q", template, self._field(path), value)
        if address:
            self.memory.write(address, bytes(template))
            return [address]
        records = self.heap.many(count, size)
        arena = self.heap.arena
        for where in records:
            arena.bytes[where - arena.base:where - arena.base + size] = template
        return records

    def defer(self, g, frame, function, site, count=1, heap=True):
        """count pending calls of a closure of `function`, deferred at a call site of the frame's function.

        heap False: one record in the frame itself, as deferprocStack leaves it.
        """
        address = None if heap else frame.local(self.layouts.size("runtime._defer"))
        fn = self.closure(function) if heap else self.image.funcval(function)
        records = self._records(count, frame.sp, site.pc, fn, heap, address)
        g.defers.append((frame.sp, records))
        g.pending.append({"function": site.places()[0][0], "file": site.places()[0][1], "line": site.line,
                          "count": count, "kind": "linked", "sp": frame.sp, "deferred": function})
        return records

    def range_defer(self, g, frame, function, site, count=1):
        """count calls deferred in the body of a range-over-func loop: a list of records with sp and pc 0."""
        marker = self._records(1, frame.sp, site.pc, 0, True)[0]
        self.put(marker, "_defer", "rangefunc", 1)
        records = self._records(count, 0, 0, self.closure(function), True)
        self._chain(list(reversed(records)))
        head = self.heap.alloc(8)
        self.memory.u64(head, records[-1] if records else 0)
        self.put(marker, "_defer", "head", head)
        g.defers.append((frame.sp, [marker]))
        g.pending.append({"function": site.places()[0][0], "file": site.places()[0][1], "line": site.line,
                          "count": count, "kind": "range-func", "sp": frame.sp, "deferred": function})
        return marker, records

    def open_defer(self, g, frame, functions):
        """Open-coded: functions by slot, None for one that is not pending. Function(open_defers=…) says where."""
        bits_offset, slots = frame.site.function.open_defers
        bits = 0
        for index, function in enumerate(functions):
            if function is not None:
                bits |= 1 << index
                self.memory.u64(frame.varp - slots[index], self.image.funcval(function))
        self.memory.u8(frame.varp - bits_offset, bits)
        g.pending.append({"function": frame.site.function.name, "file": frame.site.function.file, "line": None,
                          "count": bin(bits).count("1"), "kind": "open-coded", "sp": frame.sp,
                          "deferred": [f for f in functions if f]})

    def _chain(self, records):
        link = self._field("link")
        for left, right in zip(records, records[1:]):
            region = self.memory.at(left)
            struct.pack_into("<Q", region.bytes, left + link - region.base, right)

    def _finish_defers(self):
        """Hangs all records on g._defer: inner frames first, in each the latest first."""
        for g in self.goroutines:
            by_frame = {}
            for sp, records in g.defers:
                by_frame.setdefault(sp, []).extend(records)
            chain = [r for sp in sorted(by_frame) for r in reversed(by_frame[sp])]
            self._chain(chain)
            if chain:
                self.set(g, "_defer", chain[0])
