"""What goroutines wait on: channels, selects, mutexes, wait groups, conditions, sleep and IO.

sudogs: since 1.26 elem and c are {vp, vu} pairs, and a goroutine that waits on a semaphore has it in g.waiting; up
to 1.25 that sudog stands only on the goroutine's own stack and in the semaphore table (go: runtime/sema.go).
"""
import struct

from . import stdlib


class Channel:
    """An hchan and those who wait on it."""

    def __init__(self, address, elem, cap, length, closed):
        self.address, self.elem, self.cap, self.len, self.closed = address, elem, cap, length, closed
        self.queues = {"send": [], "receive": []}  # sudogs


class Blocking:
    """The part of World that blocks goroutines."""

    def chan(self, elem="int", cap=0, length=0, closed=False):
        """make(chan elem, cap) with some values in it."""
        width = self.layouts.width(elem)
        address = self.new("hchan")
        buffer = self.heap.alloc(max(cap * width, 8)) if cap else 0
        for path, value in (("qcount", length), ("dataqsiz", cap), ("buf", buffer), ("elemsize", width),
                            ("closed", int(closed)), ("elemtype", self.types.get(elem))):
            self.put(address, "hchan", path, value)
        channel = Channel(address, elem, cap, length, closed)
        self.channels = getattr(self, "channels", []) + [channel]
        return channel

    def sudog(self, g, channel=0, elem=0, select=False):
        """A sudog of a goroutine."""
        address = self.new("sudog")
        self.put(address, "sudog", "g", g.address)
        self.put(address, "sudog", "isSelect", int(select))
        self.point(address, "c", channel)
        self.point(address, "elem", elem)
        return address

    def point(self, sudog, path, value, hidden=False):
        """Sets sudog.c or sudog.elem. Since 1.26 both are {vp, vu} (in c that pair is embedded); vu is the truth.

        hidden: vp is nil, as the runtime leaves it while a collection looks for leaked goroutines.
        """
        where = self.at(sudog, "sudog", path)
        if self.layouts.width(self.layouts.place("runtime.sudog", path)[1]) == 16:
            self.memory.u64(where, 0 if hidden else value)
            where += 8
        self.memory.u64(where, value)

    def enter(self, g, kind):
        """Pushes the runtime's frames for a kind of wait; returns them by name."""
        frames = {}
        for name, line in stdlib.chain(kind, self.minor):
            frames[name] = self.push(g, self.std(name, line))
        if kind != "park" and g.reason is None:
            self._reason(g, stdlib.reason(kind, self.minor))
        return frames

    def block(self, g, channel, direction):
        """channel <- value ("send") or <-channel ("receive"); channel None: the nil channel."""
        if channel is None:
            self.enter(g, direction + " nil")
            g.waits.append({"kind": "nil chan", "direction": direction, "address": 0})
            return None
        frames = self.enter(g, direction)
        sudog = self.sudog(g, channel.address)
        channel.queues[direction].append(sudog)
        self.set(g, "waiting", sudog)
        name = "runtime.chansend" if direction == "send" else "runtime.chanrecv"
        self.memory.u64(frames[name].local(), sudog)
        g.waits.append({"kind": "chan", "direction": direction, "address": channel.address, "channel": channel})
        return sudog

    def select(self, g, cases):
        """select without default; cases: (channel, direction). None at all: select {}."""
        self.enter(g, "select" if cases else "block")
        sudogs = []
        for channel, direction in sorted(cases, key=lambda c: c[0].address):  # g.waiting is in lock order
            sudog = self.sudog(g, channel.address, select=True)
            channel.queues[direction].append(sudog)
            if sudogs:
                self.put(sudogs[-1], "sudog", "waitlink", sudog)
            else:
                self.set(g, "waiting", sudog)
            sudogs.append(sudog)
            g.waits.append({"kind": "chan", "direction": direction, "address": channel.address, "channel": channel})
        return sudogs

    # ---- semaphores

    def mutex(self):
        """A locked sync.Mutex {state int32, sema uint32}."""
        return self._sync(8, 1)

    def rwmutex(self):
        """A sync.RWMutex {w Mutex, writerSem @8, readerSem @12, readerCount @16, readerWait @20}."""
        return self._sync(24, 0)

    def waitgroup(self):
        """A sync.WaitGroup; its semaphore stands at 8 (before 1.20 by alignment, since then by declaration)."""
        return self._sync(16, 1 << 32)

    def cond(self):
        """A sync.Cond {noCopy, L @0, notify @16 {wait, notify, lock @8, head @16, tail @24}, checker}."""
        return self._sync(56, 0)

    def _sync(self, size, word):
        address = self.heap.alloc(size)
        self.memory.u64(address, word)
        return address

    def _semaphore(self, g, kind, address, offset, shown):
        frames = self.enter(g, kind)
        sudog = self.sudog(g, elem=address + offset)
        self.memory.u64(frames["runtime.semacquire1"].local(), sudog)
        if self.minor >= 26:
            self.set(g, "waiting", sudog)
        self.sema.setdefault(address + offset, []).append(sudog)
        g.waits.append({"kind": shown, "address": address, "direction": None})
        return sudog

    def lock(self, g, mutex):
        """mutex.Lock()."""
        return self._semaphore(g, "mutex", mutex, 4, "mutex")

    def rlock(self, g, rwmutex):
        """rwmutex.RLock()."""
        return self._semaphore(g, "rlock", rwmutex, 12, "rwmutex")

    def wlock(self, g, rwmutex):
        """rwmutex.Lock()."""
        return self._semaphore(g, "wlock", rwmutex, 8, "rwmutex")

    def wait(self, g, waitgroup):
        """waitgroup.Wait()."""
        return self._semaphore(g, "waitgroup", waitgroup, 8, "waitgroup")

    def cond_wait(self, g, cond):
        """cond.Wait(): the sudog hangs on the notifyList."""
        frames = self.enter(g, "cond")
        sudog = self.sudog(g, elem=cond + 16 if self.minor >= 26 else 0)
        if self.minor >= 26:
            self.set(g, "waiting", sudog)
        inner = frames["sync.runtime_notifyListWait"]
        self.memory.u64(inner.local(), sudog)
        self.memory.u64(inner.local(), cond + 16)
        self.memory.u64(frames["sync.(*Cond).Wait"].local(), cond)
        tail = self.memory.word(cond + 40)
        if tail:
            self.put(tail, "sudog", "next", sudog)
        else:
            self.memory.u64(cond + 32, sudog)
        self.memory.u64(cond + 40, sudog)
        g.waits.append({"kind": "cond", "address": cond, "direction": None})
        return sudog

    def sleep(self, g):
        """time.Sleep."""
        self.enter(g, "sleep")

    def io(self, g):
        """A read from a connection: a pollDesc knows the goroutine."""
        frames = self.enter(g, "io")
        poll = self.persistent.alloc(self.layouts.size("runtime.pollDesc"))
        self.put(poll, "pollDesc", "fd", 9)
        self.memory.u64(self.at(poll, "pollDesc", "rg"), g.address)
        self.memory.u64(frames["runtime.netpollblock"].local(), poll)

    def _finish_blocking(self):
        """Links the queues of channels and the semaphore table."""
        for channel in getattr(self, "channels", []):
            for queue, direction in (("sendq", "send"), ("recvq", "receive")):
                sudogs = channel.queues[direction]
                for left, right in zip(sudogs, sudogs[1:]):
                    self.put(left, "sudog", "next", right)
                    self.put(right, "sudog", "prev", left)
                if sudogs:
                    self.put(channel.address, "hchan", queue + ".first", sudogs[0])
                    self.put(channel.address, "hchan", queue + ".last", sudogs[-1])
        buckets = {}
        for address, sudogs in self.sema.items():
            for left, right in zip(sudogs, sudogs[1:]):  # all who wait on one address hang on its first
                self.put(left, "sudog", "waitlink", right)
            if len(sudogs) > 1:
                self.put(sudogs[0], "sudog", "waittail", sudogs[-1])
            buckets.setdefault((address >> 3) % 251, []).append((address, sudogs[0]))
        for bucket, roots in buckets.items():
            root = self.semtable + bucket * self.semtable_stride
            self.memory.u64(root + 8, self._treap(sorted(roots), 0))
            self.memory.u32(root + 16, sum(len(self.sema[a]) for a, _ in roots))

    def _treap(self, roots, parent):
        """A search tree by address: prev and next are its left and right."""
        if not roots:
            return 0
        middle = len(roots) // 2
        sudog = roots[middle][1]
        self.put(sudog, "sudog", "parent", parent)
        self.put(sudog, "sudog", "prev", self._treap(roots[:middle], sudog))
        self.put(sudog, "sudog", "next", self._treap(roots[middle + 1:], sudog))
        return sudog

    def _text(self, text):
        """A string's bytes on the heap."""
        raw = text if isinstance(text, bytes) else text.encode()
        address = self.heap.alloc(max(len(raw), 1), noscan=True)
        self.memory.write(address, raw)
        return address, len(raw)

    def _labels(self, labels):
        """Profiler labels: up to 1.23 a pointer to a map[string]string, since 1.24 to a slice of pairs of strings."""
        pairs = [self._text(k) + self._text(v) for k, v in labels.items()]
        if self.minor >= 24:
            array = self.heap.alloc(32 * len(pairs))
            self.memory.write(array, b"".join(struct.pack("<QQQQ", *p) for p in pairs))
            header = self.heap.alloc(24)
            self.memory.write(header, struct.pack("<QQQ", array, len(pairs), len(pairs)))
            return header
        buckets = [self.heap.alloc(272) for _ in range((len(pairs) + 7) // 8)]
        for index, pair in enumerate(pairs):
            bucket, slot = buckets[index // 8], index % 8
            self.memory.u8(bucket + slot, 0x80 + index)  # tophash
            self.memory.write(bucket + 8 + 16 * slot, struct.pack("<QQ", *pair[:2]))
            self.memory.write(bucket + 136 + 16 * slot, struct.pack("<QQ", *pair[2:]))
        for left, right in zip(buckets, buckets[1:]):
            self.memory.u64(left + 264, right)  # overflow
        hmap = self.heap.alloc(48)
        self.memory.write(hmap, struct.pack("<QBBHIQQ", len(pairs), 0, 0, len(buckets) - 1, 0x5eed, buckets[0], 0))
        cell = self.heap.alloc(8)
        self.memory.u64(cell, hmap)
        return cell
