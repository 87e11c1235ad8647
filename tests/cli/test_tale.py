"""The two leaks of the tale, each with its function, file, line and count; and the right idioms, which are clean."""

import time

import pytest

from findings import find, is_at, is_true
from seepcli import describe, inspect, seep
from sources import place

ENOUGH = 300


def check_defer(document, before, after):
    """The deferred calls of tale-defer are all there."""
    finding = find(document, "defer-in-loop", "main.poll")
    is_at(finding["at"], "main.poll", "tale-defer/poll.go", "defer here")
    assert finding["deferred"]["function"] == "main.(*Rows).Close"
    is_true(finding, before, after)
    assert finding["grade"] == "certain"
    holder = [g for g in document["goroutines"]["groups"] if finding["goroutine"] in g["ids"]]
    assert len(holder) == 1
    assert "main.poll" in [frame["function"] for frame in holder[0]["frames"]]
    listed = [d for d in document["defers"] if d["at"] == finding["at"]]
    assert sum(d["count"] for d in listed) == finding["count"]


def check_send(document, before, after):
    """The goroutines of tale-send that wait for the receiver that is gone are all there."""
    finding = find(document, "blocked-goroutines", "main.(*Agent).publish.func1")
    is_at(finding["at"], "main.(*Agent).publish.func1", "tale-send/metrics.go", "send here")
    is_at(finding["started_at"], "main.(*Agent).publish", "tale-send/metrics.go", "go here")
    is_true(finding, before, after)
    assert finding["grade"] in ("certain", "likely")


def test_defer(start):
    """The leak of deferred calls is found, and nothing else."""
    program = start("tale-defer", "-every", "2ms")
    before = program.wait_leaked(ENOUGH)
    result = inspect(program.pid)
    after = program.truth()
    assert result.status == 1, str(result)
    assert len(result.doc["findings"]) == 1, describe(result.doc)
    check_defer(result.doc, before, after)


def test_send(start):
    """The leak of goroutines is found, and nothing else."""
    program = start("tale-send", "-every", "2ms")
    before = program.wait_leaked(ENOUGH)
    result = inspect(program.pid)
    after = program.truth()
    assert result.status == 1, str(result)
    assert len(result.doc["findings"]) == 1, describe(result.doc)
    check_send(result.doc, before, after)


@pytest.mark.parametrize("name", ["tale-defer-fixed", "tale-send-fixed"])
@pytest.mark.parametrize("looks", [(), ("--for", "0")], ids=["two-looks", "one-look"])
def test_twins_are_clean(start, name, looks):
    """The right idioms give no finding."""
    program = start(name, "-every", "1ms")
    time.sleep(1)
    result = inspect(program.pid, *looks)
    assert result.status == 0, describe(result.doc)


def test_text_names_both(start):
    """The report for people has function, file and line of both leaks, and what to do."""
    defers, sends = start("tale-defer", "-every", "2ms"), start("tale-send", "-every", "2ms")
    defers.wait_leaked(ENOUGH)
    sends.wait_leaked(ENOUGH)
    result = seep("inspect", defers.pid, sends.pid)
    assert result.status == 1, str(result)
    assert result.stderr == ""
    lines = [
        f"{file.rsplit('/', 1)[1]}:{place(file, marker)[1]}"
        for file, marker in [
            ("tale-defer/poll.go", "defer here"),
            ("tale-send/metrics.go", "send here"),
            ("tale-send/metrics.go", "go here"),
        ]
    ]
    for words in ("main.poll", "Close", "main.(*Agent).publish.func1", "fix", *lines):
        assert words in result.stdout, f"{words!r} is missing\n{result}"
    assert result.stdout.count("LEAK") == 2
    assert "\x1b" not in result.stdout


def test_age(start):
    """The age that is said is no more than the age of the program."""
    program = start("tale-send", "-every", "2ms")
    program.wait_leaked(ENOUGH)
    result = inspect(program.pid)
    age = time.time() - program.started
    assert 0 < result.doc["target"]["uptime_s"] <= age + 1
    finding = find(result.doc, "blocked-goroutines", "main.(*Agent).publish.func1")
    assert finding["oldest_s"] is None or finding["oldest_s"] <= age + 1
    if finding["progress"]:
        assert finding["progress"]["went"] <= finding["count"] / 10
