"""`seep watch`: what it sees, what it keeps, what it survives, and who may ask it."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from seepcli import SEEP, seep
from watchcli import Receiver, children, free_port, own_name


def complaint(*options, **how):
    """The one line of a `seep watch` that could not begin."""
    return seep("watch", *options, **how).error()


# ---- wrong uses

def test_wrong_uses_end_in_one_line(tmp_path):
    store = ["--store", tmp_path / "w.db"]
    assert "no address to listen on" in complaint(*store, "--listen", "here")
    assert "token-file" in complaint(*store, "--listen", "0.0.0.0:7999")
    for interval in ("1ms", "-1s", "1h", "0", "soon"):
        assert "--interval" in (line := complaint(*store, "--interval", interval)) and "100ms to 5m" in line
    assert "http://" in complaint(*store, "--webhook", "ftp://x")
    assert "takes no target" in complaint(*store, "4711")
    assert "there is no option" in complaint(*store, "--no-such")
    assert "nowhere" in complaint("--store", "/nowhere/w.db", "--listen", "none")
    letter = tmp_path / "letter"
    letter.write_text("Dear reader, this is no store. " * 20)
    assert "not a store of seep" in complaint("--store", letter, "--listen", "none")
    assert letter.read_text().startswith("Dear reader")
    assert "is no file" in complaint("--store", "/dev/null", "--listen", "none")
    assert "the name of a file" in complaint("--store", "", "--listen", "none")
    short = tmp_path / "token"
    short.write_text("short\n")
    assert "16" in complaint(*store, "--listen", f"0.0.0.0:{free_port()}", "--token-file", short)
    assert sorted(os.listdir(tmp_path)) == ["letter", "token"], "who is refused leaves nothing"
    assert not os.path.exists("/dev/null-lock") and not os.path.exists("-lock")


def test_what_does_not_bear_the_mark_of_a_store_is_never_moved(watch, tmp_path):
    """Whatever it is called: another's file, another's database, a store whose beginning is overwritten."""
    text, database, store = tmp_path / "text.db", tmp_path / "database.db", tmp_path / "watch.db"
    text.write_text("hello\n")
    with sqlite3.connect(database) as other:
        other.execute("CREATE TABLE mine(x)")
    agent = watch(interval="200ms", store=store)
    agent.wait_line("the series are kept")
    assert agent.stop() == 0
    with open(store, "r+b") as file:
        file.write(b"x" * 100)
    os.unlink(f"{store}-lock")
    before = {path: path.read_bytes() for path in (text, database, store)}
    names = sorted(os.listdir(tmp_path))
    for path, content in before.items():
        line = complaint("--store", path, "--listen", "none")
        assert "is not a store of seep" in line and "move it away" in line
        assert path.read_bytes() == content
    assert sorted(os.listdir(tmp_path)) == names


def test_the_file_says_what_is_wrong_with_it(tmp_path):
    config = tmp_path / "watch.yaml"
    for text, expected in [("stroe: x\n", "there is no key 'stroe'"), ("keep: {samples: 3 parsecs}\n", "unit"),
                           ("keep:\n  size: big\n", "2: a number"), ("- a\n", "keys with values"), ("only: api\n", "a list"),
                           ("a: [\n", "not YAML"), ("webhook: {headers: [Authorization]}\n", "1: a header in one line"),
                           ("webhook:\n  headers: [\"X-A: b\\r\\nX-C: d\"]\n", "2: a header in one line"), ("webhook: {headers: [\"a b: c\"]}\n", "a header"),
                           ("webhook: {url: \"ftp://x\"}\n", "1: an address that begins with http"), ("page_url: javascript:alert(1)\n", "1: an address that begins with http"),
                           ("page_url: \"http://a b\"\n", "an address"), ("only: [a]\nnever: [b]\nonly: [c]\n", "3: the key 'only' stands in line 1 already"),
                           ("keep: {size: 1GiB, size: 2GiB}\n", "the key 'size'"), ("\nkeep:\n  samples: 3y\n", "3: keep.samples is longer than keep.rollups"),
                           ("keep: {rollups: 1d}\n", "keep.samples is longer"), ("\ninterval: 10ms\n", "2: from 100ms to 5m is possible"),
                           ("inspect: {pause: 1m}\n", "1: at most 10s is possible"), ("inspect: {enabled: maybe}\n", "true or false")]:
        config.write_text(text)
        line = complaint("--config", config, "--store", tmp_path / "w.db", "--listen", "none")
        assert expected in line and "watch.yaml" in line, line


def test_a_second_agent_and_a_taken_port_are_refused(watch):
    agent = watch()
    agent.wait_line("the page is at")
    assert "in use by another" in complaint("--store", agent.store, "--listen", "none")
    assert "another program listens" in complaint("--store", agent.folder / "other.db", "--listen", f"127.0.0.1:{agent.port}")


# ---- what it sees

def test_processes_come_and_go(watch, run, build_own):
    tickers = build_own("tickers")
    first = run(tickers)
    agent = watch(interval="300ms", only=[f"{tickers.name}*"])
    programs = agent.wait_programs(tickers.name)
    row = programs[tickers.name]
    assert row["running"] == 1 and row["go_version"].startswith("go1.")
    assert row["now"]["goroutines"] > 0
    first.stop()
    agent.wait_line(tickers.name, "ended")
    second = run(tickers)
    agent.wait_line(f"pid {second.pid}", "restart")
    agent.wait_programs(tickers.name)
    lives = agent.ask("/api/v1/program", program=row["program"])["lives"]
    assert [(life["pid"], life["kind"], life["end"]) for life in lives] == [(first.pid, "first", "exited"), (second.pid, "restart", "runs")]


def test_a_release_and_a_rollback_are_told(watch, run, build, tmp_path):
    old, new = build("tale-send-fixed"), build("tale-defer-fixed")
    service = tmp_path / own_name("service")
    agent = watch(interval="300ms", only=[service.name])
    kinds = []
    for executable in (old, new, old):
        shutil.copy(executable, tmp_path / "service.new")
        os.rename(tmp_path / "service.new", service)
        program = run(service)
        line = agent.wait_line(f"pid {program.pid}", "watched")
        kinds.append(next(kind for kind in ("first", "restart", "release", "rollback") if kind in line))
        program.stop()
        agent.wait_line(f"pid {program.pid} ended")
    assert kinds == ["first", "release", "rollback"]


def test_names_that_hide_or_hurt_are_shown_as_they_are(watch, run, build, tmp_path):
    hostile = f"<img src=x id={own_name('x')} onerror=alert(1)>\"'\n\x1b[31m"
    executable = tmp_path / hostile
    shutil.copy(build("tale-send-fixed"), executable)
    program = run(executable)
    agent = watch(interval="300ms", only=[f"{hostile.split('>')[0]}*"])
    line = agent.wait_line(f"pid {program.pid}")
    assert "\x1b" not in line and hostile.split("\"")[0] in line
    deadline = time.monotonic() + 30
    while not (names := [row["name"] for row in agent.ask("/api/v1/programs")["programs"]]):  # until it is written
        assert time.monotonic() < deadline
        time.sleep(0.1)
    [name] = names
    assert name.startswith("<img src=x") and "\n" not in name and "\x1b" not in name
    status, _, body = agent.get("/metrics")
    assert status == 200 and b'onerror=alert(1)>\\"' in body and b"\x1b" not in body


# ---- what it keeps, whatever happens

def wait_machine(agent, holds, patience=30):
    """What the page says of its agent, as soon as that is so."""
    deadline = time.monotonic() + patience
    while True:
        machine = agent.ask("/api/v1/machine")
        if holds(machine["agent"]):
            return machine
        assert time.monotonic() < deadline, machine
        time.sleep(0.1)


def newest_period(store):
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        return db.execute("SELECT max(at_ms) FROM periods").fetchone()[0]


def test_killed_at_any_moment_it_loses_at_most_one_period(watch, start_own):
    program = start_own("tickers")
    agent = watch(interval="100ms", only=[program.name])
    agent.wait_programs(program.name)
    written = newest_period(agent.store)
    for round_number in range(12):
        before = written
        deadline = time.monotonic() + 60
        while written <= before:  # it samples again
            assert time.monotonic() < deadline, agent.lines()
            time.sleep(0.037 * (1 + round_number % 5))
            written = newest_period(agent.store)
        agent.stop(signal.SIGKILL)
        with sqlite3.connect(f"file:{agent.store}?mode=ro", uri=True) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert newest_period(agent.store) >= written, "a period that was written is lost"
        agent.start()
    agent.wait_programs(program.name)
    lives = [life for row in agent.ask("/api/v1/programs")["programs"] if row["name"] == program.name
             for life in agent.ask("/api/v1/program", program=row["program"])["lives"] if life["pid"] == program.pid]
    assert len(lives) == 1, "the same process is one life, however often the agent was killed"


def test_begun_again_at_once_it_has_its_place_back(watch):
    """Whatever its page is about when the agent is killed: here it does not even run."""
    agent = watch()
    for _ in range(3):
        assert agent.get("/")[0] == 200
        page = children(agent.process.pid)["seep-page"]
        os.kill(page, signal.SIGSTOP)
        agent.stop(signal.SIGKILL)
        agent.start()
    assert agent.get("/")[0] == 200
    assert not [line for line in agent.lines() if "another program listens" in line]


def test_a_store_that_cannot_be_written_is_told_and_goes_on(watch, start_own, root, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        name = start_own("tickers").name
        agent = watch(interval="200ms", store=disk / "watch.db", only=[name])
        agent.wait_programs(name)
        filler = disk / "filler"
        descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
        with pytest.raises(OSError):
            while True:
                os.write(descriptor, b"x" * 4096)
        os.close(descriptor)
        agent.wait_line("the disk is full", patience=90)
        assert agent.process.poll() is None
        told = wait_machine(agent, lambda facts: any("are kept in memory" in problem for problem in facts["problems"]))
        assert told["agent"]["running"] and "the disk is full; " in told["agent"]["problems"][0] and len(told["agent"]["problems"]) == 1
        sampled = told["agent"]["sampled_ms"]
        wait_machine(agent, lambda facts: facts["sampled_ms"] > sampled + 2000)
        filler.unlink()
        agent.wait_line("can be written again", "no samples were lost", patience=30)
        wait_machine(agent, lambda facts: not facts["problems"] and facts["running"], patience=5)
        assert agent.stop() == 0
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_a_store_that_becomes_read_only_is_told_and_goes_on(watch, start_own, root, tmp_path):
    """A file system that is mounted over its folder: the file is gone, and no new one can be made."""
    name = start_own("tickers").name
    folder = tmp_path / "store"
    folder.mkdir()
    agent = watch(interval="200ms", store=folder / "watch.db", only=[name])
    agent.wait_programs(name)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        agent.wait_line("cannot be written", "kept in memory", patience=90)
        time.sleep(1)
        assert agent.process.poll() is None
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
    agent.wait_line("can be written again", "no samples were lost", patience=30)
    before = newest_period(agent.store)
    deadline = time.monotonic() + 30
    while newest_period(agent.store) <= before:
        assert time.monotonic() < deadline, "it does not go on"
        time.sleep(0.1)
    assert agent.stop() == 0


@pytest.mark.parametrize("damage", ["garbled", "cut off"])
def test_a_store_that_breaks_while_it_is_written_is_begun_anew(watch, start_own, damage):
    name = start_own("tickers").name
    agent = watch(interval="200ms", only=[name])
    agent.wait_programs(name)
    size = agent.store.stat().st_size
    if damage == "garbled":
        with open(agent.store, "r+b") as file:
            file.write(os.urandom(size))
    else:
        os.truncate(agent.store, 0)
    agent.wait_line("is broken", "kept in memory")
    agent.wait_line("can be written again", "no samples were lost")
    deadline = time.monotonic() + 30
    while agent.get("/api/v1/programs")[0] != 200:  # until the page has the new one
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert agent.wait_programs(name)[name]["running"] == 1
    assert agent.stop() == 0
    with sqlite3.connect(f"file:{agent.store}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert damage == "cut off" or list(agent.folder.glob("watch.db.broken-*")), "what was there is kept"


def test_a_store_that_broke_while_no_agent_ran_is_begun_anew(watch):
    agent = watch(interval="200ms")
    agent.wait_line("the series are kept")
    time.sleep(1)
    assert agent.stop() == 0  # so that its log has nothing that would mend it
    with open(agent.store, "r+b") as file:
        file.seek(100)  # behind the mark
        file.write(b"x" * 2000)
    agent.start()
    agent.wait_line("was broken", "a new one is begun")
    assert agent.ask("/api/v1/machine")["agent"]["running"]
    assert list(agent.folder.glob("watch.db.broken-*"))


def frames(log):
    """How many pages the log holds, and the size of one with what stands before it."""
    data = log.read_bytes()
    size = 24 + int.from_bytes(data[8:12], "big")
    return (len(data) - 32) // size, size


def kept(store):
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return db.execute("SELECT count(*), max(at_ms) FROM periods").fetchone()


@pytest.mark.parametrize("damage", ["header", "frame", "salt", "none", "torn"])
def test_a_log_that_broke_while_no_agent_ran_is_told(watch, start_own, damage):
    """SQLite itself drops what stands behind the damage without a word. What a crash leaves at the end is no damage."""
    name = start_own("tickers").name
    agent = watch(interval="100ms", only=[name])
    agent.wait_programs(name)
    log = Path(f"{agent.store}-wal")
    deadline = time.monotonic() + 60
    while frames(log)[0] < 16:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    agent.stop(signal.SIGKILL)
    count, size = frames(log)
    with open(log, "r+b") as file:
        if damage == "torn":
            file.truncate(32 + size * count - size // 2)
        elif damage != "none":
            file.seek({"header": 10, "frame": 32 + size * (count // 2) + 500, "salt": 32 + size * (count // 2) + 10}[damage])
            old = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([old[0] ^ 0x40]))
    agent.log.write_text("")
    agent.start()
    agent.wait_line("the series are kept")
    told = [line for line in agent.lines() if "its log was damaged" in line]
    assert len(told) == (damage in ("header", "frame", "salt")), agent.lines()
    agent.wait_programs(name)
    assert agent.stop() == 0
    assert kept(agent.store)[0] > 0 and not list(agent.folder.glob("watch.db.broken-*"))


def test_what_the_agent_is_shows_at_once(watch, start_own):
    """After a start, and after the store was begun anew: not only when it is written again, a minute later."""
    name = start_own("tickers").name
    agent = watch(interval="200ms", only=[name])

    def check():
        machine = wait_machine(agent, lambda facts: facts["started_ms"] and facts["sampled_ms"] and facts["running"] and facts["processes"] == 1, patience=5)
        assert machine["host"]

    agent.wait_programs(name)
    check()
    os.truncate(agent.store, 0)
    agent.wait_line("can be written again")
    deadline = time.monotonic() + 5
    while agent.get("/api/v1/machine")[0] != 200:  # until the page has the new one
        assert time.monotonic() < deadline
        time.sleep(0.1)
    check()
    deadline = time.monotonic() + 5
    while True:  # in the store, too: for `seep history`
        with sqlite3.connect(f"file:{agent.store}?mode=ro", uri=True) as db:
            if db.execute("SELECT count(*) FROM facts WHERE name = 'agent'").fetchone() == (1,):
                break
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def anybodys_folder():
    """One that another user may write to."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        yield Path(folder)


def test_who_may_see_all_is_not_told_to_get_the_right(watch, start_own, root, anybodys_folder):
    """What is not seen, and why: to root and to another user, of one process and of several."""
    start_own("tickers")
    agent = watch(interval="200ms", only=["nobody"])
    agent.wait_line("the page is at")
    line = r"(1 process may not be looked at \(|\d+ processes may not be looked at \(one of them is )pid \d+, .+\): "
    assert all(re.fullmatch(line + "it refuses even who has CAP_SYS_PTRACE.*", unseen) for unseen in agent.ask("/api/v1/machine")["agent"]["unseen"])
    assert agent.stop() == 0
    port = free_port()
    other = subprocess.Popen([str(SEEP), "watch", "--store", str(anybodys_folder / "w.db"), "--interval", "200ms", "--listen", f"127.0.0.1:{port}"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=65534, group=65534, extra_groups=[], cwd="/")
    agent.port, agent.process = port, other
    try:
        said = agent.ask("/api/v1/machine")["agent"]["unseen"]
        assert any(re.fullmatch(line + "root or CAP_SYS_PTRACE may", unseen) for unseen in said), said
    finally:
        assert agent.stop() == 0


def test_that_others_may_reach_the_page_is_said(watch, token_file):
    agent = watch("--token-file", token_file, page=False)
    agent.options[agent.options.index("--listen") + 1] = f"0.0.0.0:{free_port()}"
    agent.stop()
    agent.start()
    agent.wait_line("others than this machine can reach the page", "not encrypted")
    assert agent.stop() == 0


def test_the_store_is_nobody_elses_business(watch):
    agent = watch()
    agent.wait_line("the series are kept")
    assert stat.S_IMODE(agent.store.stat().st_mode) == 0o600


# ---- what it may

def status_of(pid):
    return dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)


def test_rights_are_dropped(watch):
    agent = watch()
    agent.wait_line("the page is at")
    agent.get("/")
    page = status_of(children(agent.process.pid)["seep-page"])
    own = status_of(agent.process.pid)
    sanitized = "asan" in str(SEEP)
    assert int(own["CapEff"], 16) & ~0x80004 == 0 and own["NoNewPrivs"] == "1"
    assert int(page["CapEff"], 16) == 0 and page["NoNewPrivs"] == "1"
    if not sanitized:
        assert own["Seccomp"] == page["Seccomp"] == "2"


# ---- who may ask

def test_only_this_machine_and_its_own_page_may_ask(watch):
    agent = watch()
    agent.wait_line("the page is at")
    assert agent.get("/api/v1/machine")[0] == 200
    assert agent.get("/api/v1/machine", headers={"Host": f"localhost:{agent.port}"})[0] == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""):
        assert agent.get("/api/v1/machine", headers={"Host": host})[0] in (400, 403), host
    own = f"http://127.0.0.1:{agent.port}"
    assert agent.get("/api/v1/machine", headers={"Origin": own})[0] == 200
    for origin in ("http://evil.example", "null", f"http://localhost:{agent.port + 1}"):
        assert agent.get("/api/v1/machine", headers={"Origin": origin})[0] == 403, origin
    assert agent.get("/api/v1/machine", method="POST")[0] == 405
    assert agent.get("/api/v1/machine", method="DELETE")[0] == 405
    assert agent.get("/../../etc/passwd")[0] == 404
    for question in ({"program": "x", "from": "5", "to": "1"}, {"program": "x", "from": "now"}, {"points": "99999"}, {"no": "such"}):
        assert agent.get("/api/v1/series", **question)[0] in (400, 404), question
    headers = agent.get("/")[1]
    assert "default-src 'none'" in headers["Content-Security-Policy"] and headers["X-Content-Type-Options"] == "nosniff"


TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    return file


def test_a_token_that_there_is_is_wanted_on_loopback_too(watch, token_file):
    token = TOKEN
    agent = watch("--token-file", token_file)
    agent.wait_line("the page is at")
    assert agent.get("/api/v1/machine")[0] == 401
    assert agent.get("/api/v1/machine", headers={"Authorization": "Bearer " + token[:-1] + "x"})[0] == 401
    assert agent.get("/api/v1/machine", headers={"Authorization": "Bearer " + token})[0] == 200
    assert agent.get("/api/v1/machine", headers={"Cookie": f"a=b; seep_token={token.encode().hex()}"})[0] == 200
    assert token not in subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout


def listeners(pid):
    """Addresses that a process listens on, as /proc/net/tcp and tcp6 write them."""
    inodes = {os.readlink(f"/proc/{pid}/fd/{number}")[8:-1] for number in os.listdir(f"/proc/{pid}/fd") if os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:")}
    found = []
    for table in ("tcp", "tcp6"):
        for row in open(f"/proc/{pid}/net/{table}").read().splitlines()[1:]:
            fields = row.split()
            if fields[3] == "0A" and fields[9] in inodes:
                found.append(fields[1].split(":")[0])
    return found


def test_it_listens_on_loopback_and_nowhere_else(watch):
    agent = watch()
    agent.wait_line("the page is at")
    agent.get("/")
    assert listeners(agent.process.pid) == ["0100007F"]
    assert listeners(children(agent.process.pid)["seep-page"]) == ["0100007F"]


def test_elsewhere_only_who_has_the_token_gets_an_answer(watch, token_file):
    port = free_port()
    agent = watch("--token-file", token_file, "--listen", f"0.0.0.0:{port}")
    agent.port = port
    agent.wait_line("the page is at http://0.0.0.0")
    host = {"Host": f"web-3.example:{port}"}
    bearer = {**host, "Authorization": "Bearer " + TOKEN}
    for path in ("/", "/api/v1/machine", "/metrics", "/export?program=x", "/nothing", "/?token=" + TOKEN[:-1]):
        status, headers, body = agent.get(path, headers=host)
        assert status == 401 and headers["WWW-Authenticate"] == "Bearer", path
        assert list(json.loads(body)) == ["error"], "and nothing is said of what is there"
    assert agent.get("/api/v1/machine", headers=bearer)[0] == 200
    assert agent.get("/api/v1/machine", headers={**bearer, "Origin": f"http://web-3.example:{port}"})[0] == 200
    assert agent.get("/api/v1/machine", headers={**bearer, "Origin": "http://evil.example"})[0] == 403
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:  # urllib would follow
        client.sendall(f"GET /?token={TOKEN} HTTP/1.1\r\nHost: web-3.example:{port}\r\n\r\n".encode())
        answer = b"".join(iter(lambda: client.recv(4096), b"")).decode()
    assert answer.startswith("HTTP/1.1 303") and "\r\nLocation: /\r\n" in answer and TOKEN not in answer
    cookie = re.search(r"Set-Cookie: ([^;]*);(.*)\r", answer)
    assert "HttpOnly" in cookie[2] and "SameSite=Strict" in cookie[2]
    assert agent.get("/api/v1/machine", headers={**host, "Cookie": cookie[1]})[0] == 200
    assert agent.get("/api/v1/machine", headers={**host, "Cookie": cookie[1][:-1] + "x"})[0] == 401


def test_the_page_itself_wants_a_token_where_others_can_reach_it(tmp_path):
    """Whatever started it."""
    with socket.create_server(("0.0.0.0", 0)) as door:
        page = subprocess.run([SEEP.parent / "seep-page", "--store", tmp_path / "watch.db", "--socket", str(door.fileno())],
                              pass_fds=[door.fileno()], capture_output=True, text=True, timeout=30)
    assert page.returncode == 2 and "a token is wanted" in page.stderr


def test_nothing_can_be_changed_and_every_answer_has_its_headers(watch):
    agent = watch()
    agent.wait_line("the page is at")
    paths = ["/", "/main.js", "/api/v1/machine", "/api/v1/programs", "/api/v1/program?program=x", "/api/v1/inspection?id=1", "/metrics", "/export?program=x", "/nothing", "/%zz"]
    for path in paths:
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            status, headers, _ = agent.get(path, method=method)
            assert (status == 405) == (method != "GET"), (path, method, status)
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "'unsafe-inline'" not in policy, path
            assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer", path
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin" and headers["Cross-Origin-Opener-Policy"] == "same-origin", path
            assert not headers["Access-Control-Allow-Origin"] and not headers["Set-Cookie"], path
            assert headers["Cache-Control"] in ("no-store", "no-cache"), path
            assert status != 405 or headers["Allow"] == "GET, HEAD"
    head = agent.get("/api/v1/machine", method="HEAD")
    assert head[0] == 200 and head[2] == b"" and int(head[1]["Content-Length"]) > 0
    assert agent.get("/export?program=x", headers={"Host": "evil.example"})[1]["X-Content-Type-Options"] == "nosniff"


def test_the_page_comes_back_after_it_was_killed(watch):
    agent = watch()
    agent.wait_line("the page is at")
    agent.get("/")
    os.kill(children(agent.process.pid)["seep-page"], signal.SIGKILL)
    agent.wait_line("the page's process was ended")
    assert agent.get("/")[0] == 200


# ---- alerts

def test_an_alert_is_tried_again():
    receiver = Receiver(answers=[500])
    message = json.dumps({"url": receiver.url, "headers": ["X-Key: secret"], "body": "{\"event\":\"opened\"}"})
    post = SEEP.parent / "seep-post"
    first = subprocess.run([str(post)], input=message, text=True, capture_output=True, timeout=60)
    second = subprocess.run([str(post)], input=message, text=True, capture_output=True, timeout=60)
    receiver.stop()
    assert (first.returncode, second.returncode) == (1, 0)
    assert receiver.alerts == [{"event": "opened"}]
    for url in ("file:///etc/passwd", "gopher://127.0.0.1/"):
        wrong = subprocess.run([str(post)], input=json.dumps({"url": url, "body": "{}"}), text=True, capture_output=True, timeout=60)
        assert wrong.returncode == 2, url
