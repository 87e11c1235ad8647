"""What seep can be pointed at: processes by number and by name, upgraded ones, those of a container; and what not."""

import os
import random
import shutil
import signal
import subprocess
import threading
import time

import pytest

from findings import find
from program import Program
from seepcli import SEEP, inspect, seep

ENOUGH = 200
PUBLISH = "main.(*Agent).publish.func1"


@pytest.fixture
def renamed(build, tmp_path):
    """A function that copies a program to a file of another name."""

    def copy(program, name):
        path = tmp_path / name
        shutil.copy(build(program), path)
        return path

    return copy


def unique_name():
    """A name for a process that no other on this machine has, short enough for the kernel."""
    return f"seep-{random.randrange(16 ** 8):08x}"


@pytest.mark.parametrize("how", ["deleted", "replaced", "other-program"])
def test_executable_is_gone(run, renamed, build, how):
    """An upgrade removed or replaced the file while the program ran on."""
    path = renamed("tale-send", "agent")
    target = run(path, "-every", "2ms")
    before = target.wait_leaked(ENOUGH)
    path.unlink()
    if how == "replaced":
        shutil.copy(build("tale-send-fixed"), path)
    elif how == "other-program":
        shutil.copy("/bin/true", path)
    result = inspect(target.pid)
    assert result.doc["target"]["exe_deleted"] is True
    finding = find(result.doc, "blocked-goroutines", PUBLISH)
    assert before["leaked_min"] <= finding["count"] <= target.truth()["leaked_max"]
    assert finding["at"]["line"] == find(inspect(target.pid).doc, "blocked-goroutines", PUBLISH)["at"]["line"]


def test_by_name(run, renamed):
    """A process can be given by its name."""
    name = unique_name()
    target = run(renamed("tale-send", name), "-every", "2ms")
    target.wait_leaked(ENOUGH)
    result = inspect(name)
    assert result.doc["target"]["pid"] == target.pid
    assert result.doc["target"]["name"] == name
    assert result.status == 1


def test_by_a_name_that_two_have(run, renamed):
    """All processes of that name are inspected."""
    name = unique_name()
    path = renamed("tale-send-fixed", name)
    pids = {run(path).pid, run(path).pid}
    result = inspect(name)
    assert {document["target"]["pid"] for document in result.docs} == pids
    assert result.status == 0


def test_several_targets(start):
    """One document for each target; one leak among them makes the exit status."""
    clean, leaky = start("tale-send-fixed"), start("tale-send", "-every", "2ms")
    leaky.wait_leaked(ENOUGH)
    result = inspect(clean.pid, leaky.pid)
    assert [document["target"]["pid"] for document in result.docs] == [clean.pid, leaky.pid]
    assert [bool(document["findings"]) for document in result.docs] == [False, True]
    assert result.status == 1


def test_one_of_several_cannot_be_read(start):
    """What can be inspected is, the other gets its line."""
    clean = start("tale-send-fixed")
    result = seep("inspect", "--json", clean.pid, "no-such-process-here")
    assert result.status == 2
    assert [document["target"]["pid"] for document in result.docs] == [clean.pid]
    assert "no-such-process-here" in result.error()


def test_not_a_go_program():
    """A program in another language is refused by name."""
    target = subprocess.Popen(["sleep", "60"])
    try:
        line = seep("inspect", target.pid).error()
    finally:
        target.kill()
        target.wait()
    assert "Go" in line and str(target.pid) in line


def test_no_such_process():
    """A number that no process has is said to be none."""
    child = subprocess.Popen(["true"])
    child.wait()
    assert str(child.pid) in seep("inspect", child.pid).error()


@pytest.mark.parametrize("target", ["0", "-1", "99999999999999999999", "no-such-process-here", "", "/", "/dev/null"])
def test_nonsense(target):
    """What is no target at all ends with one line."""
    assert seep("inspect", "--", target).error()


def test_kernel_thread(root):
    """A process without memory of its own is refused like any other that is not Go."""
    if not os.path.exists("/proc/2/comm") or open("/proc/2/comm").read() != "kthreadd\n":
        pytest.skip("no kernel threads to be seen here")
    assert seep("inspect", "2").error()


def test_text_file(tmp_path):
    """A file that is no core file is refused."""
    path = tmp_path / "notes.txt"
    path.write_text("not a core file\n" * 1000)
    assert "notes.txt" in seep("inspect", path).error()


def test_executable_as_target(build):
    """An executable is no core file, and the line says what it is."""
    assert "tale-send" in seep("inspect", build("tale-send")).error()


def test_zombie(build):
    """A process that has ended but is still listed cannot be read."""
    target = subprocess.Popen([build("tale-send")], stdout=subprocess.DEVNULL)
    target.kill()
    deadline = time.monotonic() + 30
    while open(f"/proc/{target.pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    line = seep("inspect", target.pid).error()
    target.wait()
    assert str(target.pid) in line


def test_stopped_process(start):
    """A process that somebody stopped can be inspected, and is left stopped."""
    target = start("tale-send", "-every", "2ms")
    target.wait_leaked(ENOUGH)
    os.kill(target.pid, signal.SIGSTOP)
    try:
        document = inspect(target.pid, "--for", "0").doc
        waiting = [g for g in document["goroutines"]["groups"] if PUBLISH in [f["function"] for f in g["frames"]]]
        assert sum(group["count"] for group in waiting) >= ENOUGH
        assert open(f"/proc/{target.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T"
    finally:
        os.kill(target.pid, signal.SIGCONT)


def test_exit_between_the_looks(start):
    """A target that ends before the second look: one line, status 2, and without waiting to the end."""
    target = start("tale-send", "-every", "2ms")
    target.wait_leaked(ENOUGH)
    timer = threading.Timer(2, target.stop)
    timer.start()
    began = time.monotonic()
    line = seep("inspect", "--for", "90s", target.pid).error()
    timer.join()
    assert time.monotonic() - began < 60
    assert str(target.pid) in line


def test_exec_between_the_looks(start):
    """A target that became another program meanwhile is not taken for the old one."""
    target = start("exec-away")
    target.wait_leaked(ENOUGH)
    timer = threading.Timer(1.5, lambda: os.kill(target.pid, signal.SIGUSR2))
    timer.start()
    result = seep("inspect", "--for", "8s", target.pid, timeout=200)
    timer.join()
    assert str(target.pid) in result.error()


def test_exit_while_reading(build):
    """Whenever a target dies, seep ends with a result or with one line."""
    executable = build("million-blocked")
    for attempt in range(12):
        target = Program([executable, "-n", "60000"])
        try:
            target.wait_for("ready")
            timer = threading.Timer(0.004 * attempt, target.process.kill)
            timer.start()
            result = seep("inspect", "--json", "--for", "0", target.pid)
            timer.join()
            if result.status == 2:
                result.error()
            else:
                assert len(result.docs) == 1
        finally:
            target.stop()


def test_start_while_reading(build):
    """A target that has only just started is either understood or refused in one line."""
    executable = build("pool-workers")
    for attempt in range(15):
        target = Program([executable, "-n", "2000"])
        try:
            time.sleep(0.001 * attempt)
            result = seep("inspect", "--json", "--for", "0", target.pid)
            if result.status == 2:
                result.error()
            else:
                assert result.doc["findings"] == []
        finally:
            target.stop()


HOSTILE = "ag\x1b[31m\x07e\nnt"
ESCAPED = r"ag\x1b[31m\x07e\x0ant"


def harmless(text):
    """Whether a terminal would only write what it gets."""
    return not any(ord(character) < 32 and character != "\n" or ord(character) == 127 for character in text)


def test_hostile_name(run, renamed):
    """Control characters in the name of a process or a file reach no terminal."""
    path = renamed("tale-send-fixed", HOSTILE)
    target = run(path)
    for arguments in (("inspect", target.pid), ("inspect", "--goroutines", target.pid), ("ps",), ("ps", "--json")):
        result = seep(*arguments)
        assert result.status == 0, str(result)
        assert harmless(result.stdout.replace("\t", " ")), arguments
        assert "nt" not in result.stdout.splitlines(), arguments
    document = inspect(target.pid).doc
    assert document["target"]["name"] == ESCAPED
    assert document["target"]["exe"] == str(path.parent / ESCAPED)


def test_hostile_argument(tmp_path):
    """What stands in an error message is harmless too."""
    for name in ("no\x1b[31msuch", "no\nsuch", "no\u202esuch\x7f"):
        assert harmless(seep("inspect", name).error())
    path = tmp_path / "core\x1b[2J"
    path.write_text("x")
    assert harmless(seep("inspect", path).error())


def test_without_the_right(root, start, tmp_path):
    """Another user's process: the line names the capability that is missing, and how to give it."""
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv")
    target = start("tale-send-fixed")
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents:
        if parent.name.startswith("pytest-"):
            parent.chmod(0o755)
    copy = tmp_path / "seep"
    shutil.copy(SEEP, copy)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    line = seep("inspect", target.pid, prefix=nobody, command=copy, cwd="/").error()
    assert "CAP_SYS_PTRACE" in line.upper()
    assert "sudo" in line or "setcap" in line
    listing = seep("ps", prefix=nobody, command=copy, cwd="/")
    assert listing.status == 0, str(listing)


CONTAINER = """
set -e
mount -t tmpfs none /mnt
cp "$1" /mnt/agent
exec /mnt/agent -every 2ms
"""


def test_container(root, build):
    """A program in a mount and pid namespace of its own, whose file is to be seen only there."""
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("namespaces cannot be made here")
    target = Program([*unshare, "sh", "-c", CONTAINER, "sh", build("tale-send")])
    try:
        inner = target.wait_for("ready")["pid"]
        children = open(f"/proc/{target.pid}/task/{target.pid}/children").read().split()
        assert len(children) == 1
        target.pid = int(children[0])
        assert inner == 1
        assert not os.path.exists("/mnt/agent")
        before = target.wait_leaked(ENOUGH)
        result = inspect(target.pid)
        after = target.truth()
        finding = find(result.doc, "blocked-goroutines", PUBLISH)
        assert before["leaked_min"] <= finding["count"] <= after["leaked_max"]
        assert result.doc["target"]["pid"] == target.pid
        assert result.doc["target"]["exe_deleted"] is False
        assert str(target.pid) in seep("ps").stdout
    finally:
        target.stop()
