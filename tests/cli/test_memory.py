"""How the memory of a process is split, against what the program and the kernel say."""

import re

import pytest

from seepcli import inspect, seep
from toolchain import EVERY_RELEASE

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


def of_smaps(pid, key, name=None):
    """The sum of a field of /proc/PID/smaps, of all mappings or of one that is named."""
    total, wanted = 0, name is None
    with open(f"/proc/{pid}/smaps") as file:
        for line in file:
            if re.match(r"[0-9a-f]+-", line):
                wanted = name is None or line.split()[-1] == name
            elif wanted and line.startswith(f"{key}:"):
                total += int(line.split()[1]) << 10
    return total


def near(value, expected, share=0.01, slack=256 << 10):
    """What a few objects of the runtime's own, and pages of the kernel's, make of a figure is allowed."""
    return abs(value - expected) <= expected * share + slack


GO_SIZES = (352, 384, 416, 448, 480, 512)  # size classes that a runtime.g may have (runtime/sizeclasses.go)


def check_rest(target, document):
    """Each piece against what the program and the kernel say."""
    truth, memory, parts = target.truth(), document["memory"], document["memory_parts"]
    pieces = parts["sum"]
    assert near(memory["rss_bytes"], kernel_rss(target.pid), slack=1 << 20)
    assert near(pieces["objects_bytes"] + pieces["dead_descriptors_bytes"], truth["objects_bytes"])
    assert near(pieces["free_slots_bytes"] + pieces["span_ends_bytes"], truth["unused_bytes"], share=0.02)
    assert pieces["heap_untold_bytes"] == 0, "the program stands still"
    assert near(parts["garbage_bytes"], truth["garbage_bytes"])
    assert near(memory["heap_idle_bytes"], truth["heap_idle_bytes"], share=0.05, slack=2 << 20)
    smalls = [c for c in parts["slot_classes"] if c["slot_bytes"] == 48]
    assert len(smalls) == 1
    assert near(smalls[0]["free_bytes"], truth["small_dropped"] * 48, share=0.02)
    assert near((smalls[0]["slots"] - smalls[0]["free_slots"]) * 48, truth["small_kept"] * 48, share=0.02)
    assert truth["dead"] <= parts["dead_goroutines"] <= truth["dead"] + 50
    assert pieces["dead_descriptors_bytes"] / parts["dead_goroutines"] in GO_SIZES
    assert parts["huge_pages_bytes"] == of_smaps(target.pid, "AnonHugePages")
    assert pieces["c_heap_bytes"] == of_smaps(target.pid, "Rss", "[heap]")
    outside = [m["rss_bytes"] for m in parts["outside_largest"]]
    assert near(outside[0], truth["outside_bytes"], share=0)
    if truth["c_bytes"]:
        assert near(pieces["c_heap_bytes"], truth["c_bytes"], share=0.05)
        assert near(outside[1], truth["c_bytes"], share=0)


@pytest.mark.parametrize("mode", ["static", "cgo"])
def test_rest(start, mode):
    """Garbage, free slots, descriptors of goroutines that ended, C's heap, huge pages."""
    target = start("memory-rest", mode=mode)
    check_rest(target, inspect(target.pid, "--for", "0", "--pause", "2s").doc)


@pytest.mark.matrix
@pytest.mark.parametrize("release", EVERY_RELEASE)
@pytest.mark.parametrize("mode", ["static", "cgo"])
def test_rest_of_every_release(start, release, mode):
    """The same by each release."""
    target = start("memory-rest", toolchain=release, mode=mode)
    check_rest(target, inspect(target.pid, "--for", "0", "--pause", "2s").doc)


def test_rest_of_core(start, gcore):
    """A core file is an instant: the same pieces, of the pages that hold anything."""
    target = start("memory-rest")
    truth = target.truth()
    document = inspect(gcore(target.pid)).doc
    parts = document["memory_parts"]
    pieces = parts["sum"]
    assert near(pieces["objects_bytes"] + pieces["dead_descriptors_bytes"], truth["objects_bytes"])
    assert near(pieces["free_slots_bytes"] + pieces["span_ends_bytes"], truth["unused_bytes"], share=0.02)
    assert near(parts["garbage_bytes"], truth["garbage_bytes"])
    assert parts["dead_goroutines"] >= truth["dead"]
    assert parts["huge_pages_bytes"] is None


def test_huge_pages(start):
    """Memory that Go gave back, and that the kernel has filled with huge pages, is told apart from what Go keeps."""
    target = start("memory-rest", "-again", "64", "-outside", "1")
    huge = of_smaps(target.pid, "AnonHugePages")
    if huge < 32 << 20:
        pytest.skip("there are no huge pages here")
    document = inspect(target.pid, "--for", "0").doc
    truth, pieces = target.truth(), document["memory_parts"]["sum"]
    assert near(pieces["idle_again_bytes"], huge, slack=1 << 20)
    assert near(pieces["idle_bytes"], truth["heap_idle_bytes"], share=0.05, slack=1 << 20)
    text = seep("inspect", "--memory", "--for", "0", target.pid).stdout
    assert re.search(r"^  idle, huge pages .*GODEBUG=disablethp=1", text, re.M), text


def test_no_instant(start):
    """Without an instant garbage is not told, and not taken for nothing."""
    target = start("memory-rest")
    parts = inspect(target.pid, "--for", "0", "--pause", "0").doc["memory_parts"]
    assert parts["garbage_bytes"] is None and parts["garbage_objects"] is None
    assert parts["sum"]["objects_bytes"] > target.truth()["garbage_bytes"]
    text = seep("inspect", "--memory", "--for", "0", "--pause", "0", target.pid).stdout
    assert "without an instant" in text and not re.search(r"^ +garbage", text, re.M)


LINE = re.compile(r"^  (\S.*?) +(\d+\.\d) MiB +(\d+\.\d) %(?:  (\S.*))?$", re.M)


def test_table(start):
    """The lines of the table add up as they are shown, and small ones are one."""
    target = start("memory-rest", mode="cgo")
    result = seep("inspect", "--memory", "--for", "0", "--pause", "2s", target.pid)
    *lines, whole = LINE.findall(result.stdout)
    assert whole[0] == "rss" and whole[2] == "100.0"
    assert len(lines) <= 12, result
    assert sum(round(10 * float(size)) for _, size, _, _ in lines) == round(10 * float(whole[1])), result
    assert sum(round(10 * float(share)) for _, _, share, _ in lines) == 1000, result
    parts = inspect(target.pid, "--for", "0", "--pause", "2s").doc["memory_parts"]
    shown = {name: (float(size), remark) for name, size, _, remark in lines}
    truth = target.truth()
    assert abs(shown["garbage"][0] - truth["garbage_bytes"] / 2**20) < 0.5
    assert "GOGC is off" in shown["garbage"][1]
    assert "48 B" in shown["free slots"][1]
    assert f"{parts['dead_goroutines']:,} goroutines ended" in shown["dead goroutines"][1]
    assert lines[-1][0] == "all else"
    assert result.stdout.count("of it in huge pages") == int(of_smaps(target.pid, "AnonHugePages") > 0)
    assert not LINE.search(seep("inspect", "--for", "0", target.pid).stdout)
