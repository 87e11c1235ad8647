"""Holds seep against Go's own profile of leaked goroutines, on the programs that Go tests that profile with.

They are taken from the installed Go tree and built as they come. Each makes some goroutines leak, writes the profile
to its standard output and ends. It is looked at twice in one run:

- before: it is held where the profile begins, by an instruction there that jumps to itself and is then put right again.
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

# The debugger puts an instruction that jumps to itself where the profile begins, lets go of the process, and says how to
# undo it. Whoever comes there goes round and round, and all others go on: the process is not stopped, for a stopped
# one seep leaves alone. The debugger stays, as the parent, until its input ends.
HOLD = """
import sys
loop = bytes.fromhex("%s")
inferior = gdb.selected_inferior()
pid = inferior.pid
if pid:
    place = gdb.selected_frame().pc()
    gdb.execute("delete")
    before = bytes(inferior.read_memory(place, len(loop)))
    inferior.write_memory(place, loop)
    gdb.execute("detach")
    print("held:", pid, place, before.hex(), flush=True)
else:
    print("ended", flush=True)
sys.stdin.read()
""" % {"x86_64": "ebfe", "aarch64": "00000014"}[platform.machine()]


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
    late: int = 0  # how many of those that are leaked for Go the first look after it missed, and the next proved
    core: set = None
    ended: str = None  # what the program said, if it ended before it came to the profile
    problems: list = field(default_factory=list)

    @property
    def exact(self):
        """Nothing moved, and the verdicts are the same.

        A lock of 8 bytes shares its object with other small things, and who reaches one of them reaches the lock:
        such a thing may be gone a moment later.
        """
        if self.go is None:
            return False
        looks = [look for look in (self.before, self.core) if look is not None]
        later = self.after - self.go - self.locked if self.after is not None else ()
        return bool(looks) and not later and all(same(look, self.go) for look in looks)

    def judge(self):
        """Holds the verdicts against each other."""
        for what, look in (("before", self.before), ("in the core file", self.core)):
            if look is not None and look - self.go:
                self.problems.append(f"proved {what}, and not leaked for Go: {sorted(look - self.go)}")
        if self.after is not None and not within(self.go, self.after):
            self.problems.append(f"leaked for Go, and not proved after: {sorted(self.go - self.after)}")
        return self


def within(numbers, look):
    """Whether a look has all of them. One that does not name all has at least as many."""
    return numbers <= look if getattr(look, "complete", True) else len(numbers) <= look.total


def same(look, numbers):
    """Whether a look has these and no others, as far as it names them."""
    return look <= numbers and getattr(look, "total", len(look)) == len(numbers)


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
        with held(case, path, Path(directory)) as (pid, release, said):
            if not pid:
                return Outcome(ended=said)
            os.close(into)
            outcome = Outcome()
            outcome.before = look(pid)
            outcome.core = dump(pid) if dump else None
            release()
            wait_until_it_writes(pid)
            first, outcome.after = settled(look, pid)
            states = {int(number): state for number, state in STATE.findall(read_all(out))}
            outcome.go = {number for number, state in states.items() if state.endswith(" (leaked)")}
            outcome.late = len(outcome.go & (outcome.after - first)) if first is not None else 0
            outcome.locked = {number for number, state in states.items() if state == "sync.Mutex.Lock"}
            return outcome.judge()


def settled(look, pid, most=5):
    """The first look, and one that proves no more than the one before it.

    Others go on meanwhile, and what lies on the stack of a thread that is just in the scheduler counts, whatever it
    is, if only left from before. So one look may miss what the next one proves.
    """
    looks = [look(pid)]
    while len(looks) < most:
        looks.append(look(pid))
        if looks[-1] is None or looks[-1] <= looks[-2]:
            break
    return looks[0], looks[-1]


@contextlib.contextmanager
def held(case, stdout, directory):
    """A case that runs and is held where its profile begins: its number, or 0, what lets it go, what was said."""
    script = directory / "hold.py"
    script.write_text(HOLD)
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
            pid, place, before, said = wait_for_debugger(debugger, Path(log.name))
            yield pid, lambda: put_right(pid, place, before), said
        finally:
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)  # it is a child of the debugger, and keeps its number until that ends
            debugger.stdin.close()
            debugger.kill()
            debugger.wait()


def wait_for_debugger(debugger, log):
    """Waits until there is a process that is held. Returns its number or 0, where, what belongs there, what was said."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        over = debugger.poll() is not None
        said = log.read_text(errors="replace")
        found = re.search(r"^held: (\d+) (\d+) (\w+)$", said, re.MULTILINE)
        if found:
            return int(found.group(1)), int(found.group(2)), bytes.fromhex(found.group(3)), said[-3000:]
        if re.search("^ended$", said, re.MULTILINE):
            return 0, 0, b"", said[-3000:]
        assert not over, f"the debugger ended:\n{said[-3000:]}"
        time.sleep(0.01)
    raise AssertionError(f"the debugger does not come to the profile:\n{said[-3000:]}")


def put_right(pid, place, before):
    """Puts the instructions back that belong there."""
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(place)
        memory.write(before)


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
