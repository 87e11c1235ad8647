"""Programs that look as if they leaked, and do not. Nothing is a leak because there is much of it."""

import os
import time

import pytest

from seepcli import describe, inspect

# what is started, and how many goroutines it must have before it is looked at
HEALTHY = {
    "pool": (("pool-workers", "-n", "10000"), 10000),
    "pool-without-jobs": (("pool-workers", "-n", "10000", "-every", "0"), 10000),
    "idle-connections": (("idle-connections", "-n", "10000"), 2000),
    "growing-connections": (("idle-connections", "-n", "500", "-grow", "5ms"), 1000),
    "slow-receiver": (("slow-receiver", "-senders", "5000", "-period", "20ms"), 5000),
    "very-slow-receiver": (("slow-receiver", "-senders", "5000", "-period", "3s"), 5000),
    "very-slow-receiver-deep": (("slow-receiver", "-senders", "5000", "-period", "3s", "-deep"), 5000),
    "semaphore-channel": (("semaphore-channel",), 500),
    "defer-then-return": (("defer-then-return",), 3),
    "burst": (("burst",), 300),
    "tickers": (("tickers",), 1000),
    "mutex-contention": (("mutex-contention",), 500),
    "fan-out": (("fan-out",), 500),
    "crowd": (("leak-in-crowd", "-every", "0"), 5000),
    "http-light": (("http-light",), 20),
    "many-at-one-gate": (("million-blocked", "-n", "100000"), 100000),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_silent_with_one_look(start, name):
    """No finding at whatever moment one looks, and nothing that could not be read."""
    command, least = HEALTHY[name]
    target = start(*command)
    target.wait_until(lambda truth: truth["goroutines"] >= least)
    for _ in range(15):
        check_silent(inspect(target.pid, "--for", "0"))


@pytest.mark.parametrize("name", HEALTHY)
def test_silent_with_two_looks(start, name):
    """No finding, and nothing that could not be read."""
    command, least = HEALTHY[name]
    target = start(*command)
    target.wait_until(lambda truth: truth["goroutines"] >= least)
    check_silent(inspect(target.pid))


def test_silent_when_all_receivers_are_awake_at_once(start):
    """Between two moments all who will receive are runnable, and none of them runs: nobody waits, and yet all is well."""
    target = start("semaphore-channel", "-awake", env={**os.environ, "GODEBUG": "asyncpreemptoff=1"})
    awake = wait_for_awake(target.pid)
    assert awake["count"] == 8
    for options in (("--for", "0"), ("--for", "0", "--pause", "0"), ("--for", "500ms")):
        check_silent(inspect(target.pid, *options))


def wait_for_awake(pid):
    """The group of those who are past their send and runnable, once they are."""
    for _ in range(100):
        groups = inspect(pid, "--for", "0").doc["goroutines"]["groups"]
        awake = [g for g in groups if g["state"] == "runnable" and g["count"] > 1]
        if awake:
            return awake[0]
        time.sleep(0.1)
    raise AssertionError(groups)


def check_silent(result):
    """Nothing was found, and every goroutine was read."""
    assert result.status == 0, describe(result.doc)
    assert result.doc["unread"]["goroutines"] == 0


# What comes for two seconds and does not go cannot be told from a leak that has just begun. It may be called
# possible, but no more than that; and a look that is long enough must see it go.
SLOW = {
    "group-commit-channel": ("group-commit", "-kind", "channel"),
    "group-commit-cond": ("group-commit", "-kind", "cond"),
    "group-commit-waitgroup": ("group-commit", "-kind", "waitgroup"),
    "group-commit-mutex": ("group-commit", "-kind", "mutex"),
    "defer-slowly-then-return": ("defer-then-return", "-n", "4500", "-pace", "1ms", "-stay", "0"),
}


@pytest.fixture
def slow(start):
    """All of them, with something in each already."""
    targets = {name: start(*command) for name, command in SLOW.items()}
    for name, target in targets.items():
        if name.startswith("group"):
            target.wait_until(lambda truth: truth["goroutines"] >= 200)
        else:
            target.wait_leaked(200)
    return targets


def test_slow_with_one_look(slow):
    """One look says nothing of them."""
    documents = inspect(*(target.pid for target in slow.values()), "--for", "0").docs
    assert {name: describe(document) for name, document in zip(slow, documents)} == {name: [] for name in slow}


def test_slow_with_two_looks(slow):
    """Two looks that are close together do not make more of them than a possibility."""
    documents = inspect(*(target.pid for target in slow.values())).docs
    grades = {name: {f["grade"] for f in document["findings"]} for name, document in zip(slow, documents)}
    assert all(grade <= {"possible"} for grade in grades.values()), grades


def test_slow_with_a_long_look(slow):
    """Looks that are further apart see them go."""
    documents = inspect(*(target.pid for target in slow.values()), "--for", "11s").docs
    assert {name: describe(document) for name, document in zip(slow, documents)} == {name: [] for name in slow}


def test_defers_that_will_run(start):
    """A million deferred calls in a frame that returns one day are counted, all of them, and are no leak."""
    target = start("defer-million")
    result = inspect(target.pid, "--for", "0")
    assert result.status == 0, describe(result.doc)
    counts = {d["at"]["function"]: d["count"] for d in result.doc["defers"]}
    assert counts["main.pile"] == 1000000
    assert result.doc["unread"]["defers"] == 0
