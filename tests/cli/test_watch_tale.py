"""The tale, watched: both leaks are called with their lines, their clean twins and a healthy server are not; and all that shows it: alerts, page, history, metrics.

One agent and one set of programs serve all tests of this file; they run for the minutes that a call takes."""

import json
import shutil
import signal
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

from seepcli import SEEP, seep
from sources import place
from watchcli import ALERT, Receiver, Watch, free_port

from program import Program
from toolchain import REPO, go_build

pytestmark = pytest.mark.skipif("asan" in str(SEEP), reason="takes minutes: under the sanitizers test_watch.py runs")

HOSTILE = "<img src=x onerror=document.title='caught'>"
PATIENCE = 9 * 60  # of the ten minutes within which a leak is to be called
SCREENSHOTS = REPO / "build" / "page-screenshots"


LEAKY = ["-every", "1s"]
PROGRAMS = {"tale-send": LEAKY, "tale-defer": LEAKY, "tale-send-fixed": LEAKY, "tale-defer-fixed": LEAKY, "pool-workers": [], "http-light": [], HOSTILE: []}


class World:
    def __init__(self, folder):
        self.began = time.time()
        self.programs = {}
        for name, options in PROGRAMS.items():
            executable = folder / (name if name == HOSTILE else f"seen-{name}")  # what else runs on the machine is of no matter
            shutil.copy(go_build("tickers" if name == HOSTILE else name), executable)
            self.programs[executable.name] = Program([executable, *options, "-life", "1h"])
        self.receiver = Receiver()
        self.watch = Watch(folder, "--webhook", self.receiver.url, interval="2s", only=["seen-*", "<img*"]).start()
        self.alerts = {}

    def call_of(self, name):
        """The alert that opens the call, as soon as it comes."""
        if name not in self.alerts:
            self.alerts[name] = self.receiver.wait(lambda alert: alert["name"] == name and alert["event"] == "opened", self.began + PATIENCE - time.time())
        return self.alerts[name]

    def key(self, name):
        return next(row["program"] for row in self.watch.ask("/api/v1/programs")["programs"] if row["name"] == name)

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

def test_goroutines_that_nobody_receives_from_are_called(world):
    alert = world.call_of("seen-tale-send")
    path, line = place("tale-send/metrics.go", "go here")
    assert alert["state"] == "leaking" and alert["place"] == f"main.(*Agent).publish metrics.go:{line}", alert
    assert "wait to send" in alert["title"] and "select" in alert["fix"]
    assert 2000 < alert["count_per_hour"] < 5000, "one a second"
    assert alert["pid"] == world.programs["seen-tale-send"].pid


def test_deferred_calls_that_never_run_are_called(world):
    alert = world.call_of("seen-tale-defer")
    path, line = place("tale-defer/poll.go", "defer here")
    assert alert["state"] == "leaking" and alert["place"] == f"main.poll poll.go:{line}", alert
    assert "deferred calls pending" in alert["title"]
    assert 2000 < alert["count_per_hour"] < 5000, "one a second"


def test_healthy_programs_are_not_called(world):
    world.call_of("seen-tale-send"), world.call_of("seen-tale-defer")
    for alert in world.receiver.alerts:
        ALERT.validate(alert)
    assert {alert["name"] for alert in world.receiver.alerts} == {"seen-tale-send", "seen-tale-defer"}
    programs = world.watch.programs()
    assert programs["seen-tale-send"]["state"] == programs["seen-tale-defer"]["state"] == "leaking"
    for name in ("seen-tale-send-fixed", "seen-tale-defer-fixed", "seen-pool-workers", "seen-http-light"):
        assert programs[name]["state"] not in ("leaking", "climbing") and not programs[name]["open_calls"], programs[name]


def test_what_is_counted_is_what_the_program_says(world):
    world.call_of("seen-tale-send")
    key, program = world.key("seen-tale-send"), world.programs["seen-tale-send"]
    before = program.truth()
    time.sleep(5)
    newest = world.watch.ask("/api/v1/series", program=key, metric="goroutines")["lives"][0]["last"][-1]
    after = program.truth()
    assert before["goroutines"] <= newest <= after["goroutines"]
    life = world.watch.ask("/api/v1/program", program=key)["lives"][0]["id"]
    moment = world.watch.ask("/api/v1/at", life=life, at=int(time.time() * 1000))
    assert sum(part["bytes"] for part in moment["memory"]) == moment["values"]["rss"]
    largest = moment["groups"][0]
    assert largest["wait_reason"] == "chan send" and largest["at"]["line"] == place("tale-send/metrics.go", "send here")[1]
    assert before["leaked_min"] - 2 <= largest["count"] <= after["leaked_max"]


def test_what_the_call_rests_on_is_kept(world):
    world.call_of("seen-tale-send")
    calls = world.watch.ask("/api/v1/program", program=world.key("seen-tale-send"))["calls"]
    assert len(calls) == 1 and calls[0]["resolved_ms"] is None
    inspection = world.watch.ask("/api/v1/inspection", id=calls[0]["inspection"])
    assert inspection["document"]["findings"][0]["rule"] == "blocked-goroutines"
    assert inspection["peak_bytes"] < 200 << 20 and inspection["cpu_s"] < 5


# ---- history and metrics

def test_history_shows_it_in_the_terminal(world):
    world.call_of("seen-tale-send"), world.call_of("seen-tale-defer")
    time.sleep(3)
    everything = seep("history", "--store", world.watch.store)
    assert everything.status == 1 and "leaking" in everything.stdout and "tale-send-fixed" in everything.stdout
    one = seep("history", "--store", world.watch.store, "--metric", "goroutines", world.key("seen-tale-send"))
    assert one.status == 1 and "main.(*Agent).publish metrics.go" in one.stdout and "select" in one.stdout
    clean = seep("history", "--store", world.watch.store, "seen-tale-send-fixed")
    assert clean.status == 0, str(clean)
    rows = seep("history", "--store", world.watch.store, "--csv", str(world.programs["seen-tale-send"].pid)).stdout.splitlines()
    assert len(rows) > 20 and "goroutines" in rows[0]


def test_prometheus_reads_the_metrics(world, tmp_path):
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        pytest.fail("Debian's prometheus is missing: tools/setup installs it")
    world.call_of("seen-tale-send")
    time.sleep(3)
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
        assert "seen-tale-send" in found and "seen-tale-send-fixed" not in found
    finally:
        server.kill()
        server.wait()
    names = {line.split("{")[0].split(" ")[0] for line in text.decode().splitlines() if not line.startswith("#")}
    dashboard = (REPO / "docs" / "grafana-dashboard.json").read_text()
    import re
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
    world.call_of("seen-tale-send"), world.call_of("seen-tale-defer")
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
    assert browser.run("return location.search").startswith("?program=seen-tale-")
    browser.driver.back()
    browser.wait("return document.querySelectorAll('tr.pick').length >= 7")
    assert browser.complaints() == []


def test_the_page_zooms_chooses_moments_and_keeps_it_in_the_address(world, browse):
    world.call_of("seen-tale-send")
    from selenium.webdriver import ActionChains

    browser = browse("?program=" + urllib.parse.quote(world.key("seen-tale-send")) + "&range=1h")
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
    browser = browse("?program=" + urllib.parse.quote(world.key("seen-http-light")))
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
    world.call_of("seen-tale-send")
    dark = browse("?program=" + urllib.parse.quote(world.key("seen-tale-send")), dark=True)
    dark.wait("return document.querySelectorAll('.chart canvas').length >= 4")
    shoot(dark, "dark")
    red, green, blue = map(int, dark.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g)"))
    assert red + green + blue < 150
    phone = browse("", phone=True, width=360, height=740)
    phone.wait("return document.querySelectorAll('tr.pick').length >= 7")
    shoot(phone, "phone")
    assert phone.run("return document.documentElement.scrollWidth") <= 360
    phone.driver.get(f"http://127.0.0.1:{world.watch.port}/?program=" + urllib.parse.quote(world.key("seen-tale-send")))
    phone.wait("return document.querySelectorAll('.chart canvas').length >= 4")
    shoot(phone, "phone-program")
    assert phone.run("return document.documentElement.scrollWidth") <= 360


# ---- the end, which changes the world: last

def test_killed_and_begun_again_it_goes_on_with_what_it_knew(world):
    world.call_of("seen-tale-send"), world.call_of("seen-tale-defer")
    alerts = len(world.receiver.alerts)
    time.sleep(3)
    world.watch.stop(signal.SIGKILL)
    world.watch.start()
    world.watch.wait_programs("seen-tale-send", "seen-tale-defer")
    time.sleep(6)
    programs = world.watch.programs()
    assert programs["seen-tale-send"]["state"] == "leaking" and programs["seen-tale-send"]["lives"] == 1
    assert len(world.receiver.alerts) == alerts, "a leak is told once per life"


def test_a_leak_is_over_when_its_process_ends(world):
    world.call_of("seen-tale-defer")
    world.programs["seen-tale-defer"].stop()
    alert = world.receiver.wait(lambda alert: alert["name"] == "seen-tale-defer" and alert["event"] == "resolved", 60)
    assert alert["resolved_ms"] >= alert["opened_ms"]
    time.sleep(4)
    assert world.watch.programs()["seen-tale-defer"]["state"] == "ended"
    assert world.watch.stop() == 0
