"""The agent proves what it stores where it may stop the process for a moment, and stops nothing where it may not.

Both ways are tried at once: two agents watch two programs, whose goroutines nothing can wake: those of one wait to send, those of the other to receive. Time passes ten times as fast for them, as in test_watch_tale.py; what an inspection may
take of the process's time is true time."""

import json
import sqlite3
import time

import pytest

from seepcli import SEEP, check
from sources import place
from watchcli import Hurry, Watch, own_copy

from program import Program
from toolchain import go_build

pytestmark = pytest.mark.skipif("asan" in str(SEEP), reason="takes minutes: under the sanitizers the unit tests run")

SPEED = 10
PATIENCE_S = 180
ONCE_MS, DAILY_MS = 2000, 10_000  # more than the defaults, 50 and 500: a copy of these few megabytes fits on the busiest machine


def inspections(watch):
    """(problem, document) of each that is in the store, which the agent may just be making."""
    with sqlite3.connect(f"file:{watch.store}?mode=ro", uri=True) as store:
        if not store.execute("SELECT 1 FROM sqlite_master WHERE name = 'inspections'").fetchall():
            return []
        rows = store.execute("SELECT problem, json FROM inspections ORDER BY id").fetchall()
    return [(problem, json.loads(document) if document else None) for problem, document in rows]


def wait_inspection(watch, program):
    """The first of it that found something."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        for problem, document in inspections(watch) if watch.store.exists() else ():
            assert not problem, (problem, watch.lines())
            if document["findings"] and document["target"]["pid"] == program.pid:
                return document
        time.sleep(0.2)
    raise AssertionError("\n".join(watch.lines()))


class World:
    def __init__(self, folder):
        self.program, self.receives = (Program([own_copy(go_build(name), folder), "-every", "500ms", "-life", "1h"])
                                       for name in ("leak-early-return", "leak-range"))
        hurry = Hurry(folder / "clocks", SPEED).environment
        self.agents = []
        generous = f"inspect:\n  pause: {ONCE_MS}ms\n  pause_per_process: {DAILY_MS}ms\n"
        for name, settings in (("proving", generous), ("never", "inspect:\n  pause: 0\n")):
            (folder / name).mkdir()
            config = folder / name / "watch.yaml"
            config.write_text(f"only: [{self.program.name}, {self.receives.name}]\n{settings}")
            self.agents.append(Watch(folder / name, "--config", config, interval="10s", environment=hurry).start())
        self.proving, self.never = self.agents

    def stop(self):
        for agent in self.agents:
            agent.stop()
        self.program.stop()
        self.receives.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("pauses"))
    yield made
    made.stop()


def the_finding(document):
    check(document)
    found = [finding for finding in document["findings"] if finding["rule"] == "blocked-goroutines"]
    assert len(found) == 1
    assert found[0]["started_at"]["line"] == place("leak-early-return/main.go", "go here")[1]
    return found[0]


def test_what_is_stored_is_proved(world):
    """The process was stopped, by no more than is allowed at once, and the finding is certain."""
    document = wait_inspection(world.proving, world.program)
    assert document["proof"]["known"] and document["proof"]["way"] == "copy", (document["proof"], document["unread"])
    assert 0 < document["pause_us"] < ONCE_MS * 1000
    assert the_finding(document)["grade"] == "certain"


def test_with_no_budget_nothing_is_stopped(world):
    """inspect.pause 0: the same leak is found, and not proved."""
    document = wait_inspection(world.never, world.program)
    assert document["pause_us"] == 0 and not document["proof"]["known"]
    assert the_finding(document)["grade"] == "likely"
    assert all(document["pause_us"] == 0 for _, document in inspections(world.never))


def test_receivers_are_called_in_minutes_if_they_are_proved(world):
    """Nobody closes their channels. Without a proof they may be workers, and that they rise for minutes says nothing."""
    for agent in world.agents:
        agent.wait_programs(world.receives.name)
    deadline = time.monotonic() + PATIENCE_S
    while (row := world.proving.programs()[world.receives.name])["state"] != "leaking":
        assert time.monotonic() < deadline, world.proving.lines()
        time.sleep(0.2)
    call, = world.proving.ask("/api/v1/program", program=row["program"])["calls"]
    assert f"main.go:{place('leak-range/main.go', 'go here')[1]}" in call["cause"], call
    assert wait_inspection(world.proving, world.receives)["proof"]["known"]
    wait_inspection(world.never, world.program)
    assert world.never.programs()[world.receives.name]["state"] != "leaking"


def metric(watch, name):
    lines = watch.get("/metrics")[2].decode().splitlines()
    found = [line for line in lines if line.split(" ")[0] == name]
    return float(found[0].split(" ")[1]) if found else None


def test_the_account_is_shown(world):
    """/metrics has the sum of what the inspections in the store took."""
    wait_inspection(world.proving, world.program)
    deadline = time.monotonic() + 60
    while True:
        took_s = sum(document["pause_us"] for _, document in inspections(world.proving)) / 1e6
        shown_s = metric(world.proving, "seep_pause_seconds_total")
        if shown_s is not None and abs(shown_s - took_s) < 1e-5:
            break
        assert time.monotonic() < deadline, (took_s, shown_s)
        time.sleep(0.5)
    assert took_s > 0 and metric(world.never, "seep_pause_seconds_total") == 0


def test_the_agent_itself_may_stop_nothing_if_nothing_is_to_be_stopped(world):
    """It is begun again, and what it may do stays: it goes on to sample."""
    world.proving.stop()
    world.proving.start()
    world.proving.wait_programs(world.program.name)
