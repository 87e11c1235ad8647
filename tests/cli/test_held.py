"""What a finding holds, against what the program really frees when it lets go of it."""

import signal

import pytest

from findings import find
from seepcli import inspect

COUNT = 500
STACKS = (2048, 4096, 8192)  # of a goroutine that waits: the runtime chooses


@pytest.mark.parametrize("kind, rule, function", [
    ("goroutines", "blocked-goroutines", "main.wait"),
    ("defers", "defer-in-loop", "main.pile"),
])
def test_held_bytes(start, kind, rule, function):
    """To one in a hundred: buffers of their own count, the one that a variable holds as well does not."""
    target = start("held", "-kind", kind, "-n", str(COUNT))
    finding = find(inspect(target.pid, "--for", "0", "--pause", "10s").doc, rule, function)
    assert finding["count"] == COUNT and finding["held_measured"] and finding["grade"] == "certain"
    target.process.send_signal(signal.SIGUSR2)
    freed = target.wait_for("freed")["heap_bytes"]
    stacks = [0] if kind == "defers" else [COUNT * size for size in STACKS]
    assert min(abs(finding["held_bytes"] - stack - freed) for stack in stacks) <= freed / 100, (finding, freed)


def test_without_the_heap_it_is_a_lower_bound(start):
    """With --pause 0 nothing is stopped and nothing measured."""
    target = start("held", "-kind", "defers", "-n", str(COUNT))
    result = inspect(target.pid, "--for", "0", "--pause", "0")
    finding = find(result.doc, "defer-in-loop", "main.pile")
    assert result.doc["pause_us"] == 0 and not result.doc["proof"]["known"]
    assert not finding["held_measured"] and 0 < finding["held_bytes"] < COUNT * (10 << 10)
