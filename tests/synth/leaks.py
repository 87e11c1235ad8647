"""Worlds with the two leaks of the tale, and what looks like them and is none."""
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


def senders(release, count, receiver=False, live=None):
    """Senders on three channels. A receiver holds them in words 1, 2 and 3 of its frame, of which `live` are live."""
    world = simple_world(*release)
    world.sleep(world.victim)
    publish = world.func("main.publish", POLL, 80, 64, lines=[87], calls={87: "runtime.newproc"}, loop=True)
    send = world.func("main.publish.func1", POLL, 87, 64, lines=[88], calls={88: "runtime.chansend1"})
    channels = [world.chan("*main.Job") for _ in range(3)]
    for index in range(count):
        g = world.goroutine(100 + index, frames=[send.site(88)], created_by=publish.site(87))
        world.block(g, channels[index % 3], "send")
    if receiver:
        serve = world.func("main.serve", POLL, 60, 96, lines=[64, 65], loop=True, live=live,
                           calls={64: "runtime.chanrecv1", 65: "time.Sleep"})
        g = world.goroutine(50, frames=[serve.site(65)])
        for channel in channels:
            world.memory.u64(g.frame("main.serve").local(), channel.address)
        world.sleep(g)
    return world
