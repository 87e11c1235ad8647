"""Runs `seep watch` and asks its page."""

import http.server
import itertools
import json
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import jsonschema

from seepcli import SEEP
from toolchain import REPO

ALERT = jsonschema.Draft202012Validator(json.loads((REPO / "docs" / "alert.schema.json").read_text()))


numbers = itertools.count(1)


def own_name(name):
    """A name that no program of another test has, whatever else runs on this machine."""
    return f"{name}-{os.getpid()}-{next(numbers)}"


def own_copy(executable, folder):
    """The same program under such a name, which is what seep shows."""
    return Path(shutil.copy(executable, Path(folder) / own_name(Path(executable).name)))


def free_port():
    """One of those that no outgoing connection is given: it stays free while an agent is ended and begun again."""
    first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.SystemRandom().randrange(8192, max(first_given, 16384))
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
                return port
            except OSError:
                pass


class Hurry:
    """Time that passes several times as fast for agents and their pages (tests/watch/clocks.c)."""

    CLOCKS = (time.CLOCK_REALTIME, time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC)

    def __init__(self, file, speed):
        self.speed = speed
        self.began_ns = time.time_ns()
        file.write_bytes(struct.pack("6q", 0, 0, speed, *map(time.clock_gettime_ns, self.CLOCKS)))
        self.environment = {"LD_PRELOAD": str(SEEP.parent / "tests" / "watch" / "clocks.so"), "SEEP_TEST_CLOCKS": str(file)}

    def now_ms(self):
        """What time an agent thinks it is."""
        return (self.began_ns + (time.time_ns() - self.began_ns) * self.speed) // 1_000_000


class Watch:
    """An agent that runs, with a store of its own."""

    def __init__(self, folder, *options, interval="1s", page=True, store=None, only=None, environment=None):
        """`only`: names of programs to watch, so that what else runs on the machine is of no matter."""
        self.folder = Path(folder)
        if only:
            file = self.folder / "watch.yaml"
            file.write_text("only: " + json.dumps(list(only)) + "\n")
            options = (*options, "--config", file)
        self.store = Path(store) if store else self.folder / "watch.db"
        self.port = free_port() if page else None
        self.options = ["--interval", interval, "--listen", f"127.0.0.1:{self.port}" if page else "none", *map(str, options)]
        self.log = self.folder / "log"
        self.environment = {**os.environ, **(environment or {})}
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([str(SEEP), "watch", "--store", str(self.store), *self.options],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment)
        return self

    def lines(self):
        return self.log.read_text(errors="surrogateescape").splitlines()

    def wait_line(self, *parts, patience=60):
        """Waits for a line that has all the parts."""
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            for line in self.lines():
                if all(part in line for part in parts):
                    return line
            assert self.process.poll() is None, "\n".join(self.lines())
            time.sleep(0.1)
        raise AssertionError(f"no line with {parts} in\n" + "\n".join(self.lines()))

    def stop(self, how=signal.SIGTERM):
        """Ends it and returns the exit status."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(30) if self.process else None
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def get(self, path, headers=None, method="GET", **parameters):
        """(status, headers, bytes) of an answer."""
        query = urllib.parse.urlencode(parameters)
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}" + (f"?{query}" if query else ""), headers=headers or {}, method=method)
        for attempt in range(50):
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return answer.status, answer.headers, answer.read()
            except urllib.error.HTTPError as error:
                return error.code, error.headers, error.read()
            except (urllib.error.URLError, ConnectionError):
                if attempt == 49 or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def ask(self, path, **parameters):
        status, _, body = self.get(path, **parameters)
        assert status == 200, body
        return json.loads(body)

    def programs(self):
        return {program["name"]: program for program in self.ask("/api/v1/programs")["programs"]}

    def wait_programs(self, *names, patience=60):
        """Waits until all of these run and have been sampled."""
        deadline = time.monotonic() + patience
        while True:
            programs = self.programs()
            if all(programs.get(name, {}).get("running") and programs[name]["now"]["rss"] for name in names):
                return programs
            assert time.monotonic() < deadline, (list(programs), "\n".join(self.lines()))
            time.sleep(0.3)


class Receiver:
    """A webhook's other end."""

    def __init__(self, answers=()):
        self.alerts = []
        self.answers = list(answers)  # statuses of the first requests; then 204
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers.pop(0) if receiver.answers else 204
                if status == 204:
                    receiver.alerts.append(json.loads(body))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/alerts"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, holds, patience):
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            for alert in list(self.alerts):
                if holds(alert):
                    return alert
            time.sleep(0.2)
        raise AssertionError(f"no such alert in {self.alerts}")

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def children(pid):
    """Pids of its children, by name."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text(errors="replace")  # a process may call itself anything
            except OSError:
                continue
            name = stat[stat.index("(") + 1:stat.rindex(")")]
            if int(stat[stat.rindex(")") + 2:].split()[1]) == pid:
                found[name] = int(entry)
    return found
