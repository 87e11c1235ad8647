"""`seep watch` and what processes and machines do: come by the thousand, take over a number, hide their names, set the clock, sleep."""

import os
import re
import shutil
import struct
import subprocess
import sys
import time

import pytest

from seepcli import SEEP
from watchcli import children, own_name

CROWD = SEEP.parent / "tests" / "watch" / "crowd"
CLOCKS = SEEP.parent / "tests" / "watch" / "clocks.so"
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
SANITIZED = "asan" in str(SEEP)


def lives_of(agent, name):
    key = next(row["program"] for row in agent.ask("/api/v1/programs")["programs"] if row["name"] == name)
    return agent.ask("/api/v1/program", program=key)["lives"]


def wait_for(holds, patience=60):
    deadline = time.monotonic() + patience
    while not (found := holds()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.1)
    return found


# ---- many

def crowd(count, at_a_time, *command):
    subprocess.run([CROWD, str(count), str(at_a_time), *map(str, command)], stdout=subprocess.DEVNULL, check=True, timeout=300)


def test_ten_thousand_short_lived_processes(watch, start_own, build_own):
    """Most end before they are looked at, some while they are; a thousand are Go programs. What stays is still watched."""
    stays = start_own("tickers")
    passing = build_own("tale-send-fixed")
    agent = watch(interval="200ms", only=[stays.name, passing.name])
    agent.wait_programs(stays.name)
    files = len(os.listdir(f"/proc/{agent.process.pid}/fd"))
    before = agent.programs()[stays.name]["seen_ms"]
    crowd(8500, 4, "/bin/true")
    crowd(900, 4, passing, "-life", "1ms")
    crowd(100, 25, passing, "-life", "500ms")  # these live for two periods
    crowd(500, 100, "/bin/sleep", "0.3")
    agent.wait_programs(stays.name)
    [life] = lives_of(agent, stays.name)
    assert life["pid"] == stays.pid and life["end"] == "runs"
    wait_for(lambda: agent.programs()[stays.name]["seen_ms"] > before)
    rows = agent.programs()
    assert set(rows) <= {stays.name, passing.name}
    if passing.name in rows:  # those that were met are over, too
        wait_for(lambda: not agent.programs()[passing.name]["running"])
        assert len(lives_of(agent, passing.name)) <= 1000
    wait_for(lambda: "seep-look" not in children(agent.process.pid))
    wait_for(lambda: len(os.listdir(f"/proc/{agent.process.pid}/fd")) <= files + 4)  # beside a page's or a child's pipe
    assert sum("came or went" in line or passing.name in line for line in agent.lines()) < 400, "not a line for each"
    if not SANITIZED:  # its memory is the sanitizer's
        peak = int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{agent.process.pid}/status").read())[1])
        assert peak < 12 << 10, f"{peak} KiB"


# ---- numbers

AT_PID = r"""
import ctypes, os, sys
pid = int(sys.argv[1])
number = (ctypes.c_int * 1)(pid)
arguments = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17, 0, 0, 0, ctypes.addressof(number), 1, 0)
child = ctypes.CDLL(None, use_errno=True).syscall(435, ctypes.byref(arguments), 88)  # clone3(2) with set_tid
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
if child < 0:
    sys.exit(75)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 255)
"""


@pytest.mark.parametrize("successor", ["tickers", "tale-send-fixed"])
def test_a_number_that_is_used_again_is_another_life(watch, build_own, run, root, successor):
    tickers = build_own("tickers")
    executable = tickers if successor == "tickers" else build_own(successor)
    first = run(tickers)
    agent = watch(interval="300ms", only=[tickers.name, executable.name])
    agent.wait_programs(tickers.name)
    pid = first.pid
    first.stop()
    second = run(sys.executable, "-c", AT_PID, pid, executable, ready=False)
    try:
        second.wait_for("ready")
    except AssertionError:
        if second.process.poll() == 75:
            pytest.skip("no process may be given a number here")
        raise
    try:
        wait_for(lambda: any(life["pid"] == pid and life["end"] == "runs" and life["kind"] == ("restart" if successor == "tickers" else "first")
                             for life in (lives_of(agent, executable.name) if executable.name in agent.programs() else [])))
        [old, *_] = lives_of(agent, tickers.name)
        assert old["pid"] == pid and old["end"] == "exited" and old["ended_ms"]
        new = lives_of(agent, executable.name)[-1]
        assert new["id"] != old["id"] and new["started_ms"] > old["started_ms"]
        agent.wait_line(f"pid {pid} ended")
    finally:
        os.kill(pid, 9)


# ---- names

def test_a_process_that_hides_its_name_is_seen_under_its_own(watch, run, build, tmp_path):
    """Its executable is deleted, what it was called as is a kernel thread's name, and what the kernel calls it looks like numbers of /proc."""
    executable = tmp_path / f"{own_name('x')}) Z 0 (RssAnon:"
    shutil.copy(build("tickers"), executable)
    program = run("[kworker/0:1]", executable=str(executable))
    executable.unlink()
    agent = watch(interval="300ms", only=[f"{executable.name.split(')')[0]}*"])
    agent.wait_line(f"pid {program.pid}", "watched")
    row = wait_for(lambda: next((row for row in agent.programs().values() if row["running"] and row["now"]["rss"]), None))
    assert row["name"] == executable.name and row["now"]["goroutines"] > 0
    kernel = {key: int(value) << 10 for key, value in re.findall(r"^(VmRSS|RssAnon):\s+(\d+) kB", open(f"/proc/{program.pid}/status").read(), re.MULTILINE)}
    life = lives_of(agent, row["name"])[0]
    values = agent.ask("/api/v1/at", life=life["id"], at=life["last_seen_ms"])["values"]
    for metric, key in (("rss", "VmRSS"), ("rss_anon", "RssAnon")):
        assert abs(values[metric] - kernel[key]) < 4 << 20, (metric, values, kernel)


def test_a_process_that_changes_what_it_is_called_stays_one_life(watch, start_own):
    """Only the executable counts: what the kernel calls it can be set by anyone in it, at any time."""
    program = start_own("hides-name")
    agent = watch(interval="300ms", only=[program.name])
    agent.wait_programs(program.name)
    for _ in range(6):
        seen = agent.programs()[program.name]["seen_ms"]
        wait_for(lambda: agent.programs()[program.name]["seen_ms"] > seen)
    [life] = lives_of(agent, program.name)
    assert life["pid"] == program.pid and life["end"] == "runs"
    values = agent.ask("/api/v1/at", life=life["id"], at=life["last_seen_ms"])["values"]
    assert values["threads"] < 100 and 1 << 19 < values["rss_anon"] <= values["rss"] < 1 << 28


# ---- clocks

class Clocks:
    """What the agent's clocks are ahead by."""

    def __init__(self, file):
        self.file = file
        self.set(0, 0)

    def set(self, real_ms, boot_ms):
        with open(self.file, "r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("qq", real_ms, boot_ms))


@pytest.mark.skipif(SANITIZED, reason="nothing can be loaded before the sanitizers")
def test_clocks_that_are_set_and_a_suspend_are_marked_and_disturb_nothing(watch, start_own, tmp_path):
    program = start_own("tickers")
    clocks = Clocks(tmp_path / "clocks")
    agent = watch(interval="200ms", only=[program.name], environment={"LD_PRELOAD": str(CLOCKS), "SEEP_TEST_CLOCKS": str(clocks.file)})
    key = agent.wait_programs(program.name)[program.name]["program"]
    started_ms = lives_of(agent, program.name)[0]["started_ms"]

    def marked(kind, *words):
        return next((marker for marker in agent.ask("/api/v1/program", program=key)["markers"]
                     if marker["kind"] == kind and all(word in marker["text"] for word in words)), None)

    clocks.set(30 * MINUTE_MS, 0)
    forward = wait_for(lambda: marked("clock-step", "forward", "30m 0s"))
    assert abs(forward["length_ms"] - 30 * MINUTE_MS) < 5000
    clocks.set(-15 * MINUTE_MS, 0)
    back = wait_for(lambda: marked("clock-step", "back", "45m 0s"))
    assert abs(back["length_ms"] + 45 * MINUTE_MS) < 5000
    assert not marked("agent-gap", "suspended"), "a clock that is set is no time that passes"
    clocks.set(-15 * MINUTE_MS + 2 * HOUR_MS, 2 * HOUR_MS)
    slept = wait_for(lambda: marked("agent-gap", "suspended"))
    assert abs(slept["length_ms"] - 2 * HOUR_MS) < 20000
    steps = [marker["text"] for marker in agent.ask("/api/v1/program", program=key)["markers"] if marker["kind"] == "clock-step"]
    assert len(steps) == 2, "a suspend is no step"

    seen = agent.programs()[program.name]["seen_ms"]
    wait_for(lambda: agent.programs()[program.name]["seen_ms"] > seen)
    [life] = lives_of(agent, program.name)
    assert life["pid"] == program.pid and life["end"] == "runs" and life["started_ms"] == started_ms
    for metric in ("rss", "cpu"):
        [chart] = agent.ask("/api/v1/series", program=key, metric=metric, points=10000)["lives"]
        assert chart["t"] == sorted(set(chart["t"])), "in order, and no time twice"
        assert all(0 <= value < (1 << 40 if metric == "rss" else 2 * os.cpu_count()) for value in chart["last"])
    assert not [call for call in agent.ask("/api/v1/program", program=key)["calls"]]
    assert agent.stop() == 0
