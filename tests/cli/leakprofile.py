"""Holds seep against Go's own profile of leaked goroutines, on the programs that Go tests that profile with.

They are taken from the installed Go tree and built as they come. Each makes some goroutines leak, writes the profile
to its standard output and ends. It is looked at twice in one run:

- before: a breakpoint stops it where the profile begins. The debugger leaves it stopped and goes.
- after: its standard output is a pipe that is full, so it is blocked in its write of the profile.

Who is leaked stays leaked. So, whatever else goes on in the program, all that seep has proved before must be in Go's
profile, and all that is in Go's profile must be what seep proves after. If nothing went on, all three are the same.

After, the runtime has marked those that it found as leaked; before, it has not.
"""

import contextlib
import fcntl
import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from toolchain import CACHE, Unavailable, find_toolchain

RELEASES = ("1.26.8", "1.27.3")
SOURCES = "src/runtime/testdata/testgoroutineleakprofile"
TESTS = "src/runtime/goroutineleakprofile_test.go"
PATIENCE_SECONDS = 60
WRITE = {"x86_64": 1, "aarch64": 64}[platform.machine()]
STATE = re.compile(r"^goroutine (\d+)(?: gp=\S+ m=\S+(?: mp=\S+)?)? \[([^,\]]*)", re.MULTILINE)

# The debugger stops the process with a signal, lets go of it, and says so. It stays until its input ends: if it went,
# the kernel would end a stopped process that has lost its parent.
LEAVE_STOPPED = """
import os, signal, sys
pid = gdb.selected_inferior().pid
if pid:
    os.kill(pid, signal.SIGSTOP)
    gdb.execute("detach")
print("left stopped:", pid, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Case:
    """One of the programs: an executable has many, by name."""

    name: str
    executable: Path
    quiet: bool  # Go's own test counts on it that nothing moves any more when the profile is taken


@dataclass
class Outcome:
    """What one run gave: sets of numbers of goroutines. None is what could not be had."""

    go: set = None
    locked: set = field(default_factory=set)  # those that wait for a mutex
    before: set = None
    after: set = None
    core: set = None
    ended: str = None  # what the program said, if it ended before it came to the profile
    problems: list = field(default_factory=list)

    @property
    def exact(self):
        """Nothing moved, and the verdicts are the same.

        A lock of 8 bytes shares its object with other small things, and who reaches one of them reaches the lock:
        such a thing may be gone a moment later.
        """
        looks = [look for look in (self.before, self.core) if look is not None]
        later = self.after - self.go - self.locked if self.after is not None else set()
        return self.go is not None and bool(looks) and all(look == self.go for look in looks) and not later

    def judge(self):
        """Holds the verdicts against each other."""
        for what, look in (("before", self.before), ("in the core file", self.core)):
            if look is not None and look - self.go:
                self.problems.append(f"proved {what}, and not leaked for Go: {sorted(look - self.go)}")
        if self.after is not None and self.go - self.after:
            self.problems.append(f"leaked for Go, and not proved after: {sorted(self.go - self.after)}")
        return self


def build(release):
    """Builds the programs of one release and returns the cases by name."""
    go = find_toolchain(release)
    if go.release < (1, 26):
        raise Unavailable(f"{go.version} has no profile of leaked goroutines")
    root = Path(go.run("env", "GOROOT").strip())
    if not (root / SOURCES).is_dir():
        raise Unavailable(f"{root / SOURCES} is not there")
    experiment = "goroutineleakprofile" if go.release == (1, 26) else ""
    quiet = set(re.findall(r'makeTest\("(\w+)"', (root / TESTS).read_text()))
    cases = {}
    for name in (".", "goker"):
        folder = root / SOURCES / name
        executable = CACHE / go.version / "leakprofile" / folder.name
        executable.parent.mkdir(parents=True, exist_ok=True)
        flags = ("-buildvcs=false", "-o", str(executable))
        go.run("build", *flags, ".", cwd=folder, CGO_ENABLED="0", GOEXPERIMENT=experiment)
        for source in sorted(folder.glob("*.go")):
            for case in re.findall(r'^\s*register\("(\w+)"', source.read_text(), re.MULTILINE):
                cases[case] = Case(case, executable, case in quiet)
    return cases


def missing():
    """Why this machine cannot do it, or nothing."""
    if shutil.which("gdb") is None:
        return "there is no gdb"
    return ""


@contextlib.contextmanager
def full_pipe(directory):
    """A named pipe that takes nothing more, and its end to read from."""
    path = Path(directory) / "profile"
    os.mkfifo(path)
    out = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    into = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    try:
        fcntl.fcntl(into, 1031, 4096)  # F_SETPIPE_SZ
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(into, b"\n" * 4096)
        yield path, out, into
    finally:
        os.close(out)
        with contextlib.suppress(OSError):
            os.close(into)


def run(case, look, dump=None):
    """Runs a case once. look(pid) says what is proved at that moment; so does dump(pid) of a core file, if given."""
    with tempfile.TemporaryDirectory() as directory, full_pipe(directory) as (path, out, into):
        with stopped(case, path, Path(directory)) as (pid, said):
            if not pid:
                return Outcome(ended=said)
            os.close(into)
            outcome = Outcome()
            outcome.before = look(pid)
            outcome.core = dump(pid) if dump else None
            os.kill(pid, signal.SIGCONT)
            wait_until_it_writes(pid)
            outcome.after = look(pid)
            states = {int(number): state for number, state in STATE.findall(read_all(out))}
            outcome.go = {number for number, state in states.items() if state.endswith(" (leaked)")}
            outcome.locked = {number for number, state in states.items() if state == "sync.Mutex.Lock"}
            return outcome.judge()


@contextlib.contextmanager
def stopped(case, stdout, directory):
    """A case that runs and is stopped where its profile begins: its number, or 0, and what the debugger said."""
    script = directory / "leave.py"
    script.write_text(LEAVE_STOPPED)
    command = ["gdb", "-batch", "-nx", "-readnever"]
    for line in ("set auto-load off", "set debuginfod enabled off"):
        command += ["-iex", line]
    for line in (
        "set pagination off",
        "set confirm off",
        "set disable-randomization off",
        "handle SIGURG nostop noprint pass",
        "break *'runtime/pprof.writeGoroutineLeak'",
        f"run {case.name} > {stdout}",
        f"source {script}",
    ):
        command += ["-ex", line]
    settings = {**os.environ, "SHELL": "/bin/sh", "GODEBUG": "asyncpreemptoff=1"}  # as in Go's own test
    if case.quiet:
        settings["GOMAXPROCS"] = "1"
    with open(directory / "gdb", "w+") as log:
        debugger = subprocess.Popen(
            [*command, case.executable], env=settings, stdin=subprocess.PIPE, stdout=log, stderr=log
        )
        pid = 0
        try:
            pid, said = wait_for_debugger(debugger, Path(log.name))
            yield pid, said
        finally:
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)  # it is a child of the debugger, and keeps its number until that ends
            debugger.stdin.close()
            debugger.kill()
            debugger.wait()


def wait_for_debugger(debugger, log):
    """Waits until the debugger has said whether there is a process that is stopped. Returns its number or 0."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        over = debugger.poll() is not None
        said = log.read_text(errors="replace")
        found = re.search(r"^left stopped: (\d+)$", said, re.MULTILINE)
        if found:
            return int(found.group(1)), said[-3000:]
        assert not over, f"the debugger ended:\n{said[-3000:]}"
        time.sleep(0.01)
    raise AssertionError(f"the debugger does not come to the profile:\n{said[-3000:]}")


def wait_until_it_writes(pid):
    """Waits until a thread is blocked in a write to the standard output."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                words = (task / "syscall").read_text().split()
                if len(words) > 1 and words[0] == str(WRITE) and int(words[1], 16) == 1:
                    return
        time.sleep(0.005)
    raise AssertionError(f"process {pid} does not come to write its profile")


def read_all(out):
    """Reads until nobody has the other end any more."""
    text = b""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            more = os.read(out, 1 << 16)
        except BlockingIOError:
            time.sleep(0.001)
            continue
        if not more:
            return text.decode("utf-8", "replace")
        text += more
    raise AssertionError("the profile does not end")
