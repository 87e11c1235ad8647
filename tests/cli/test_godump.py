"""The reader of dumps that the other tests rest on must itself notice differences."""

import pytest

import godump

DUMP = """\
goroutine 1 [chan receive, 2 minutes]:
main.take[...](...)
\t/src/a.go:10
runtime.gopark(0x1)
\t/usr/lib/go/src/runtime/proc.go:1 +0x1
main.main()
\t/src/a.go:20 +0x5c

goroutine 7 [syscall, locked to thread]:
panic({0x1?, 0x2?})
\t/usr/lib/go/src/runtime/panic.go:860 +0x125
main.(*server).wait(0xc000012345, {0x1, 0x2})
\t/src/b.go:66 +0x53
created by main.start in goroutine 1
\t/src/b.go:22 +0x52
"""


def test_reads_what_go_writes():
    """Ids, states, frames and origins come out as they stand there."""
    goroutines = godump.parse(DUMP)
    assert sorted(goroutines) == [1, 7]
    assert (goroutines[1].state, goroutines[1].locked) == ("chan receive", False)
    assert (goroutines[7].state, goroutines[7].locked) == ("syscall", True)
    assert goroutines[1].visible() == [("main.take[...]", "/src/a.go", 10), ("main.main", "/src/a.go", 20)]
    assert goroutines[7].frames[0][0] == "runtime.gopanic"
    assert goroutines[7].frames[1] == ("main.(*server).wait", "/src/b.go", 66)
    assert goroutines[7].created_by == ("main.start", "/src/b.go", 22)
    assert goroutines[7].parent == 1


@pytest.mark.parametrize(
    "old, new",
    [
        ("/src/a.go:10", "/src/a.go:11"),
        ("main.main()", "main.other()"),
        ("/src/b.go:66", "/src/c.go:66"),
        ("main.take[...](...)\n\t/src/a.go:10\n", ""),
    ],
)
def test_notices_a_difference(old, new):
    """One other line, name, file or frame makes another stack."""
    first, second = godump.parse(DUMP), godump.parse(DUMP.replace(old, new))
    same = [godump.same_stack(second[number], first[number]) for number in first]
    assert same.count(False) == 1


def test_deep_stacks_are_compared_where_go_shows_them():
    """Of an elided stack the beginning and the end count."""
    frames = [f"main.f(0x{n:x})\n\t/src/a.go:{n} +0x1" for n in range(1, 301)]
    head, tail = "goroutine 5 [chan receive]:\n", "\ncreated by main.main\n\t/src/a.go:9 +0x1\n"
    whole = godump.parse(head + "\n".join(frames) + tail)[5]
    short = godump.parse(head + "\n".join([*frames[:50], "...200 frames elided...", *frames[-50:]]) + tail)[5]
    other = godump.parse(head + "\n".join([*frames[:-2], frames[-1], frames[-2]]) + tail)[5]
    assert godump.same_stack(whole, short)
    assert godump.same_stack(short, short)
    assert not godump.same_stack(other, short)
    assert not godump.same_stack(whole, godump.parse(head + "\n".join(frames[:100]) + tail)[5])
    assert godump.same_stack(whole, godump.parse(head + "\n".join(frames[:97]) + tail)[5], cut=97)
