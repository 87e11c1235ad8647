"""The systemd unit: well formed, of one mind with what it starts, and not so strict that the agent could not work.

A service manager does not run where tests do (`make systemd` boots one). What it would do to the process is done by hand, from the unit's own lines: user,
capabilities, read-only file systems, filters of system calls (libseccomp kills what is not allowed, as the manager does)."""

import json
import os
import pwd
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from program import Program
from seepcli import SEEP, check, seep
from toolchain import REPO
from watchcli import Receiver, free_port, own_copy

UNIT = SEEP.parent / "seep-watch.service"
PATIENCE = 60


def directives(text=None):
    """The lines of the unit: name → values, in order."""
    found = {}
    for line in (text or UNIT.read_text()).splitlines():
        name, sign, value = line.partition("=")
        if sign and not line.startswith(("#", "[")):
            found.setdefault(name, []).append(value)
    return found


def command():
    """What the unit starts."""
    return shlex.split(directives()["ExecStart"][0])


# ---- of one mind

def test_the_unit_is_well_formed(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze")
    copy = tmp_path / "seep-watch.service"
    copy.write_text(UNIT.read_text().replace(command()[0], str(SEEP)))
    checked = subprocess.run(["systemd-analyze", "--man=no", "verify", copy], capture_output=True, text=True, timeout=60)
    complaints = [line for line in checked.stderr.splitlines() if "seep" in line or str(copy) in line]
    assert checked.returncode == 0 and not complaints, checked.stderr


def test_it_starts_what_is_installed_with_options_that_there_are(tmp_path):
    program, *arguments = command()
    assert program.endswith("/bin/seep") and arguments[0] == "watch"
    store = arguments[arguments.index("--store") + 1]
    arguments[arguments.index(store)] = tmp_path / "watch.db"
    wrong = seep(*arguments, "--listen", "no-address").error()
    assert "no address to listen on" in wrong, f"the unit's own options are taken, this one is not: {wrong}"


def test_its_paths_names_and_rights_fit_each_other():
    unit = directives()
    arguments = command()
    store = arguments[arguments.index("--store") + 1]
    assert os.path.dirname(store) == "/var/lib/" + unit["StateDirectory"][0] and unit["StateDirectoryMode"] == ["0700"]
    user = (REPO / "systemd" / "seep.sysusers").read_text().splitlines()[-1].split()
    assert user[1] == unit["User"][0] == unit["Group"][0] and user[-1] == os.path.dirname(store)
    kept = re.search(r"kept\[\] = \{(.*?)\}", (REPO / "src" / "guard" / "capabilities.c").read_text()).group(1).split(", ")
    for name in ("AmbientCapabilities", "CapabilityBoundingSet"):
        assert unit[name][0].split() == kept, name
    assert unit["Documentation"] == ["man:seep(1)"] and (REPO / "docs" / "seep.1").exists()
    for value in ("MemoryMax=1G", "OOMPolicy=continue"):
        name, _, number = value.partition("=")
        assert unit[name] == [number] and value in (REPO / "docs" / "running.md").read_text()


# ---- not too strict

def system_calls(words):
    """The names that a list of SystemCallFilter= stands for."""
    names = set()
    for word in words:
        if word.startswith("@"):
            listing = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True, timeout=60).stdout
            lines = (line.strip() for line in listing.splitlines()[1:])
            names |= system_calls([line for line in lines if line and not line.startswith("#")])
        else:
            names.add(word)
    return names


def allowed_calls(unit):
    first, *more = unit["SystemCallFilter"]
    allowed = system_calls(["@default", *first.split()])
    for line in more:
        assert line.startswith("~")
        allowed -= system_calls(line[1:].split())
    return sorted(allowed)


# The manager's part, in a process of its own: it reads what the unit says from standard input, and becomes the agent.
MANAGER = r"""
import ctypes, json, os, socket, subprocess, sys
plan = json.load(sys.stdin)
def mount(*arguments):
    if subprocess.run(["mount", *arguments], capture_output=True).returncode:
        sys.exit(77)
mount("--make-rprivate", "/")
mount("-t", "tmpfs", "tmpfs", "/var/lib")
os.mkdir("/var/lib/seep", 0o700)
mount("--bind", plan["state"], "/var/lib/seep")
mount("-o", "remount,bind,ro", "/")
if "/proc" in plan["read_only"]:
    mount("-o", "remount,bind,ro", "/proc")
try:
    os.close(os.open(f"/proc/{plan['victim']}/mem", os.O_RDWR))
    print("writable: memory", flush=True)
except OSError:
    pass
class Argument(ctypes.Structure):
    _fields_ = [("number", ctypes.c_uint), ("how", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]
library = ctypes.CDLL("libseccomp.so.2")
library.seccomp_init.restype = ctypes.c_void_p
ALLOW, KILL, REFUSE = 0x7fff0000, 0x80000000, 0x00050000
EQUAL, MASKED, PROT_WRITE, PROT_EXEC = 4, 7, 2, 4
def rule(filter, action, name, *arguments):
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:
        array = (Argument * max(1, len(arguments)))(*arguments)
        assert library.seccomp_rule_add_array(ctypes.c_void_p(filter), ctypes.c_uint(action), number, len(arguments), array) == 0, name
filters = [library.seccomp_init(ctypes.c_uint(KILL)), library.seccomp_init(ctypes.c_uint(ALLOW))]
for name in plan["calls"]:
    rule(filters[0], ALLOW, name)
for family in range(46):  # RestrictAddressFamilies=
    if family not in [getattr(socket, name) for name in plan["families"]]:
        rule(filters[1], REFUSE | 97, "socket", Argument(0, EQUAL, family, 0))
rule(filters[1], REFUSE | 1, "mmap", Argument(2, MASKED, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC))  # MemoryDenyWriteExecute=
rule(filters[1], REFUSE | 1, "mprotect", Argument(2, MASKED, PROT_EXEC, PROT_EXEC))
for filter in reversed(filters):
    assert library.seccomp_load(ctypes.c_void_p(filter)) == 0
os.execv(plan["command"][0], plan["command"])
"""


def plan_of(unit, account, state, victim, *command):
    """What the manager is told: the command, as that user, with the unit's rights."""
    rights = ",".join("+" + name.lower().removeprefix("cap_") for name in unit["AmbientCapabilities"][0].split())
    return {"state": str(state), "read_only": " ".join(unit["ReadOnlyPaths"]), "victim": victim, "calls": allowed_calls(unit),
            "families": unit["RestrictAddressFamilies"][0].split(),
            "command": [shutil.which("setpriv"), f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--no-new-privs",
                        f"--inh-caps=-all,{rights}", f"--ambient-caps=-all,{rights}", f"--bounding-set=-all,{rights}", *command]}


def wants_tools():
    for tool in ("systemd-analyze", "unshare", "setpriv"):
        if not shutil.which(tool):
            pytest.skip(f"no {tool}")
    if "asan" in str(SEEP):
        pytest.skip("the sanitizers need system calls of their own")


def test_an_inspection_stops_and_proves_with_what_it_leaves(tmp_path, root, start):
    """A program of root, stopped and let go by another user's seep-look: the unit's rights suffice, and the program goes on."""
    wants_tools()
    program = start("proof-leaks")
    plan = plan_of(directives(), pwd.getpwnam("nobody"), tmp_path, program.pid, str(SEEP.parent / "seep-look"), "inspect", str(program.pid), "0", "5000000")
    done = subprocess.run(["unshare", "--mount", sys.executable, "-c", MANAGER], input=json.dumps(plan), capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode == 77:
        pytest.skip("nothing can be mounted here")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    check(document)
    leaked = {number for name, numbers in program.ready["waiting"].items() if name.startswith("leaked ") for number in numbers}
    assert set(document["proof"]["goroutines"]) == leaked and document["proof"]["way"] == "copy" and document["pause_us"] > 0
    assert "State:\tt" not in Path(f"/proc/{program.pid}/status").read_text() and "TracerPid:\t0" in Path(f"/proc/{program.pid}/status").read_text()


def test_the_agent_does_without_what_it_forbids(tmp_path, root, build):
    wants_tools()
    unit = directives()
    account = pwd.getpwnam("nobody")
    state, port, receiver = tmp_path / "state", free_port(), Receiver()
    state.mkdir()
    subprocess.run([SEEP.parent / "tests" / "store" / "fixture", state / "watch.db", "--days", "1", "--interval-ms", "600000",
                    "--end-ms", str(int(time.time() * 1000) - 3600_000)], check=True, timeout=60)
    for path in (state, *state.iterdir()):
        os.chown(path, account.pw_uid, account.pw_gid)
    config = tmp_path / "watch.yaml"
    executable = own_copy(build("tale-send"), tmp_path)
    config.write_text(f"only: [{executable.name}]\n")
    program = Program([executable, "-life", "1h"])  # of root: to be read with the two capabilities only
    plan = plan_of(unit, account, state, program.pid, str(SEEP), *command()[1:], "--listen", f"127.0.0.1:{port}", "--interval", "200ms",
                   "--config", str(config), "--webhook", receiver.url)
    log = tmp_path / "log"
    with open(log, "wb") as out:
        agent = subprocess.Popen(["unshare", "--mount", sys.executable, "-c", MANAGER], stdin=subprocess.PIPE, stdout=out, stderr=out, text=True)
    agent.stdin.write(json.dumps(plan))
    agent.stdin.close()

    def wait(holds, what):
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if agent.poll() == 77:
                pytest.skip("nothing can be mounted here")
            assert agent.poll() is None and time.monotonic() < deadline, f"no {what}\n{log.read_text()}"
            time.sleep(0.05)

    try:
        program.wait_for("ready")
        wait(lambda: f"pid {program.pid}" in log.read_text(), "program that is watched: seep-look does not work")
        wait(lambda: receiver.alerts, "alert: seep-post does not work")
        wait(lambda: sampled(state / "watch.db") > 2, "samples")
        status = ask(port, program)
        assert status["now"]["goroutines"] > 0
        lines = dict(line.split(":\t", 1) for line in open(f"/proc/{agent.pid}/status").read().splitlines() if ":\t" in line)
        assert int(lines["Uid"].split()[0]) == account.pw_uid and int(lines["CapEff"], 16) == 0x80004
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(30) == 0, log.read_text()
        assert "writable" not in log.read_text() and "broke off" not in log.read_text()
    finally:
        agent.kill()
        agent.wait()
        program.stop()
        receiver.stop()


def sampled(store):
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM periods WHERE at_ms > ?", (int(time.time() * 1000) - 60_000,)).fetchone()[0]


def ask(port, program):
    """What the page knows of the program."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/programs", timeout=30) as answer:
            found = [row for row in json.load(answer)["programs"] if row["name"] == program.name and row["now"].get("goroutines")]
        if found:
            return found[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
