"""Programs that look as if they leaked, and do not. Nothing is a leak because there is much of it."""

import pytest

from seepcli import describe, inspect

LOOKS = [pytest.param((), id="two-looks"), pytest.param(("--for", "0"), id="one-look")]

# what is started, and how many goroutines it has at least
HEALTHY = {
    "pool": (("pool-workers", "-n", "10000"), 10000),
    "pool-without-jobs": (("pool-workers", "-n", "10000", "-every", "0"), 10000),
    "idle-connections": (("idle-connections", "-n", "10000"), 2000),
    "growing-connections": (("idle-connections", "-n", "500", "-grow", "5ms"), 1000),
    "slow-receiver": (("slow-receiver", "-senders", "5000", "-period", "20ms"), 5000),
    "very-slow-receiver": (("slow-receiver", "-senders", "5000", "-period", "3s"), 5000),
    "semaphore-channel": (("semaphore-channel",), 3),
    "defer-then-return": (("defer-then-return",), 3),
    "defer-slowly-then-return": (("defer-then-return", "-pace", "1ms"), 3),
    "burst": (("burst",), 3),
    "tickers": (("tickers",), 1000),
    "mutex-contention": (("mutex-contention",), 500),
    "fan-out": (("fan-out",), 20),
    "crowd": (("leak-in-crowd", "-every", "0"), 5000),
    "http-light": (("http-light",), 20),
    "group-commit-channel": (("group-commit", "-kind", "channel"), 3),
    "group-commit-cond": (("group-commit", "-kind", "cond"), 3),
    "group-commit-waitgroup": (("group-commit", "-kind", "waitgroup"), 3),
    "group-commit-mutex": (("group-commit", "-kind", "mutex"), 3),
    "many-at-one-gate": (("million-blocked", "-n", "100000"), 100000),
}


@pytest.mark.parametrize("looks", LOOKS)
@pytest.mark.parametrize("name", HEALTHY)
def test_silent(start, name, looks):
    """No finding, with one look and with two, and nothing that could not be read."""
    command, least = HEALTHY[name]
    target = start(*command)
    before = target.wait_until(lambda truth: truth["goroutines"] >= least)
    result = inspect(target.pid, *looks)
    assert result.status == 0, describe(result.doc)
    assert target.truth()["goroutines"] >= least <= before["goroutines"]
    assert result.doc["goroutines"]["total"] >= least
    assert result.doc["unread"]["goroutines"] == 0


def test_defers_that_will_run(start):
    """A million deferred calls in a frame that returns one day are counted, all of them, and are no leak."""
    target = start("defer-million")
    result = inspect(target.pid, "--for", "0")
    assert result.status == 0, describe(result.doc)
    counts = {d["at"]["function"]: d["count"] for d in result.doc["defers"]}
    assert counts["main.pile"] == 1000000
    assert result.doc["unread"]["defers"] == 0
