"""The tale, watched: both leaks are called with their lines, their clean twins and a healthy server are not; and all that shows it: alerts, page, history, metrics.

One agent and one set of programs serve all tests of this file; they run for as long as a call takes. That is minutes, for a count must rise for three. So time passes ten
times as fast for the agent here (tests/watch/clocks.c), with its usual interval and thresholds, and one that leaks every half second is one in five seconds to it.
`make tale` (SEEP_TALE_SPEED=1) runs the same in true time, with one leaked goroutine and one deferred call every ten seconds."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

from seepcli import SEEP, seep
from sources import place
from watchcli import ALERT, Hurry, Receiver, Watch, free_port, own_name

from program import Program
from toolchain import REPO, go_build

pytestmark = pytest.mark.skipif("asan" in str(SEEP), reason="takes minutes: under the sanitizers test_watch.py runs")

SPEED = int(os.environ.get("SEEP_TALE_SPEED", "10"))  # of the agent's time
ONE_EVERY_S = 5 if SPEED > 1 else 10  # in the agent's time
INTERVAL_S = 10  # between two samples, as is usual
CALLED_WITHIN_S = 10 * 60
HOSTILE = "<img src=x onerror=document.title='caught'>"
SCREENSHOTS = REPO / "build" / "page-screenshots"

LEAKY = ["-every", f"{ONE_EVERY_S * 1000 // SPEED}ms"]
PROGRAMS = {"tale-send": LEAKY, "tale-defer": LEAKY, "tale-send-fixed": LEAKY, "tale-defer-fixed": LEAKY, "pool-workers": [], "http-light": [], HOSTILE: []}


class World:
    def __init__(self, folder):
        self.own = own_name("seen")
        hurry = Hurry(folder / "clocks", SPEED)
        self.now_ms = hurry.now_ms
        self.began_ms = self.now_ms()
        self.programs = {}
        for name, options in PROGRAMS.items():
            executable = folder / self.name(name)
            shutil.copy(go_build("tickers" if name == HOSTILE else name), executable)
            self.programs[name] = Program([executable, *options, "-life", "1h"])
        self.receiver = Receiver()
        self.watch = Watch(folder, "--webhook", self.receiver.url, interval=f"{INTERVAL_S}s", only=[f"*{self.own}"],
                           environment=hurry.environment if SPEED > 1 else None).start()
        self.alerts = {}

    def name(self, name):
        """What a program is called here: nothing else on the machine is."""
        return f"{name}-{self.own}"

    def call_of(self, name):
        """The alert that opens the call, as soon as it comes."""
        if name not in self.alerts:
            self.alerts[name] = self.receiver.wait(lambda alert: alert["name"] == self.name(name) and alert["event"] == "opened", CALLED_WITHIN_S / SPEED + 60)
        return self.alerts[name]

    def both_calls(self):
        return self.call_of("tale-send"), self.call_of("tale-defer")

    def row(self, name):
        return self.watch.programs()[self.name(name)]

    def key(self, name):
        return self.row(name)["program"]

    def wait_samples(self, count):
        """Until so many more were taken."""
        since = self.now_ms()
        deadline = time.monotonic() + count * INTERVAL_S / SPEED + 60
        while self.row("tale-send")["seen_ms"] < since + (count - 1) * INTERVAL_S * 1000:
            assert time.monotonic() < deadline, "\n".join(self.watch.lines())
            time.sleep(0.2)

    def stop(self):
        self.watch.stop(signal.SIGKILL)
        self.receiver.stop()
        for program in self.programs.values():
            program.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("watch"))
    yield made
    made.stop()


# ---- the calls

def in_time_and_at_that_rate(world, alert):
    assert alert["opened_ms"] - world.began_ms < CALLED_WITHIN_S * 1000, alert
    assert 0.5 < alert["count_per_hour"] / (3600 / ONE_EVERY_S) < 1.4, alert

def test_goroutines_that_nobody_receives_from_are_called(world):
    alert = world.call_of("tale-send")
    path, line = place("tale-send/metrics.go", "go here")
    assert alert["state"] == "leaking" and alert["place"] == f"main.(*Agent).publish metrics.go:{line}", alert
    assert "wait to send" in alert["title"] and "select" in alert["fix"]
    in_time_and_at_that_rate(world, alert)
    assert alert["pid"] == world.programs["tale-send"].pid


def test_deferred_calls_that_never_run_are_called(world):
    alert = world.call_of("tale-defer")
    path, line = place("tale-defer/poll.go", "defer here")
    assert alert["state"] == "leaking" and alert["place"] == f"main.poll poll.go:{line}", alert
    assert "deferred calls pending" in alert["title"]
    in_time_and_at_that_rate(world, alert)


def test_healthy_programs_are_not_called(world):
    world.both_calls()
    for alert in world.receiver.alerts:
        ALERT.validate(alert)
    assert {alert["name"] for alert in world.receiver.alerts} == {world.name("tale-send"), world.name("tale-defer")}
    assert world.row("tale-send")["state"] == world.row("tale-defer")["state"] == "leaking"
    for name in ("tale-send-fixed", "tale-defer-fixed", "pool-workers", "http-light"):
        row = world.row(name)
        assert row["state"] not in ("leaking", "climbing") and not row["open_calls"], row


def test_what_is_counted_is_what_the_program_says(world):
    world.call_of("tale-send")
    key, program = world.key("tale-send"), world.programs["tale-send"]
    before = program.truth()
    life = world.watch.ask("/api/v1/program", program=key)["lives"][0]["id"]
    deadline = time.monotonic() + 60
    while True:  # until what was true a moment ago has been counted
        newest = world.watch.ask("/api/v1/series", program=key, metric="goroutines")["lives"][0]["last"][-1]
        moment = world.watch.ask("/api/v1/at", life=life, at=world.now_ms())
        largest = moment["groups"][0]
        if newest >= before["goroutines"] and largest["count"] >= before["leaked_min"]:
            break
        assert time.monotonic() < deadline, (before, newest, largest)
        time.sleep(0.2)
    after = program.truth()
    assert newest <= after["goroutines"] and largest["count"] <= after["leaked_max"]
    assert sum(part["bytes"] for part in moment["memory"]) == moment["values"]["rss"]
    assert largest["wait_reason"] == "chan send" and largest["at"]["line"] == place("tale-send/metrics.go", "send here")[1]


def test_what_the_call_rests_on_is_kept(world):
    world.call_of("tale-send")
    calls = world.watch.ask("/api/v1/program", program=world.key("tale-send"))["calls"]
    assert len(calls) == 1 and calls[0]["resolved_ms"] is None
    inspection = world.watch.ask("/api/v1/inspection", id=calls[0]["inspection"])
    assert inspection["document"]["findings"][0]["rule"] == "blocked-goroutines"
    assert inspection["peak_bytes"] < 200 << 20 and inspection["cpu_s"] < 5


def counted(text):
    return int(text.split()[0].replace(",", ""))


def test_the_headline_follows_the_count(world):
    """It was written once, when the call was opened, and said the same for hours."""
    world.both_calls()
    before = {name: counted(world.row(name)["why"]) for name in ("tale-send", "tale-defer")}
    world.wait_samples(8)
    deadline = time.monotonic() + 60
    for name, count in before.items():
        while counted(world.row(name)["why"]) < count + 4:
            assert time.monotonic() < deadline, (count, world.row(name))
            time.sleep(0.5)
        one = world.watch.ask("/api/v1/program", program=world.key(name))
        assert one["state"] == "leaking" and counted(one["why"]) >= count + 4 and one["why"] == world.row(name)["why"]
        with sqlite3.connect(f"file:{world.watch.store}?mode=ro", uri=True) as db:
            (at_ms,), = db.execute("SELECT at_ms FROM standings WHERE life = ?", (one["lives"][-1]["id"],))
        assert world.now_ms() - at_ms < 5 * 60 * 1000


def test_what_is_called_is_not_inspected_again(world):
    """It was, once: what was suspected while the inspection ran was thought to be new."""
    opened_ms = {alert["pid"]: alert["opened_ms"] for alert in world.both_calls()}
    world.wait_samples(8)
    with sqlite3.connect(f"file:{world.watch.store}?mode=ro", uri=True) as db:
        later = [(why, at_ms) for pid, at_ms, why in db.execute("SELECT pid, at_ms, why FROM inspections JOIN lives ON lives.id = life")
                 if at_ms > opened_ms.get(pid, at_ms) and "become more" in why]
    assert not later


# ---- history and metrics

def test_history_shows_it_in_the_terminal(world):
    world.both_calls()
    world.wait_samples(2)
    everything = seep("history", "--store", world.watch.store)
    assert everything.status == 1 and "leaking" in everything.stdout and world.name("tale-send-fixed") in everything.stdout
    one = seep("history", "--store", world.watch.store, "--metric", "goroutines", world.key("tale-send"))
    assert one.status == 1 and "main.(*Agent).publish metrics.go" in one.stdout and "select" in one.stdout
    clean = seep("history", "--store", world.watch.store, world.key("tale-send-fixed"))
    assert clean.status == 0, str(clean)
    rows = seep("history", "--store", world.watch.store, "--csv", str(world.programs["tale-send"].pid)).stdout.splitlines()
    assert len(rows) > 10 and "goroutines" in rows[0]


def test_prometheus_reads_the_metrics(world, tmp_path):
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        pytest.fail("Debian's prometheus is missing: tools/setup installs it")
    world.call_of("tale-send")
    world.wait_samples(2)
    text = world.watch.get("/metrics")[2]
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    port = free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(f"scrape_configs:\n- job_name: seep\n  scrape_interval: 1s\n  static_configs:\n  - targets: ['127.0.0.1:{world.watch.port}']\n")
    server = subprocess.Popen(["prometheus", f"--config.file={config}", f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={tmp_path}/data"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        query = urllib.parse.urlencode({"query": 'seep_leak_state{state="leaking"} == 1'})
        deadline = time.monotonic() + 60
        found = set()
        while time.monotonic() < deadline and len(found) < 1:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{query}", timeout=5) as answer:
                    found = {result["metric"]["program"].split("@")[0] for result in json.load(answer)["data"]["result"]}
            except OSError:
                pass
            time.sleep(0.5)
        assert world.name("tale-send") in found and world.name("tale-send-fixed") not in found
    finally:
        server.kill()
        server.wait()
    names = {line.split("{")[0].split(" ")[0] for line in text.decode().splitlines() if not line.startswith("#")}
    dashboard = (REPO / "docs" / "grafana-dashboard.json").read_text()
    for name in set(re.findall(r"seep_[a-z_]+", dashboard)):
        assert name in names or name in ("seep_memory_limit_bytes", "seep_time_to_limit_seconds", "seep_leak_slope_bytes_per_second"), name


# ---- the page, in a real browser

@pytest.fixture
def browse(world):
    from browser import Browser

    opened = []

    def open_page(query="", **how):
        browser = Browser(**how)
        opened.append(browser)
        browser.driver.get(f"http://127.0.0.1:{world.watch.port}/{query}")
        return browser

    yield open_page
    for browser in opened:
        browser.stop()


def shoot(browser, name):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    browser.driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))


def painted(browser):
    """How many pixels of the first chart's canvases are not empty."""
    return browser.run("""return [...document.querySelectorAll(".chart canvas")].slice(0, 2).reduce((sum, canvas) => {
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        let count = 0;
        for (let i = 3; i < data.length; i += 4) count += data[i] > 0;
        return sum + count; }, 0)""")


def test_the_page_lists_the_worst_first_and_opens_it(world, browse):
    world.both_calls()
    browser = browse()
    browser.wait("return document.querySelectorAll('tr.pick').length >= 7")
    states = browser.run("return [...document.querySelectorAll('tr.pick .state')].slice(0, 2).map((state) => state.textContent)")
    assert states == ["leaking", "leaking"]
    shoot(browser, "list")
    browser.run("document.querySelector('tr.pick').click()")
    browser.wait("return document.querySelector('.call .mono')?.textContent.includes(':')")
    browser.wait("return document.querySelectorAll('.chart canvas').length >= 4")
    assert painted(browser) > 500
    shoot(browser, "program")
    assert browser.run("return location.search").startswith("?program=tale-")
    browser.driver.back()
    browser.wait("return document.querySelectorAll('tr.pick').length >= 7")
    assert browser.complaints() == []


def test_the_page_zooms_chooses_moments_and_keeps_it_in_the_address(world, browse):
    world.call_of("tale-send")
    from selenium.webdriver import ActionChains

    browser = browse("?program=" + urllib.parse.quote(world.key("tale-send")) + "&range=1h")
    browser.wait("return document.querySelectorAll('.chart canvas').length >= 4")
    chart = browser.driver.find_element("css selector", ".chart")
    ActionChains(browser.driver).move_to_element_with_offset(chart, 100, 0).click_and_hold().move_by_offset(200, 0).release().perform()
    browser.wait("return new URLSearchParams(location.search).has('from')")
    query = browser.run("return Object.fromEntries(new URLSearchParams(location.search))")
    assert int(query["to"]) - int(query["from"]) < 3600e3
    browser.run("document.querySelectorAll('[aria-label=span] button')[6].click()")
    browser.wait("return new URLSearchParams(location.search).get('range') === 'all'")
    ActionChains(browser.driver).move_to_element_with_offset(chart, 300, 0).click().perform()
    browser.wait("return document.querySelector('.stack') && document.body.innerText.includes('chan send')")
    shoot(browser, "moment")
    browser.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))")
    browser.wait("return document.querySelectorAll('tr.pick').length >= 7")
    assert browser.complaints() == []


def test_the_page_goes_on_without_reloading(world, browse):
    browser = browse("?program=" + urllib.parse.quote(world.key("http-light")))
    first = browser.wait("return document.getElementById('pulse').textContent.startsWith('up to date') && document.getElementById('pulse').textContent")
    browser.run("window.stays = true")
    browser.wait(f"return document.getElementById('pulse').textContent !== {json.dumps(first)} && window.stays")


def test_hostile_names_do_nothing(world, browse):
    browser = browse()
    browser.wait("return document.querySelectorAll('tr.pick').length >= 7")
    assert browser.run("return document.body.innerText.includes('<img src=x onerror=')")
    assert browser.run("return document.querySelectorAll('main img').length") == 0
    browser.driver.get(f"http://127.0.0.1:{world.watch.port}/?program=" + urllib.parse.quote(world.key(HOSTILE)))
    browser.wait("return document.querySelector('h1')?.textContent.startsWith('<img')")
    assert browser.run("return document.title") != "caught" and browser.complaints() == []


def test_the_page_is_dark_at_night_and_fits_a_phone(world, browse):
    world.call_of("tale-send")
    dark = browse("?program=" + urllib.parse.quote(world.key("tale-send")), dark=True)
    dark.wait("return document.querySelectorAll('.chart canvas').length >= 4")
    shoot(dark, "dark")
    red, green, blue = map(int, dark.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g)"))
    assert red + green + blue < 150
    phone = browse("", phone=True, width=360, height=740)
    phone.wait("return document.querySelectorAll('tr.pick').length >= 7")
    shoot(phone, "phone")
    assert phone.run("return document.documentElement.scrollWidth") <= 360
    phone.driver.get(f"http://127.0.0.1:{world.watch.port}/?program=" + urllib.parse.quote(world.key("tale-send")))
    phone.wait("return document.querySelectorAll('.chart canvas').length >= 4")
    shoot(phone, "phone-program")
    assert phone.run("return document.documentElement.scrollWidth") <= 360


# ---- the end, which changes the world: last

def test_killed_and_begun_again_it_goes_on_with_what_it_knew(world):
    world.both_calls()
    alerts = len(world.receiver.alerts)
    world.wait_samples(2)
    world.watch.stop(signal.SIGKILL)
    world.watch.start()
    world.watch.wait_programs(world.name("tale-send"), world.name("tale-defer"))
    world.wait_samples(3)
    row = world.row("tale-send")
    assert row["state"] == "leaking" and row["lives"] == 1
    assert len(world.receiver.alerts) == alerts, "a leak is told once per life"


def test_a_leak_is_over_when_its_process_ends(world):
    world.call_of("tale-defer")
    world.programs["tale-defer"].stop()
    alert = world.receiver.wait(lambda alert: alert["name"] == world.name("tale-defer") and alert["event"] == "resolved", 60)
    assert alert["resolved_ms"] >= alert["opened_ms"]
    world.wait_samples(2)
    assert world.row("tale-defer")["state"] == "ended"
    assert world.watch.stop() == 0
