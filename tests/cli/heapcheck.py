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
REASONS = ("timer", "timers", "interrupted", "weak", "unique", "dropped")


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
    return read_marks(done.stdout)


# With this in its environment a program's collector does not mark while the program runs: what it marks is what is reachable then,
# without what was let go or made meanwhile (runtime, "Environment Variables").
STOP_THE_WORLD = {"GODEBUG": "gcstoptheworld=1"}


def marks_at_the_end_of_a_collection(pid, folder):
    """Compares where the next collection has marked all and swept nothing: a debugger stops the program there."""
    done = subprocess.run([HEAPCHECK, "address", str(pid), "runtime.gcSweep"], text=True, capture_output=True, check=True)
    output = folder / "marks"
    subprocess.run(
        ["gdb", "-nx", "-batch", "-p", str(pid), "-iex", "set auto-load off", "-ex", "handle all nostop noprint pass", "-ex", "handle SIGTRAP stop",
         "-ex", f"break *{done.stdout.strip()}", "-ex", "continue", "-ex", f"shell {HEAPCHECK} fresh-marks {pid} >{output} 2>&1", "-ex", "detach"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=300,
    )
    return read_marks(output.read_text())


def read_marks(text):
    result = Marks({})
    for line in text.splitlines():
        if " 0x" in line:
            result.objects.append(line)
        else:
            name, value = re.fullmatch(r"(\w+) ([\d.]+)", line).groups()
            result.counts[name] = float(value) if "." in value else int(value)
    return result
