"""Pauses a busy server, kills who pauses it, and looks at what became of the server. For test_pause.py and tools/pause."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

from seepcli import SEEP

FREEZER = SEEP.parent / "tests" / "unit" / "freezer"
BUDGET_MS = 1000  # the machine may be busy; what is measured is how much of it was used
PATIENCE_SECONDS = 10


def freeze(pid, way, times=1, period_ms=0, hold_ms=0, budget_ms=BUDGET_MS):
    """Freezes so many times, and returns what the freezer says of each."""
    done = subprocess.run(
        [FREEZER, str(pid), way, str(budget_ms), str(hold_ms), str(times), str(period_ms)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=3600, check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def start_freezing(pid, way, hold_ms=0):
    """A freezer that does not end."""
    return subprocess.Popen(
        [FREEZER, str(pid), way, str(BUDGET_MS), str(hold_ms), "1000000"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )


def read(path):
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def field(pid, name):
    for line in read(f"/proc/{pid}/status").splitlines():
        if line.startswith(name + ":"):
            return line.split(":", 1)[1].strip()
    return ""


def state(path):
    text = read(f"{path}/stat")
    return text.rsplit(")", 1)[1].split()[0] if text else "-"


def children(pid):
    words = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        words += read(f"/proc/{pid}/task/{thread}/children").split()
    return words


def complaints(pid, zombies=False):
    """What is not as it was before anybody paused the process. `zombies`: dead children are allowed."""
    found = []
    if field(pid, "TracerPid") != "0":
        found.append("it is traced")
    stopped = [t for t in os.listdir(f"/proc/{pid}/task") if state(f"/proc/{pid}/task/{t}") in "tT"]
    if stopped:
        found.append(f"threads {stopped} are stopped")
    alive = [c for c in children(pid) if not (zombies and state(f"/proc/{c}") == "Z")]
    if alive:
        found.append(f"it has the children {[(c, state('/proc/' + c)) for c in alive]}")
    return found


def wait_for_calm(pid, zombies=False):
    """Waits until there is nothing to complain of; returns the seconds that took."""
    start = time.monotonic()
    while True:
        found = complaints(pid, zombies)
        if not found:
            return time.monotonic() - start
        assert time.monotonic() < start + PATIENCE_SECONDS, found
        time.sleep(0.0005)


def kill_seep(pid, way, times):
    """Kills it at random moments. Returns how long it took at the longest until nothing was left of it."""
    longest = 0
    for _ in range(times):
        freezer = start_freezing(pid, way)
        time.sleep(random.random() * 0.12)
        freezer.kill()
        freezer.wait()
        longest = max(longest, wait_for_calm(pid))
    return longest


def kill_guardian(pid, times):
    """Kills the guardian and seep at random moments of a pause, most of them while it makes the twin. Returns the number
    of pauses that were hit."""
    hits = 0
    for _ in range(times):
        freezer = start_freezing(pid, "twin")
        guardian = 0
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not guardian and time.monotonic() < deadline:
            guardian = int(field(pid, "TracerPid") or 0)
        time.sleep(random.random() * 0.004)
        for victim in (guardian, freezer.pid):
            try:
                os.kill(victim, signal.SIGKILL)
                hits += victim == guardian
            except ProcessLookupError:
                pass
        freezer.wait()
        wait_for_calm(pid, zombies=True)
    return hits
