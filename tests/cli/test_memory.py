"""How the memory of a process is split, against what the program and the kernel say."""

from seepcli import inspect

SLACK = 3 << 20


def within(value, first, second):
    """Whether a value lies between two others, or near them."""
    low, high = min(first, second), max(first, second)
    return low * 0.93 - SLACK <= value <= high * 1.07 + SLACK


def kernel_rss(pid):
    """The resident set in bytes, page by page as the kernel counts it."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Rss:"):
                return int(line.split()[1]) << 10
    raise AssertionError("no Rss")


def test_kinds(start):
    """Heap in use, heap idle, a mapped file, and what Go does not know, each with its size."""
    target = start("memory-kinds")
    before, rss_before = target.truth(), kernel_rss(target.pid)
    memory = inspect(target.pid, "--for", "0").doc["memory"]
    after, rss_after = target.truth(), kernel_rss(target.pid)
    assert within(memory["rss_bytes"], rss_before, rss_after)
    assert within(memory["heap_in_use_bytes"], before["heap_in_use_bytes"], after["heap_in_use_bytes"])
    assert within(memory["heap_idle_bytes"], before["heap_idle_bytes"], after["heap_idle_bytes"])
    assert within(memory["stacks_bytes"], before["stacks_bytes"], after["stacks_bytes"])
    assert before["file_bytes"] <= memory["mapped_files_bytes"] <= before["file_bytes"] + (8 << 20)
    assert within(memory["outside_go_bytes"], before["outside_bytes"], after["outside_bytes"])


def test_stacks(start):
    """A hundred thousand goroutines hold their memory in stacks."""
    target = start("million-blocked", "-n", "100000")
    before = target.truth()
    memory = inspect(target.pid, "--for", "0").doc["memory"]
    assert before["stacks_bytes"] > 100000 * 2048
    assert within(memory["stacks_bytes"], before["stacks_bytes"], before["stacks_bytes"])
