"""The page's server under siege: thousands of connections, clients that are slow or never take their answers, and rubbish.

Whatever comes, the agent samples on, memory stays bounded, the page's process is the same one, and it answers again."""

import re
import resource
import socket
import sqlite3
import struct
import subprocess
import threading
import time

import pytest

from seepcli import SEEP
from watchcli import children

FIXTURE = SEEP.parent / "tests" / "store" / "fixture"
CROWD = 2000
PAGE_MIB = 40  # what seep-page may have had at most; at rest it has 6
GOOD = b"GET /api/v1/machine HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture(autouse=True)
def many_files():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    if before[1] != resource.RLIM_INFINITY and before[1] < 2 * CROWD:
        pytest.skip(f"no more than {before[1]} open files are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * CROWD, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


class Siege:
    """An agent and what must hold of it, whatever is done to its page."""

    def __init__(self, agent, own):
        self.agent, self.own = agent, own
        self.page = None
        self.sockets = []

    def newest_sample(self):
        with sqlite3.connect(f"file:{self.agent.store}?mode=ro", uri=True) as db:
            return db.execute("SELECT max(at_ms) FROM periods").fetchone()[0]

    def connect(self, wait=True, receive=None):
        """A connection; without `wait` it may still be on its way."""
        client = socket.socket()
        self.sockets.append(client)
        if receive:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        client.settimeout(30)
        client.setblocking(wait)
        try:
            client.connect(("127.0.0.1", self.agent.port))
        except BlockingIOError:
            pass
        return client

    def status(self, path="/", patience=30):
        """The status of an answer, asked for again until it comes: in a crowd a connection may be refused."""
        deadline = time.monotonic() + patience
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.agent.port), timeout=patience) as client:
                    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n".encode())
                    answer = client.recv(100)
                if answer:
                    return int(answer.split()[1])
            except OSError:
                pass
            assert time.monotonic() < deadline, "the page answers nobody"

    def begin(self):
        assert self.status() == 200
        self.page = children(self.agent.process.pid)["seep-page"]

    def leave(self):
        for client in self.sockets:
            client.close()
        self.sockets = []

    def wait_sample(self):
        before = self.newest_sample()
        deadline = time.monotonic() + 30
        while self.newest_sample() <= before:
            assert time.monotonic() < deadline, "nothing is sampled any more"
            time.sleep(0.05)

    def check(self):
        """At the siege's end."""
        self.wait_sample()
        self.leave()
        assert self.status("/api/v1/programs") == 200
        assert children(self.agent.process.pid)["seep-page"] == self.page, "the page's process ended: " + "\n".join(self.agent.lines())
        self.wait_sample()
        if "asan" not in str(SEEP):  # its memory is the sanitizer's
            peak = int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{self.page}/status").read())[1]) >> 10
            assert peak < PAGE_MIB, f"the page's process had {peak} MiB"


@pytest.fixture
def siege(watch, start_own):
    """A function that begins one, on a store of one's own if given."""
    begun = []

    def begin(store=None):
        name = start_own("tickers").name
        agent = watch(interval="200ms", only=[name], store=store)
        agent.wait_programs(name)
        begun.append(Siege(agent, name))
        begun[-1].begin()
        return begun[-1]

    yield begin
    for one in begun:
        one.leave()


def test_a_crowd_that_asks_letter_by_letter_keeps_nobody_out_for_long(siege):
    siege = siege()
    crowd = [siege.connect(wait=False) for _ in range(CROWD)]
    stop = threading.Event()

    def say(client, text):
        try:
            client.send(text)
        except OSError:  # not connected yet, or cut off
            pass

    def trickle():
        for number, client in enumerate(crowd):
            say(client, b"GET /api/v1/programs HTTP/1.1\r\nHost: localhost\r\nX-Name: a"[:number % 60])
        while not stop.wait(1):
            for client in crowd[:300]:
                say(client, b"a")

    trickler = threading.Thread(target=trickle)
    trickler.start()
    try:
        assert siege.status("/api/v1/machine") == 200, "while they hold their connections"
    finally:
        stop.set()
        trickler.join()
    siege.check()


def test_a_crowd_that_comes_and_goes_is_no_trouble(siege):
    siege = siege()
    for number in range(CROWD):
        client = siege.connect(wait=False)
        if number % 2:
            try:
                client.send(GOOD)
            except OSError:
                pass
        if number % 3:  # a reset, not an end
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    siege.check()


def short_lives(store, program, count, sealed):
    """Adds lives that ended a day ago: without samples, or with a day's that cannot be read."""
    with sqlite3.connect(store) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(lives)")]
        first = db.execute("SELECT max(id) + 1 FROM lives").fetchone()[0]
        at_ms = int(time.time() * 1000) - 2 * 24 * 3600 * 1000
        for i in range(count):
            life = {"id": first + i, "program": program, "name": program, "started_ms": at_ms + i, "first_seen_ms": at_ms + i, "last_seen_ms": at_ms + i + 1000,
                    "ended_ms": at_ms + i + 1000, "pid": 1000 + i}
            texts = {"unit", "cgroup", "exe", "boot_id", "go_version", "module", "release", "release_source", "build_id", "blind"}
            db.execute(f"INSERT INTO lives VALUES({', '.join('?' * len(columns))})", [life.get(name, "" if name in texts else 0) for name in columns])
            if sealed:
                db.execute("INSERT INTO sealed VALUES(?, 0, 1, ?, ?, 1, x'00')", (first + i, at_ms + i, at_ms + i + 1000))


def cpu_s(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.skipif("asan" in str(SEEP), reason="measures time")  # against that of all exports together
def test_exports_of_many_lives_hold_up_nobody(siege, tmp_path):
    store = tmp_path / "past.db"
    subprocess.run([FIXTURE, store, "--days", "3", "--programs", "1", "--interval-ms", "60000"], check=True, timeout=120)
    short_lives(store, "empty", 1500, sealed=False)
    short_lives(store, "full", 1900, sealed=True)  # all together take longer than a connection may be silent
    siege = siege(store)
    before = cpu_s(siege.page)
    for _ in range(5):
        assert siege.agent.get("/export", program="empty", points=0, format="json")[2] == b'{"program":"empty","samples":[\n]}\n'
    assert cpu_s(siege.page) - before < 1, "each life was asked for each series"
    for _ in range(16):
        client = siege.connect()
        client.sendall(b"GET /export?program=full&points=0&format=json HTTP/1.1\r\nHost: localhost\r\n\r\n")
    began, waits = time.monotonic(), []
    while time.monotonic() < began + 3:
        asked = time.monotonic()
        assert siege.status("/") == 200
        waits.append(time.monotonic() - asked)
        time.sleep(0.1)
    for client in siege.sockets:  # and they get their answers
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        assert answer.startswith(b"HTTP/1.1 200") and b"]}" in answer, siege.agent.lines()
    together = time.monotonic() - began
    assert max(waits) < together / 10 and sorted(waits)[len(waits) // 2] < together / 30, (waits, together)
    siege.leave()
    siege.check()


def test_answers_that_nobody_takes_are_bounded(siege, tmp_path):
    store = tmp_path / "past.db"
    subprocess.run([FIXTURE, store, "--days", "1", "--programs", "1", "--interval-ms", "8000"], check=True, timeout=120)
    siege = siege(store)
    program = next(row["program"] for row in siege.agent.ask("/api/v1/programs")["programs"] if row["name"] != siege.own)
    question = f"/api/v1/series?program={program}&metric=rss&points=10000"
    size = len(siege.agent.get(question)[2])
    assert size > 300_000, "the answers are large"
    answers = []
    for _ in range(60):
        client = siege.connect(receive=4096)
        client.sendall(f"GET {question} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answers.append(int(client.recv(20).split()[1]))
    assert set(answers) == {200, 503} and answers[0] == 200, "there is an end to what is kept for those who do not read"
    assert siege.status("/") == 200, "the page itself is there for others"
    siege.leave()
    answers = []
    for _ in range(40):
        client = siege.connect(receive=4096)
        client.sendall(f"GET /export?program={program}&points=0 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answers.append(int(client.recv(20).split()[1]))
    assert set(answers) == {200, 503} and answers[0] == 200, "no end of exports either"
    siege.leave()
    deadline = time.monotonic() + 30
    while siege.status(question) != 200:
        assert time.monotonic() < deadline, "what was never taken is kept for ever"
    siege.check()


# ---- rubbish

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET /api/v1/machine HTTP/1.1\r\n"
NOTHING = set()  # no answer: the connection ends
RUBBISH = {  # what is sent: statuses that may come, in this order; fewer may
    "nothing at all": (b"", NOTHING),
    "TLS": (bytes.fromhex("16030100c8010000c40303") + b"\x00" * 190, {400, 403}),
    "bytes": (bytes(range(256)) * 40, {400, 403}),
    "no line ends": (b"A" * 100_000, {400, 414, 431}),
    "half a request": (GET + b"Host: 127", NOTHING),
    "a huge address": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", {400, 414, 431}),
    "an endless address": (b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", {400, 414, 431}),
    "a huge header": (GET + HOST + b"X-A: " + b"a" * 200_000 + b"\r\n\r\n", {400, 413, 431}),
    "ten thousand headers": (GET + HOST + b"X-A: b\r\n" * 10_000 + b"\r\n", {400, 413, 431}),
    "a header without a name": (GET + HOST + b": x\r\n\r\n", {200, 400}),
    "a header that goes on": (GET + HOST + b"X-A: b\r\n Host: evil.example\r\n\r\n", {200, 400}),
    "another version": (b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", {400, 505}),
    "no version": (b"GET /api/v1/machine\r\n\r\n", {400, 403}),
    "a body that never comes": (b"POST /api/v1/machine HTTP/1.1\r\n" + HOST + b"Content-Length: 1000000\r\n\r\n", {405}),
    "a body of minus one": (GET + HOST + b"Content-Length: -1\r\n\r\n", {400}),
    "more body than there are numbers": (GET + HOST + b"Content-Length: 99999999999999999999999\r\n\r\n", {400, 413}),
    "pieces that make no sense": (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzzzz\r\n", {400, 405}),
    "may I": (b"PUT / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", {405}),
    "no method that there is": (b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n", {405}),
    "a percent sign": (b"GET /%zz%00?a=%1 HTTP/1.1\r\n" + HOST + b"\r\n", {400}),
    "a way up": (b"GET /../../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", {404}),
    "HTTP/1.0, with a Host": (b"GET /api/v1/machine HTTP/1.0\r\n" + HOST + b"\r\n", {200}),
    "HTTP/1.0, without": (b"GET /api/v1/machine HTTP/1.0\r\n\r\n", {403}),
    "no Host": (GET + b"\r\n", {400, 403}),
    "a foreign Host": (GET + b"Host: evil.example\r\n\r\n", {403}),
    "a foreign Host, in the address": (b"GET http://evil.example/api/v1/machine HTTP/1.1\r\nHost: evil.example\r\n\r\n", {400, 403}),
    "a Host with a name before it": (GET + b"Host: evil@127.0.0.1\r\n\r\n", {400, 403}),
    "a Host with a port that is none": (GET + b"Host: 127.0.0.1:7337.evil.example\r\n\r\n", {400, 403}),
    "two Hosts, the first foreign": (GET + b"Host: evil.example\r\n" + HOST + b"\r\n", {400}),
    "two Hosts, the second foreign": (GET + HOST + b"Host: evil.example\r\n\r\n", {400}),
    "a foreign Origin": (GET + HOST + b"Origin: http://evil.example\r\n\r\n", {403}),
    "two Origins, the second foreign": (GET + HOST + b"Origin: http://127.0.0.1\r\nOrigin: http://evil.example\r\n\r\n", {400}),
    "a part of a foreign page": (GET + HOST + b"Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n\r\n", {403}),
}


def statuses(answer):
    return [int(status) for status in re.findall(rb"^HTTP/1\.[01] (\d+) ", answer, re.MULTILINE)]


def answers_of(client, wanted):
    """What comes until so many answers have begun, the connection ends, or nothing comes any more."""
    answer = b""
    client.settimeout(0.5)
    try:
        while len(statuses(answer)) < wanted and (piece := client.recv(1 << 16)):
            answer += piece
    except (TimeoutError, ConnectionError):  # it waits for more, or was cut off in the middle of what we said
        pass
    return answer


def test_rubbish_is_refused_and_hurts_nobody(siege):
    siege = siege()
    for name, (sent, allowed) in RUBBISH.items():
        client = siege.connect()
        try:
            client.sendall(sent)
        except OSError:
            pass
        answer = answers_of(client, 1)
        assert set(statuses(answer)) <= allowed, (name, answer)
        if len(allowed) == 1:
            assert statuses(answer), (name, "no answer")
        assert b"Access-Control-Allow" not in answer, name
        client.close()
    siege.check()


def test_behind_the_first_request_nothing_is_read(siege):
    """Then nobody can hide a request in another one."""
    siege = siege()
    foreign = GOOD.replace(b"127.0.0.1", b"evil.example")
    for sent, expected in ((GOOD + foreign * 50 + b"\x00rubbish\r\n\r\n", [200]), (foreign + GOOD * 50, [403])):
        client = siege.connect()
        client.sendall(sent)
        assert statuses(answers_of(client, len(expected) + 1)) == expected
    siege.check()
