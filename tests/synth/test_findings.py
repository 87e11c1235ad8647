"""The two leaks of the tale, and what looks like them and is none, on every release: one look at a core has to tell."""
import pytest

from .conftest import EVERY, label
from .leaks import POLL, polling, senders
from .observe import inspect, seep
from .simple import simple_world


@pytest.mark.parametrize("release", EVERY, ids=label)
@pytest.mark.parametrize("pie", [False, True], ids=["exe", "pie"])
def test_defer_in_a_loop_without_end(release, pie, tmp_path):
    """No path leads from the call of deferproc to a return: the calls never run, and that is certain."""
    world = polling(release, 1000, loop=True, pie=pie)
    exe, core = world.write(str(tmp_path))
    run = inspect(exe, core)
    assert run.status == 1
    finding, = run.doc["findings"]
    assert (finding["rule"], finding["grade"], finding["count"]) == ("defer-in-loop", "certain", 1000)
    assert finding["at"] == {"function": "main.poll", "file": POLL, "line": 31}
    assert finding["deferred"]["function"] == "main.close" and finding["goroutine"] == 20
    assert finding["held_bytes"] >= 48_000
    text = seep("inspect", core, "--exe", exe, "--for", "0").out.decode()
    assert "poll.go:31" in text and "main.close" in text


@pytest.mark.parametrize("release", EVERY, ids=label)
def test_defer_in_a_loop_that_ends(release, tmp_path):
    """The same with a loop that can be left: a function that defers for each item and then returns is no leak."""
    world = polling(release, 1000, loop=False)
    run = inspect(*world.write(str(tmp_path)))
    assert run.status == 0 and run.doc["findings"] == []


@pytest.mark.parametrize("release", EVERY, ids=label)
def test_senders_without_a_receiver(release, tmp_path):
    """500 goroutines wait to send, and nobody's stack leads to a receive: likely a leak, told from one look."""
    run = inspect(*senders(release, 500).write(str(tmp_path)))
    assert run.status == 1
    finding, = run.doc["findings"]
    assert (finding["rule"], finding["count"]) == ("blocked-goroutines", 500)
    assert finding["grade"] in ("likely", "certain")
    assert finding["at"] == {"function": "main.publish.func1", "file": POLL, "line": 88}
    assert finding["started_at"] == {"function": "main.publish", "file": POLL, "line": 87}


@pytest.mark.parametrize("release", EVERY, ids=label)
def test_senders_with_a_slow_receiver(release, tmp_path):
    """The same, held back by one who sleeps between two receives: no leak."""
    run = inspect(*senders(release, 500, receiver=True).write(str(tmp_path)))
    assert run.status == 0 and run.doc["findings"] == []


@pytest.mark.parametrize("release", EVERY, ids=label)
def test_senders_with_a_dead_reference(release, tmp_path):
    """One who could receive still has the channels in its frame, but in words that are dead by Go's stack maps."""
    run = inspect(*senders(release, 500, receiver=True, live=[4]).write(str(tmp_path)))
    assert run.status == 1 and run.doc["findings"][0]["count"] == 500


@pytest.mark.parametrize("release", EVERY, ids=label)
@pytest.mark.parametrize("what", ["nil chan", "no cases"])
def test_blocked_for_ever(release, what, tmp_path):
    """Goroutines on a nil channel or in select {}: nothing can wake them."""
    world = simple_world(*release)
    world.sleep(world.victim)
    for index in range(40):
        g = world.goroutine(100 + index, frames=[world.work.site(14)], created_by=world.main.site(7))
        if what == "nil chan":
            world.block(g, None, "receive")
        else:
            world.select(g, [])
    finding, = inspect(*world.write(str(tmp_path))).doc["findings"]
    assert (finding["rule"], finding["grade"], finding["count"]) == ("blocked-goroutines", "certain", 40)


@pytest.mark.parametrize("release", EVERY, ids=label)
def test_idle_pool(release, tmp_path):
    """500 workers wait for jobs on one channel, 500 connections wait for their clients: nothing is wrong."""
    world = simple_world(*release)
    world.sleep(world.victim)
    jobs = world.chan("*main.Job", cap=16)
    for index in range(500):
        g = world.goroutine(100 + index, frames=[world.work.site(14)], created_by=world.main.site(7))
        world.block(g, jobs, "receive")
        world.io(world.goroutine(1000 + index, frames=[world.other.site(34)], created_by=world.main.site(8)))
    run = inspect(*world.write(str(tmp_path)))
    assert run.status == 0 and run.doc["findings"] == []
