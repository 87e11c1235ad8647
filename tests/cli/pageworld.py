"""The page with a made-up agent behind it: its files as they are in src/serve/page, under the policy that seep sends, and answers that a test makes.

Every answer is held against docs/watch-api.schema.json, so that nothing is tried on the page that an agent would not say."""

import contextlib
import http.server
import json
import re
import threading
import time
import urllib.parse
from pathlib import Path

import jsonschema
import pytest

from browser import Browser
from toolchain import REPO

PAGE = REPO / "src" / "serve" / "page"
LIBRARY = Path("/usr/share/javascript/dygraphs")  # Debian's, which is compiled into seep
TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css"}
SCHEMA = json.loads((REPO / "docs" / "watch-api.schema.json").read_text())
POLICY = "".join(re.findall(r'"([^"]*)"', re.search(r"policy\[\] =(.*?);\n", (REPO / "src" / "serve" / "respond.c").read_text(), re.DOTALL)[1]))
METRICS = SCHEMA["$defs"]["machine"]["properties"]["metrics"]["items"]["properties"]["name"]["enum"]
COUNTS = ("threads", "fds", "goroutines", "defers")
MIB = 1 << 20
MINUTE_MS = 60 * 1000


# ---- what is said of one program, with what a test does not care for filled in

def life(number, started_ms, seen_ms, **facts):
    return {"id": number, "lane": 0, "pid": 4000 + number, "exe": "/usr/bin/shop", "kind": "first" if number == 1 else "restart", "end": "runs", "started_ms": started_ms,
            "first_seen_ms": started_ms, "last_seen_ms": seen_ms, "ended_ms": None, "go_version": "go1.26.8", "module": "example.com/shop", "release": "v1.4.2",
            "release_source": "module", "build_id": "b", "stripped": True, "blind": "", "standing": None, **facts}


def call(number, opened_ms, **facts):
    return {"id": number, "life": 1, "state": "leaking", "cause": "blocked-goroutines main.publish metrics.go:56", "since_ms": opened_ms - 10 * MINUTE_MS, "opened_ms": opened_ms,
            "resolved_ms": None, "title": "goroutines wait to send", "because": ["nobody receives"], "fix": "receive", "slope": None, "count_per_s": 0.1, "share": None,
            "inspection": number, **facts}


def row(name, **facts):
    return {"program": name, "name": name, "unit": None, "state": "steady", "running": 1, "lives": 1, "release": "v1.4.2", "release_source": "module", "go_version": "go1.26.8",
            "started_ms": 0, "seen_ms": 0, "now": {"rss": 50 * MIB, "heap_live": 30 * MIB, "goroutines": 12, "defers": 3, "limit": None}, "slope": None, "to_limit": None,
            "why": None, "spark": {"metric": "rss_anon", "from_ms": 0, "step_ms": 1, "values": [float(k) for k in range(60)]}, "open_calls": 0, **facts}


def group(count, function, kind="goroutines"):
    return {"kind": kind, "count": count, "wait_reason": "chan send" if kind == "goroutines" else None,
            "at": {"function": function, "file": "/src/shop.go", "line": 7}, "started_at": None}


class MadeUp:
    """An agent of which a test says what it answers; what it says may change while a page looks."""

    def __init__(self, interval_ms=300):
        self.interval_ms = interval_ms
        self.now_ms = int(time.time() * 1000)
        self.rows = []
        self.lives = []
        self.calls = []
        self.markers = []
        self.points = lambda life, metric: [(self.now_ms - k * MINUTE_MS, 10 * MIB if metric not in COUNTS else 3) for k in range(60, 0, -1)]
        self.parts = lambda life, at_ms: {"heap live": 30 * MIB, "stacks": 2 * MIB}
        self.groups = lambda life, at_ms: []
        self.units = {}     # of charts, where they are others than those of the metrics
        self.broken = None  # an error that all is answered with
        self.wrong = []     # what no agent would say
        self.asked = 0      # how often the machine was asked for: the number of updates begun

    def machine(self, _):
        self.asked += 1
        return {"host": "web-3", "now_ms": int(time.time() * 1000), "interval_ms": self.interval_ms, "version": "0.1.0",
                "agent": {"started_ms": 1, "sampled_ms": self.now_ms, "running": True, "processes": 1, "rss_bytes": MIB, "cpu_share": 0.001, "problems": [], "unseen": []},
                "store": {"where": "/tmp/watch.db", "bytes": 1, "samples": 1, "first_ms": 1, "last_ms": 2},
                "metrics": [{"name": name, "unit": "count" if name in COUNTS else "bytes", "what": name, "grows": False} for name in METRICS]}

    def programs(self, _):
        return {"programs": self.rows}

    def program(self, query):
        releases = [{"release": "v1.4.2", "first_ms": 1, "last_ms": 2, "lives": 1, "hours": 1.0, "state": "steady", "slope": None, "peak_rss": MIB}]
        return {"program": query["program"], "name": query["program"], "unit": None, "state": "steady", "why": None, "lives": self.lives, "markers": self.markers, "calls": self.calls,
                "releases": releases}

    def series(self, query):
        lives = []
        for one in self.lives:
            points = [point for point in self.points(one, query["metric"]) if int(query["from"]) <= point[0] <= int(query["to"])]
            if points:
                lives.append({"life": one["id"], "lane": one["lane"], "t": [at for at, _ in points], "last": [value for _, value in points]})
        return {"program": query["program"], "metric": query["metric"], "unit": self.units.get(query["metric"], "count" if query["metric"] in COUNTS else "bytes"), "from_ms": int(query["from"]),
                "to_ms": int(query["to"]), "step_ms": 0, "lives": lives}

    def at(self, query):
        life, at_ms = int(query["life"]), int(query["at"])
        parts = self.parts(life, at_ms)
        return {"life": life, "at_ms": at_ms, "values": {name: sum(parts.values()) if name == "rss" else None for name in METRICS},
                "memory": [{"part": part, "bytes": size} for part, size in parts.items()], "groups": self.groups(life, at_ms)}

    def inspection(self, query):
        return {"id": int(query["id"]), "life": 1, "at_ms": 1, "why": "a climb", "problem": "it ended meanwhile", "cpu_s": 0.1, "wall_s": 0.2, "peak_bytes": MIB, "document": None}

    def answer(self, path, query):
        """(status, type, bytes)"""
        if path.startswith("/api/v1/"):
            name = path.removeprefix("/api/v1/")
            document, definition = ({"error": self.broken}, "error") if self.broken else (getattr(self, name)(query), name)
            try:
                jsonschema.Draft202012Validator({"$ref": f"#/$defs/{definition}", "$defs": SCHEMA["$defs"]}).validate(document)
            except jsonschema.ValidationError as error:
                self.wrong.append(error)
            return 503 if self.broken else 200, "application/json", json.dumps(document).encode()
        name = path.lstrip("/") or "index.html"
        file = (LIBRARY if name.startswith("dygraph") else PAGE) / name
        return (200, TYPES[name.rsplit(".", 1)[1]], file.read_bytes()) if file.is_file() else (404, "text/plain", b"")


class PageServer:
    def __init__(self, agent):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                status, kind, body = agent.answer(url.path, dict(urllib.parse.parse_qsl(url.query)))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Security-Policy", POLICY)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # the page that asked is gone
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


# ---- what tests of the page share

@pytest.fixture
def agent():
    made_up = MadeUp()
    yield made_up
    assert not made_up.wrong, made_up.wrong[0]


@pytest.fixture
def browse(agent):
    """A function that opens the page; what the browser complains of fails the test."""
    server, opened = PageServer(agent), []

    def open_page(query="", before="", **how):
        """`before`: what the browser runs before the page does."""
        opened.append(Browser(**how))
        opened[-1].driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": before})
        opened[-1].driver.get(server.address + query)
        return opened[-1]

    yield open_page
    complaints = [one.complaints() for one in opened]
    for one in opened:
        one.stop()
    server.stop()
    assert not any(complaint for said in complaints for complaint in said if "503" not in complaint), complaints


def updates(agent, browser, count=2):
    """Waits for so many updates from now on, and until they have been shown."""
    wanted, deadline = agent.asked + count + 1, time.monotonic() + 30
    while agent.asked < wanted:
        assert time.monotonic() < deadline, "the page asks no more: " + browser.run("return document.body.innerText")
        time.sleep(0.05)
