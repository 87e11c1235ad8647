"""The two leaks of the tale, and what looks like them and is none, on every release: one look at a core has to tell."""
import pytest

from .conftest import EVERY, label
from .observe import inspect, seep
from .simple import simple_world

POLL = "/src/shop/poll.go"


def polling(release, count, loop, pie=False):
    """Goroutine 20 has deferred main.close `count` times in a loop of main.poll that has a way out or has none."""
    world = simple_world(*release, pie=pie)
    world.sleep(world.victim)
    wrapper = world.func("main.poll.deferwrap1", POLL, 31, 32, lines=[31], funcid="wrapper", wraps=world.close,
                         calls={31: "main.close"})
    poll = world.func("main.poll", POLL, 28, 96, lines=[31, 33], deferreturn=True, loop=loop,
                      calls={31: "runtime.deferproc", 33: "time.Sleep"})
    g = world.goroutine(20, frames=[poll.site(33)], created_by=world.main.site(7))
    world.defer(g, g.frame("main.poll"), wrapper, poll.site(31), count=count)
    world.sleep(g)
    return world


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


def senders(release, count, receiver):
    """Senders on three channels; with a receiver one goroutine is about to receive from each of them."""
    world = simple_world(*release)
    world.sleep(world.victim)
    publish = world.func("main.publish", POLL, 80, 64, lines=[87], calls={87: "runtime.newproc"}, loop=True)
    send = world.func("main.publish.func1", POLL, 87, 64, lines=[88], calls={88: "runtime.chansend1"})
    channels = [world.chan("*main.Job") for _ in range(3)]
    for index in range(count):
        g = world.goroutine(100 + index, frames=[send.site(88)], created_by=publish.site(87))
        world.block(g, channels[index % 3], "send")
    if receiver:
        serve = world.func("main.serve", POLL, 60, 96, lines=[64, 65], loop=True,
                           calls={64: "runtime.chanrecv1", 65: "time.Sleep"})
        g = world.goroutine(50, frames=[serve.site(65)])
        for channel in channels:
            world.memory.u64(g.frame("main.serve").local(), channel.address)
        world.sleep(g)
    return world


@pytest.mark.parametrize("release", EVERY, ids=label)
def test_senders_without_a_receiver(release, tmp_path):
    """500 goroutines wait to send, and nobody's stack leads to a receive: likely a leak, told from one look."""
    run = inspect(*senders(release, 500, False).write(str(tmp_path)))
    assert run.status == 1
    finding, = run.doc["findings"]
    assert (finding["rule"], finding["count"]) == ("blocked-goroutines", 500)
    assert finding["grade"] in ("likely", "certain")
    assert finding["at"] == {"function": "main.publish.func1", "file": POLL, "line": 88}
    assert finding["started_at"] == {"function": "main.publish", "file": POLL, "line": 87}


@pytest.mark.parametrize("release", EVERY, ids=label)
def test_senders_with_a_slow_receiver(release, tmp_path):
    """The same, held back by one who sleeps between two receives: no leak."""
    run = inspect(*senders(release, 500, True).write(str(tmp_path)))
    assert run.status == 0 and run.doc["findings"] == []


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
