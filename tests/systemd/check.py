"""Runs in the machine of tools/systemd, as root, when it has come up. Says `ok WHAT: HOW` or `FAILED WHAT: WHY` for each check, and ends with `N passed, N failed`."""

import http.server
import json
import os
import pwd
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

AGENT = "seep-watch.service"
STATE = Path("/var/lib/seep")
PAGE = "http://127.0.0.1:7337"
OTHERS = {"leaks.service": "tale-send", "clean.service": "tale-send-fixed", "hidden.service": "tickers"}
PATIENCE = 240
CALLED_WITHIN = 25 * 60  # some four minutes, where nothing else wants the machine
RIGHTS = 0x80004  # CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH
EXPOSURE_MOST = 3.0
OUT_OF_MEMORY = "out-of-memory"

checks = []
alerts = []


def check(function):
    checks.append(function)
    return function


def run(*command, may_fail=False):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=PATIENCE)
    assert may_fail or done.returncode == 0, f"{' '.join(map(str, command))}: {done.returncode} {done.stdout[-300:]} {done.stderr[-300:]}"
    return done.stdout.strip()


def show(name, unit=AGENT):
    return run("systemctl", "show", "--value", "-p", name, unit)


def agent_pid():
    return int(show("MainPID"))


def wait(holds, what, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while True:
        try:
            found = holds()
        except OSError:  # it does not listen yet
            found = None
        if found:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {patience} s"
        time.sleep(1)


def get(path):
    with urllib.request.urlopen(PAGE + path, timeout=60) as answer:
        return answer.read()


def ask(path):
    return json.loads(get(path))


def rows():
    return {row["program"]: row for row in ask("/api/v1/programs")["programs"]}


def program(key):
    return ask("/api/v1/program?program=" + key)


def journal(*options):
    return run("journalctl", "-q", "-o", "cat", "--no-pager", *options)


def history(key):
    return json.loads(run("seep", "history", "--json", key, may_fail=True))


def status_of(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


# ---- installed and begun

@check
def its_user_is_made_and_its_unit_is_well_formed():
    run("systemd-sysusers")
    account = pwd.getpwnam("seep")
    complaints = subprocess.run(["systemd-analyze", "--man=no", "verify", AGENT], capture_output=True, text=True, timeout=PATIENCE).stderr
    assert account.pw_dir == str(STATE) and "seep" not in complaints, complaints
    return f"uid {account.pw_uid}"


@check
def it_starts():
    run("systemctl", "enable", "--now", AGENT)
    wait(lambda: b"<html" in get("/"), "the page")
    assert show("ActiveState") == "active" and show("NRestarts") == "0"
    return run("systemctl", "--version").splitlines()[0] + ", Linux " + os.uname().release


@check
def it_has_its_user_and_no_rights_but_two():
    found = []
    pids = [int(pid) for pid in Path("/sys/fs/cgroup" + show("ControlGroup") + "/cgroup.procs").read_text().split()]
    for pid in pids:
        status = status_of(pid)
        rights = [int(status[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")]
        assert status["Uid"].split()[0] == str(pwd.getpwnam("seep").pw_uid) and status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
        assert all(right & ~RIGHTS == 0 for right in rights), status
        assert pid != agent_pid() or rights[0] == RIGHTS, status
        found.append(f"{status['Name']} {rights[0]:#x} under {status['Seccomp_filters']} filters")
    return ", ".join(found)


def mounts_of(pid):
    return [" ".join(line.split()[3:6]) for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]


@check
def it_sees_a_machine_that_it_cannot_write():
    inside = ["nsenter", "-t", agent_pid(), "-m", "--"]
    for folder in ("/etc", "/usr", "/var", "/var/log", "/home", "/root", "/run", "/opt"):
        tried = subprocess.run([str(word) for word in [*inside, "touch", folder + "/x"]], capture_output=True, text=True, timeout=PATIENCE)
        assert "Read-only file system" in tried.stderr, f"{folder}: {tried.stderr} {mounts_of(agent_pid())}"
    for file in ("/proc/sys/kernel/hostname", "/sys/fs/cgroup/cgroup.procs", f"/proc/{os.getpid()}/oom_score_adj"):
        tried = subprocess.run([*map(str, inside), "sh", "-c", f"echo x >{file}"], capture_output=True, text=True, timeout=PATIENCE)
        assert "Read-only file system" in tried.stderr, f"{file}: {tried.stderr}"
    devices = run(*inside, "ls", "/dev").split()
    assert "vda" not in devices and "kmsg" not in devices and "null" in devices, devices
    account = pwd.getpwnam("seep")
    as_user = ["nsenter", "-t", agent_pid(), "-m", "-S", account.pw_uid, "-G", account.pw_gid, "--"]
    written = run(*as_user, "find", "/", "-path", "/proc", "-prune", "-o", "-writable", "(", "-type", "d", "-o", "-type", "f", ")", "-print", may_fail=True).split()
    folders = {path for path in written if not path.startswith(str(STATE) + "/")}
    assert folders == {str(STATE), "/tmp", "/var/tmp"}, folders
    return f"but {STATE} and its own /tmp and /var/tmp; {len(devices)} devices"


@check
def its_exposure_is_small():
    text = run("systemd-analyze", "security", "--no-pager", AGENT)
    overall = re.search(r"Overall exposure level for \S+: ([0-9.]+) (\S+)", text)
    assert overall and float(overall.group(1)) <= EXPOSURE_MOST, text
    return overall.group(0)


# ---- what it does

@check
def it_finds_and_samples_programs_of_other_units():
    said = []
    run("systemctl", "start", *OTHERS)
    for unit, name in OTHERS.items():
        key = f"{name}@{unit}"
        row = wait(lambda: (rows().get(key, {}).get("now") or {}).get("goroutines") and rows()[key], key)
        assert row["running"] == 1 and row["now"]["rss"], row
        said.append(f"{key} {row['now']['goroutines']} goroutines")
    wait(lambda: rows()["tickers@hidden.service"]["now"]["heap_live"] or rows()["tickers@hidden.service"]["now"]["rss"], "its heap")
    return ", ".join(said)


@check
def it_keeps_its_store_for_itself():
    files = [STATE, *STATE.iterdir()]
    for file in files:
        facts = file.stat()
        assert facts.st_uid == pwd.getpwnam("seep").pw_uid and not facts.st_mode & 0o077, f"{file} {facts.st_mode:o}"
    assert STATE / "watch.db" in files, files
    return ", ".join(file.name for file in files[1:])


@check
def the_page_and_metrics_are_served():
    text = get("/metrics").decode()
    assert 'seep_go_goroutines{' in text and "leaks.service" in text, text[:500]
    machine = ask("/api/v1/machine")
    assert machine["agent"]["running"] and not machine["agent"]["problems"] and not machine["agent"]["unseen"], machine
    return f"agent {machine['agent']['rss_bytes'] >> 10} KiB"


# ---- how programs end

@check
def a_kill_for_want_of_memory_is_marked():
    key = "growing@fills.service"
    run("systemctl", "start", "fills.service")
    wait(lambda: len(program(key)["lives"]) >= 3, "three lives")
    run("systemctl", "stop", "fills.service")
    kernel = run("journalctl", "-k", "-q", "-o", "cat", "--no-pager").count("Memory cgroup out of memory: Killed process")
    wait(lambda: not rows()[key]["running"], "its end")
    for way, found in (("page", program(key)), ("history", history(key))):
        ends = [life["end"] for life in sorted(found["lives"], key=lambda life: life["id"])]
        marked = [marker["life"] for marker in found["markers"] if marker["kind"] == OUT_OF_MEMORY]
        assert kernel and ends[:-1] == [OUT_OF_MEMORY] * (len(ends) - 1), (way, kernel, ends)
        assert sorted(marked) == sorted(life["id"] for life in found["lives"] if life["end"] == OUT_OF_MEMORY), (way, ends, found["markers"])
    return f"{kernel} kills by the kernel, {len(marked)} marked, {len(ends)} lives: {' '.join(ends)}"


@check
def an_end_by_itself_is_no_kill():
    key = "tale-send-fixed@clean.service"
    before = len(program(key)["lives"])
    run("systemctl", "restart", "clean.service")
    wait(lambda: len(program(key)["lives"]) == before + 1, "the next life")
    found = program(key)
    assert not [marker for marker in found["markers"] if marker["kind"] == OUT_OF_MEMORY], found["markers"]
    return " ".join(life["end"] for life in found["lives"])


@check
def a_leak_is_called_and_posted():
    alert = wait(lambda: next((alert for alert in alerts if "tale-send" in json.dumps(alert)), None), "the alert", CALLED_WITHIN)
    call = program("tale-send@leaks.service")["calls"][0]
    assert call["state"] == "leaking" and not program("tale-send-fixed@clean.service")["calls"], call
    inspections = [row for life in program("tale-send@leaks.service")["lives"] for row in ask(f"/api/v1/inspections?life={life['id']}")["inspections"]]
    assert inspections and all(row["problem"] is None for row in inspections), inspections
    document = ask(f"/api/v1/inspection?id={inspections[0]['id']}")["document"]
    assert alert and "pause_us" in document, document.keys()
    return f"{call['title']} ({call['because'][0]}), stopped for {document['pause_us'] / 1000:.1f} ms"


# ---- how it ends itself

def lives_of_all():
    return {key: [(life["id"], life["pid"]) for life in program(key)["lives"]] for key in rows() if key.split("@")[1] in OTHERS}


@check
def it_goes_on_after_a_restart():
    before, pid = lives_of_all(), agent_pid()
    run("systemctl", "restart", AGENT)
    assert agent_pid() != pid
    wait(lambda: all(row["running"] for key, row in rows().items() if key in before) and lives_of_all(), "its programs")
    sampled = rows()["tale-send@leaks.service"]["seen_ms"]
    wait(lambda: rows()["tale-send@leaks.service"]["seen_ms"] > sampled, "samples")
    assert lives_of_all() == before, (before, lives_of_all())
    return f"the same {sum(map(len, before.values()))} lives"


@check
def it_goes_on_after_sigkill():
    before, pid = lives_of_all(), agent_pid()
    os.kill(pid, signal.SIGKILL)
    wait(lambda: agent_pid() not in (0, pid), "a new one")
    wait(lambda: ask("/api/v1/machine")["agent"]["running"], "the page")
    sampled = rows()["tale-send@leaks.service"]["seen_ms"]
    wait(lambda: rows()["tale-send@leaks.service"]["seen_ms"] > sampled, "samples")
    assert show("NRestarts") == "1" and lives_of_all() == before and not list(STATE.glob("*.broken-*")), (before, lives_of_all())
    return "begun anew after " + show("RestartUSec") + ", the same lives, the store whole"


@check
def it_stops_cleanly():
    began = time.monotonic()
    group = Path("/sys/fs/cgroup" + show("ControlGroup"))
    run("systemctl", "stop", AGENT)
    took = time.monotonic() - began
    left = (group / "cgroup.procs").read_text() if group.exists() else ""
    assert show("Result") == "success" and show("ExecMainStatus") == "0" and show("ExecMainCode") == "1" and not left, (show("Result"), show("ExecMainStatus"), left)
    assert took < 20, took
    assert history("tale-send@leaks.service")["lives"]
    return f"in {took:.1f} s"


@check
def nothing_was_refused_on_the_way():
    kernel = run("journalctl", "-q", "-o", "cat", "--no-pager", "_TRANSPORT=kernel", "+", "_TRANSPORT=audit", may_fail=True)
    refused = [line for line in kernel.splitlines() if "type=1326" in line or "sig=31" in line]
    complaints = [line for line in journal("-u", AGENT, "-p", "warning").splitlines()
                  if not any(part in line for part in ("was killed for want of memory", "code=killed, status=9/KILL", "Failed with result 'signal'", "leaks: "))]
    assert not refused and not complaints, (refused[:5], complaints[:5])
    return "no system call, no complaint"


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        alerts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 9099), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    failed = 0
    for function in checks:
        name = function.__name__.replace("_", " ")
        try:
            print(f"ok      {name}: {function()}", flush=True)
        except Exception as error:  # whatever it is, the others are told of
            failed += 1
            print(f"FAILED  {name}: {error!r}", flush=True)
    if failed:
        print(journal("-u", AGENT, "-n", "60"))
    print(f"{len(checks) - failed} passed, {failed} failed", flush=True)
    sys.exit(failed > 0)


main()
