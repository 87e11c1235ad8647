"""Every pending deferred call is listed: those on the goroutine's list and those that a frame keeps itself."""

from findings import find, is_at, is_true
from seepcli import inspect
from sources import place


def pending(document, file, marker):
    """How many calls of the marked defer statement are listed, and in how many frames."""
    path, line = place(file, marker)
    listed = [d for d in document["defers"] if (d["at"]["file"], d["at"]["line"]) == (path, line)]
    return sum(d["count"] for d in listed), sum(d["frames"] for d in listed), {d["kind"] for d in listed}


def test_million_for_ever(start):
    """A long chain in a loop that never ends is a leak, with its number."""
    target = start("defer-million", "-n", "1000000", "-forever")
    before = target.truth()
    result = inspect(target.pid)
    after = target.truth()
    finding = find(result.doc, "defer-in-loop", "main.pileForever")
    is_at(finding["at"], "main.pileForever", "defer-million/main.go", "defer forever")
    is_true(finding, before, after)
    assert finding["held_bytes"] >= 48 * 1000000


def test_open_coded(start):
    """What each frame of a recursion keeps is counted, the defers that were passed by are not."""
    target = start("defer-recursion", "-depth", "200")
    truth = target.truth()
    assert (truth["always"], truth["sometimes"]) == (200, 100)
    result = inspect(target.pid)
    assert result.status == 0
    assert pending(result.doc, "defer-recursion/main.go", "defer always") == (200, 200, {"open-coded"})
    assert pending(result.doc, "defer-recursion/main.go", "defer sometimes") == (100, 100, {"open-coded"})
    total = sum(group["deferred_calls"] for group in result.doc["goroutines"]["groups"])
    assert total >= 300


def test_deferred_while_returning(start):
    """The list shrinks to nothing and grows again; what is listed never exceeds what the program defers."""
    target = start("defer-then-return", "-n", "5000", "-stay", "200ms")
    for _ in range(5):
        result = inspect(target.pid, "--for", "0")
        count, frames, _ = pending(result.doc, "defer-then-return/main.go", "defer here")
        assert 0 <= count <= 5000
        assert frames <= 1
