"""Runs heapcheck (tests/heap/), which holds seep's view of the heap against the collector's, on stopped processes and on cores."""

import contextlib
import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field

from seepcli import SEEP

HEAPCHECK = SEEP.parent / "tests" / "heap" / "heapcheck"

# Why the collector kept what is not reached; tests/heap/marks.c explains each.
REASONS = ("interrupted", "weak", "unique", "dropped")


@dataclass
class Marks:
    """What `heapcheck marks` says: counts by name, and the objects that differ, with their reason."""

    counts: dict
    objects: list = field(default_factory=list)

    def __getattr__(self, name):
        return self.counts[name]

    def __str__(self):
        return f"{self.counts}\n" + "\n".join(self.objects[:40])


@contextlib.contextmanager
def stopped(pid):
    """The process stands still meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        deadline = time.monotonic() + 30
        while any(state != "T" for state in thread_states(pid)):
            assert time.monotonic() < deadline, f"{pid} does not stop"
            time.sleep(0.002)
        yield pid
    finally:
        os.kill(pid, signal.SIGCONT)


def thread_states(pid):
    """One letter for each thread."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat", encoding="ascii", errors="replace") as stat:
            yield stat.read().rpartition(") ")[2][0]


def marks(*target):
    """Compares a process that stands still, or a core and its executable."""
    done = subprocess.run([HEAPCHECK, "marks", *map(str, target)], text=True, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr
    result = Marks({})
    for line in done.stdout.splitlines():
        if " 0x" in line:
            result.objects.append(line)
        else:
            name, value = re.fullmatch(r"(\w+) ([\d.]+)", line).groups()
            result.counts[name] = float(value) if "." in value else int(value)
    return result
