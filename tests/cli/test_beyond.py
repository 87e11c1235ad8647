"""What no proof can show, because a variable or a running goroutine still leads to the channel or lock; and its twins."""

import pytest

from findings import find, is_at, is_true
from seepcli import describe, inspect

ENOUGH = 300

# kind: the function that sends
CHANNELS = {
    "plain": "main.sendPlain",
    "struct": "main.sendStruct",
    "map": "main.sendMap",
    "pointer": "main.sendPointer",
    "fan": "main.sendFan.func1",
}

LOCKS = {
    "mutex": "main.waitMutex",
    "rwmutex": "main.waitRWMutex",
    "waitgroup": "main.waitGroup",
    "cond": "main.waitCond",
}


def check_channel(result, kind, before, after):
    """The senders of one kind are found, and who could have received is named."""
    finding = find(result.doc, "blocked-goroutines", CHANNELS[kind])
    is_at(finding["at"], CHANNELS[kind], "global-channel/ways.go", f"{kind} here")
    is_true(finding, before, after)
    assert finding["grade"] == "likely"
    assert len(result.doc["findings"]) == 1, describe(result.doc)
    return finding


@pytest.mark.parametrize("kind", CHANNELS)
def test_channel_in_a_variable(start, kind):
    """The receiver has returned: the function that would receive is named, and that nobody runs it."""
    target = start("global-channel", "-kind", kind)
    before = target.wait_leaked(ENOUGH)
    result = inspect(target.pid)
    finding = check_channel(result, kind, before, target.truth())
    serve = "main.serveOne" if kind == "fan" else CHANNELS[kind].replace("send", "serve")
    assert any(serve in reason and ("no goroutine" in reason or kind == "fan") for reason in finding["because"]), finding["because"]


@pytest.mark.parametrize("kind", [*CHANNELS, "wide"])
@pytest.mark.parametrize("looks", [(), ("--for", "0")], ids=["two-looks", "one-look"])
def test_slow_receiver_of_a_variable(start, kind, looks):
    """The receiver takes the channel from the variable each time, and three seconds for a value: no finding."""
    target = start("global-channel", "-kind", kind, "-fails", "0", "-first", "3000", "-every", "0", "-period", "3s")
    target.wait_until(lambda truth: truth["goroutines"] >= 3000)
    for _ in range(3):
        result = inspect(target.pid, *looks)
        assert result.status == 0, describe(result.doc)


@pytest.mark.parametrize("kind", CHANNELS)
def test_slower_and_slower(start, kind):
    """More come than the receiver takes: that is no leak of these goroutines as long as it is there."""
    target = start("global-channel", "-kind", kind, "-fails", "0", "-period", "3s")
    target.wait_leaked(ENOUGH)
    result = inspect(target.pid)
    assert result.status == 0, describe(result.doc)


def test_who_uses_it_is_not_known(start):
    """The channel lies far behind what the variable points to, where nothing tells whether it is still the same thing: no more than possible."""
    target = start("global-channel", "-kind", "wide", "-fails", "0", "-period", "3s")
    target.wait_leaked(ENOUGH)
    grades = [finding["grade"] for finding in inspect(target.pid).doc["findings"]]
    assert grades in ([], ["possible"])


@pytest.mark.parametrize("kind", LOCKS)
def test_lock_in_a_variable(start, kind):
    """Who waits for a lock that somebody forgot to unlock is found."""
    target = start("global-lock", "-kind", kind)
    before = target.wait_leaked(3000 if kind == "waitgroup" else ENOUGH)
    result = inspect(target.pid)
    finding = find(result.doc, "blocked-goroutines", LOCKS[kind])
    is_at(finding["at"], LOCKS[kind], "global-lock/main.go", f"{kind} here")
    is_true(finding, before, target.truth())
    assert finding["grade"] in ("possible", "likely")
    assert len(result.doc["findings"]) == 1, describe(result.doc)


@pytest.mark.parametrize("kind", LOCKS)
@pytest.mark.parametrize("looks", [(), ("--for", "0")], ids=["two-looks", "one-look"])
def test_lock_that_is_kept_for_a_while(start, kind, looks):
    """Who keeps it for three seconds, again and again, leaks nothing."""
    target = start("global-lock", "-kind", kind, "-clean")
    target.wait_leaked(ENOUGH)
    for _ in range(3):
        result = inspect(target.pid, *looks)
        assert result.status == 0, describe(result.doc)


@pytest.mark.parametrize("looks", [(), ("--for", "0")], ids=["two-looks", "one-look"])
def test_lock_that_is_given_back_through_an_interface(start, looks):
    """Nobody is seen who could unlock, and somebody will: of a fixed number who wait that says nothing."""
    target = start("global-lock", "-kind", "transaction", "-clean", "-period", "30s", "-n", "20")
    target.wait_leaked(20)
    result = inspect(target.pid, *looks)
    assert result.status == 0, describe(result.doc)


@pytest.mark.parametrize("looks", [(), ("--for", "0")], ids=["two-looks", "one-look"])
def test_running_holder(start, looks):
    """Only a goroutine that runs has the channel, and its code never receives: found."""
    target = start("running-holder")
    # If one of them has just come and is not there yet, one look says nothing.
    for _ in range(20 if looks else 1):
        before = target.wait_leaked(ENOUGH)
        result = inspect(target.pid, *looks)
        if result.doc["findings"]:
            break
    finding = find(result.doc, "blocked-goroutines", "main.give.func1")
    is_at(finding["at"], "main.give.func1", "running-holder/main.go", "wait here")
    is_true(finding, before, target.truth())
    assert finding["grade"] == "likely"
    assert len(result.doc["findings"]) == 1, describe(result.doc)


@pytest.mark.parametrize("looks", [(), ("--for", "0")], ids=["two-looks", "one-look"])
def test_running_holder_that_receives_in_the_end(start, looks):
    """Its twin will take them all."""
    target = start("running-holder", "-clean")
    target.wait_leaked(ENOUGH)
    for _ in range(3):
        result = inspect(target.pid, *looks)
        assert result.status == 0, describe(result.doc)
