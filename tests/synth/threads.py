"""Threads: an m with its g0 each, and what runs on them."""


class Threads:
    """The part of World that knows threads."""

    def running(self, g, tid):
        """Puts a goroutine on a thread: registers are its own."""
        thread = self.thread(tid, g)
        self.put(g, "g", "m", thread["m"])
        thread["registers"] = self._registers(g.pc, g.sp, g.address)
        return thread

    def syscall(self, g, tid):
        """In a system call: syscallsp and syscallpc say where its frames begin."""
        thread = self.thread(tid, g)
        self.set(g, "syscallpc", g.pc)
        self.set(g, "syscallsp", g.sp)
        self.put(g, "g", "m", thread["m"])
        return thread

    def _registers(self, pc, sp, g):
        if self.arch == "amd64":
            return {"rip": pc, "rsp": sp, "r14": g, "cs": 0x33, "ss": 0x2b, "rbp": sp}
        return {"pc": pc, "sp": sp, "x28": g, "x29": sp - 8, "x30": pc}

    def thread(self, tid, curg=None):
        """An m with its g0; idle in futex unless curg runs."""
        m = self.new("m")
        g0 = self.new("g")
        low = self.heap.stack(16384)
        for path, value in (("stack.lo", low), ("stack.hi", low + 16384), ("sched.g", g0), ("sched.sp", low + 16000),
                            ("atomicstatus", 0)):
            self.put(g0, "g", path, value)
        self.put(m, "m", "g0", g0)
        self.put(m, "m", "procid", tid)
        self.put(m, "m", "curg", curg.address if curg else 0)
        self.put(m, "m", "alllink", self.threads[-1]["m"] if self.threads else 0)
        thread = {"tid": tid, "m": m, "registers": self._registers(self.std("runtime.futex").pc, low + 15000, g0)}
        self.threads.append(thread)
        return thread
