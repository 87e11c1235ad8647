"""Webhooks that misbehave: the agent goes on sampling, each alert arrives once, in order, and what went wrong is said in one line.

The alerts are those of a store whose past is known (tests/store/fixture.c): it has open calls of processes that no longer run, so
that an agent which takes it up says at once that these are over. Most receivers do wrong at the same time, so that the pauses
before what is tried again are waited for once."""

import http.server
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import struct
import subprocess
import threading
import time

import pytest

from program import Program
from seepcli import SEEP
from toolchain import Unavailable, go_build
from watchcli import ALERT, Watch, children, own_copy

FIXTURE = SEEP.parent / "tests" / "store" / "fixture"
POST = SEEP.parent / "seep-post"
PATIENCE = 60


class Webhook:
    """A receiver that does something else with each of its first requests, and takes all that come then.

    What it does is a function of the handler; `held` keeps it from going on until the test says so."""

    def __init__(self, *first, context=None):
        self.alerts, self.asked = [], []  # delivered; all that came
        self.first = list(first)
        self.held = threading.Event()
        self.came = threading.Condition()
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or "null")  # a GET has none
                with hook.came:
                    act = hook.first.pop(0) if hook.first else answer(204)
                    hook.asked.append(body)
                    hook.came.notify_all()
                if act(self, hook) == "delivered":
                    with hook.came:
                        hook.alerts.append(body)
                        hook.came.notify_all()

            do_GET = do_POST

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # it is meant to misbehave

        self.server = Server(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.server.server_port}/alerts"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def wait(self, holds):
        with self.came:
            assert self.came.wait_for(holds, PATIENCE), (self.asked, self.alerts)

    def stop(self):
        self.held.set()
        self.server.shutdown()
        self.server.server_close()


def answer(status, *headers, body=b""):
    def act(handler, _):
        handler.send_response(status)
        for name, value in headers:
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        return "delivered" if 200 <= status < 300 else None
    return act


def reset(handler, _):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.rfile.close(), handler.wfile.close()
    handler.connection.close()


def hang(handler, hook):
    hook.held.wait(PATIENCE)
    reset(handler, hook)


def garbage(handler, _):
    handler.connection.sendall(b"\x00\xff what is this?\r\n" * 20)
    handler.close_connection = True


def huge(status):
    """More than anybody should read: it goes on until the other side has had enough."""
    def act(handler, _):
        handler.send_response(status)
        handler.end_headers()
        try:
            for _ in range(1 << 16):
                handler.wfile.write(b"x" * (1 << 16))
        except OSError:
            return "delivered" if status < 300 else None
        return "all of it was read"
    return act


@pytest.fixture(scope="module")
def past(tmp_path_factory):
    """A store with open calls of processes that are gone, and their numbers in the order in which they are told."""
    store = tmp_path_factory.mktemp("past") / "watch.db"
    end_ms = int(time.time() * 1000) - 3600_000
    subprocess.run([FIXTURE, store, "--days", "1", "--interval-ms", "600000", "--end-ms", str(end_ms)], check=True, timeout=120)
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        calls = [row[0] for row in db.execute("SELECT calls.id FROM calls JOIN lives ON lives.id = calls.life"
                                              " WHERE resolved_ms = 0 ORDER BY lives.started_ms, opened_ms, calls.id")]
    assert len(calls) > 2
    return store, calls


@pytest.fixture(scope="module")
def sampled(tmp_path_factory):
    """Something for the agents to see."""
    try:
        executable = own_copy(go_build("tickers"), tmp_path_factory.mktemp("sampled"))
    except Unavailable as reason:
        pytest.skip(f"Go: {reason}")
    program = Program([executable])
    program.wait_for("ready")
    yield program
    program.stop()


class World:
    """One agent per receiver, all at the same time."""

    def __init__(self, folder, store, seen="nothing"):
        self.folder, self.store, self.seen = folder, store, seen
        self.hooks, self.agents = {}, {}
        self.elsewhere = Webhook()

    def start(self, name, hook, interval="200ms"):
        folder = self.folder / name
        folder.mkdir()
        shutil.copy(self.store, folder / "watch.db")
        self.hooks[name] = hook
        self.agents[name] = Watch(folder, "--webhook", hook.url, interval=interval, page=False, only=[self.seen]).start()

    def stop(self):
        for agent in self.agents.values():
            agent.stop(signal.SIGKILL)
        for hook in (self.elsewhere, *self.hooks.values()):
            hook.stop()


def self_signed(folder):
    """A context with a certificate for 127.0.0.1 that nobody has signed, and its file."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=60)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, certificate


@pytest.fixture(scope="module")
def world(tmp_path_factory, past, sampled):
    folder = tmp_path_factory.mktemp("webhooks")
    made = World(folder, past[0], sampled.name)
    made.start("hangs", Webhook(hang))
    made.start("resets", Webhook(reset))
    made.start("fails", Webhook(answer(500), answer(200)))
    made.start("garbles", Webhook(garbage))
    made.start("moved", Webhook(*(answer(status, ("Location", made.elsewhere.url)) for status in (303, 307))))
    made.start("seldom", Webhook(answer(503)), interval="5m")
    made.start("talks", Webhook(huge(200)))
    made.start("complains", Webhook(huge(500)))
    if shutil.which("openssl"):
        made.start("unsigned", Webhook(context=self_signed(folder)[0]))
    yield made
    made.stop()


def delivered_once_in_order(hook, calls):
    hook.wait(lambda: len(hook.alerts) >= len(calls))
    for alert in hook.alerts:
        ALERT.validate(alert)
    assert [alert["call"] for alert in hook.alerts] == calls


def complaints(agent):
    return [line for line in agent.lines() if "could not be delivered" in line]


def sampled_since(agent, store_time):
    with sqlite3.connect(f"file:{agent.store}?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM periods WHERE at_ms > ?", (store_time,)).fetchone()[0]


def wait_samples(agent, count=2):
    """Waits for so many periods from now on."""
    now_ms = int(time.time() * 1000)
    deadline = time.monotonic() + PATIENCE
    while sampled_since(agent, now_ms) < count:
        assert time.monotonic() < deadline and agent.process.poll() is None, agent.lines()
        time.sleep(0.05)


# ---- while the receivers misbehave

def test_while_a_receiver_hangs_the_agent_samples(world):
    agent, hook = world.agents["hangs"], world.hooks["hangs"]
    hook.wait(lambda: hook.asked)
    wait_samples(agent)
    assert not hook.alerts and len(hook.asked) == 1 and not hook.held.is_set()
    assert "seep-post" in children(agent.process.pid), "what hangs is not the agent"
    hook.held.set()


def test_a_certificate_that_nobody_signed_is_refused_in_one_line(world):
    if "unsigned" not in world.agents:
        pytest.skip("no openssl to make a certificate with")
    agent, hook = world.agents["unsigned"], world.hooks["unsigned"]
    assert "its certificate is not trusted; it is tried again" in agent.wait_line("could not be delivered")
    wait_samples(agent)
    assert len(complaints(agent)) == 1 and not hook.asked, "nothing is told to who could be anybody"


def test_a_redirect_is_not_followed(world, past):
    hook = world.hooks["moved"]
    line = world.agents["moved"].wait_line("could not be delivered")
    assert "answered 303" in line and "not followed" in line and "not tried again" in line
    hook.wait(lambda: len(hook.asked) >= len(past[1]))
    assert [alert["call"] for alert in hook.asked] == past[1], "each is asked for once"
    hook.wait(lambda: hook.alerts)
    assert [alert["call"] for alert in hook.alerts] == past[1][2:]
    assert not world.elsewhere.asked


def test_a_huge_answer_is_not_read(world, past):
    delivered_once_in_order(world.hooks["talks"], past[1])
    assert not complaints(world.agents["talks"])


@pytest.mark.parametrize("name, reason", [("resets", ""), ("fails", "answered 500"), ("garbles", "not HTTP"), ("complains", "answered 500")])
def test_what_fails_is_tried_again_and_arrives_once(world, past, name, reason):
    agent, hook = world.agents[name], world.hooks[name]
    line = agent.wait_line("could not be delivered")
    assert reason in line and f"it is tried again; {len(past[1])} wait" in line
    delivered_once_in_order(hook, past[1])
    assert [alert["call"] for alert in hook.asked] == past[1][:1] + past[1], "the first twice, none is overtaken"
    wait_samples(agent)
    assert len(hook.asked) == len(past[1]) + 1 and len(complaints(agent)) == 1, "what arrived comes no second time"


def test_what_hung_is_tried_again(world, past):
    agent, hook = world.agents["hangs"], world.hooks["hangs"]
    agent.wait_line("could not be delivered", "it is tried again")
    delivered_once_in_order(hook, past[1])


def test_what_is_tried_again_does_not_wait_for_the_next_sample(world, past):
    delivered_once_in_order(world.hooks["seldom"], past[1])


# ---- by themselves

def test_an_agent_that_is_told_to_stop_waits_for_no_receiver(tmp_path, past):
    hook = Webhook(hang)
    world = World(tmp_path, past[0])
    try:
        world.start("hangs", hook)
        hook.wait(lambda: hook.asked)
        post = children(world.agents["hangs"].process.pid)["seep-post"]
        assert world.agents["hangs"].stop() == 0
        assert not os.path.exists(f"/proc/{post}")
        assert not hook.held.is_set()
    finally:
        world.stop()


def test_what_is_too_long_to_send_is_given_up_and_does_not_block(tmp_path, past):
    store = tmp_path / "long.db"
    shutil.copy(past[0], store)
    db = sqlite3.connect(store)
    with db:
        db.execute("UPDATE calls SET because = ? WHERE id = ?", ("because\n" * 20000, past[1][0]))
    db.close()  # what was written is in the file itself
    hook = Webhook()
    world = World(tmp_path, store)
    try:
        world.start("long", hook)
        hook.wait(lambda: len(hook.alerts) >= len(past[1]) - 1)
        assert [alert["call"] for alert in hook.alerts] == past[1][1:]
        assert "too long" in world.agents["long"].wait_line("could not be delivered", "not tried again")
    finally:
        world.stop()


def post(url, environment=None, prefix=()):
    return subprocess.run([*prefix, str(POST)], input=json.dumps({"url": url, "body": "{}"}), text=True, capture_output=True,
                          timeout=PATIENCE, env={**os.environ, **(environment or {})})


def test_a_certificate_that_the_machine_trusts_is_taken(tmp_path, root):
    """With all rights given up it still finds what the machine trusts: its file is exchanged, for this one process."""
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    if not shutil.which("openssl") or not os.path.exists(bundle):
        pytest.skip("no openssl to make a certificate with, or no certificates where Debian has them")
    context, certificate = self_signed(tmp_path)
    hidden = ["unshare", "--mount", "sh", "-c", f"mount --bind {certificate} {bundle} && exec \"$0\""]
    if subprocess.run([*hidden, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespace can be made here")
    hook = Webhook(context=context)
    try:
        assert post(hook.url).returncode == 1
        trusted = post(hook.url, prefix=hidden)
        assert (trusted.returncode, trusted.stdout) == (0, "")
        hook.wait(lambda: hook.alerts)
        assert hook.alerts == [{}]
        elsewhere = post(hook.url.replace("127.0.0.1", "localhost"), prefix=hidden)
        assert elsewhere.returncode == 1 and "certificate" in elsewhere.stdout, "it is for another name"
    finally:
        hook.stop()


def test_a_name_is_looked_up():
    hook = Webhook()
    try:
        assert post(hook.url.replace("127.0.0.1", "localhost")).returncode == 0
        hook.wait(lambda: hook.alerts)  # it notes what it took after it has answered
        assert hook.alerts == [{}]
    finally:
        hook.stop()
