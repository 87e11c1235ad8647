"""`seep watch` and the kernel's want of memory: a Go program that leaks in a control group with a limit is really killed, and that is what history and page say.

The group is kept, as a container engine may keep it, or removed and made anew at once for the next life, as systemd does."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from program import Program
from seepcli import seep
from watchcli import own_name

ROOT = Path("/sys/fs/cgroup")
LIMIT = 48 << 20
KILLED, ENDED = "out-of-memory", "exited"


IS_V2 = (ROOT / "cgroup.controllers").exists()


class Group:
    """A control group with a limit on memory."""

    def __init__(self, folder):
        self.folder = folder
        self.make()

    def make(self):
        self.folder.mkdir()
        files = {"memory.max": LIMIT, "memory.swap.max": 0} if IS_V2 else {"memory.limit_in_bytes": LIMIT, "memory.memsw.limit_in_bytes": LIMIT}
        for name, value in files.items():
            if "sw" not in name or (self.folder / name).exists():
                (self.folder / name).write_text(str(value))

    def make_anew(self):
        remove(self.folder)
        self.make()

    def start(self, executable, *options):
        program = Program(["/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', str(self.folder / "cgroup.procs"), str(executable), *options])
        program.wait_for("ready")
        return program


def remove(folder):
    for attempt in range(50):
        try:
            return folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # something is in it, or not quite gone yet
            for pid in (folder / "cgroup.procs").read_text().split():
                os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.1)


@pytest.fixture
def around(root):
    """A group for groups."""
    folder = (ROOT if IS_V2 else ROOT / "memory") / own_name("seep-test")
    try:
        folder.mkdir()
        if IS_V2:
            (folder / "cgroup.subtree_control").write_text("+memory")
        Group(folder / "tried")
    except OSError as error:
        for path in (folder / "tried", folder):
            remove(path)
        pytest.skip(f"no control group with a limit can be made here: {error}")
    yield folder
    for path in (*filter(Path.is_dir, folder.iterdir()), folder):
        remove(path)


@pytest.fixture
def group(around):
    return Group(around / "limited")


def kills():
    return int(next(line for line in Path("/proc/vmstat").read_text().splitlines() if line.startswith("oom_kill ")).split()[1])


def lives_of(agent, name):
    row = next((row for row in agent.ask("/api/v1/programs")["programs"] if row["name"] == name), None)
    return agent.ask("/api/v1/program", program=row["program"]) if row else {"lives": [], "markers": []}


def wait_for(holds, what):
    deadline = time.monotonic() + 90
    while not (found := holds()):
        assert time.monotonic() < deadline, what
        time.sleep(0.2)
    return found


class Story:
    """Lives of one program, one after the other, each watched before it ends."""

    def __init__(self, agent, group, executable):
        self.agent, self.group, self.executable, self.ends = agent, group, executable, []

    def live(self, *options):
        program = self.group.start(self.executable, *options, "-life", "1h")
        count = len(self.ends) + 1
        wait_for(lambda: any(life["pid"] == program.pid for life in lives_of(self.agent, self.executable.name)["lives"]), f"life {count} is not watched")
        return program

    def ended(self, end):
        self.ends.append(end)
        wait_for(lambda: self.told() == self.ends, f"{self.told()}, not {self.ends}\n" + "\n".join(self.agent.lines()))

    def told(self):
        lives = lives_of(self.agent, self.executable.name)["lives"]
        return [life["end"] for life in sorted(lives, key=lambda life: life["id"]) if life["end"] != "runs"]

    def is_killed(self, every="2ms"):
        before = kills()
        program = self.live("-kind", "bytes", "-every", every)
        assert program.process.wait(90) == -signal.SIGKILL and kills() > before
        return program

    def ends_itself(self):
        program = self.live("-kind", "cache")
        program.process.terminate()
        program.process.wait(30)


@pytest.fixture
def story(watch, build_own, group):
    executable = build_own("growing")
    agent = watch(interval="1s", only=[executable.name])
    return Story(agent, group, executable)


def check_what_is_shown(story):
    """In order: ends, and a mark for each kill."""
    agent, name = story.agent, story.executable.name
    shown = json.loads(seep("history", "--json", "--store", agent.store, name).stdout)
    for found in (lives_of(agent, name), shown):
        lives = sorted(found["lives"], key=lambda life: life["id"])
        assert [life["end"] for life in lives if life["end"] != "runs"] == story.ends
        marks = [marker["life"] for marker in found["markers"] if marker["kind"] == KILLED]
        assert sorted(marks) == [life["id"] for life in lives if life["end"] == KILLED]
    text = seep("history", "--store", agent.store, name, environment={"LC_ALL": "C.UTF-8", "COLUMNS": "120"}).stdout
    assert (KILLED in story.ends) == ("out of memory" in text), text


def test_a_kill_is_marked_and_the_next_life_is_another(story):
    story.is_killed()
    story.ended(KILLED)
    story.ends_itself()  # in a group that counts a kill already, younger than a minute
    story.ended(ENDED)
    story.is_killed()
    story.ended(KILLED)
    next_one = story.live("-kind", "cache")
    check_what_is_shown(story)
    next_one.stop()


def test_a_kill_is_marked_where_the_group_is_made_anew_at_once(story):
    story.ends_itself()
    story.group.make_anew()
    story.ended(ENDED)
    story.is_killed()
    story.group.make_anew()
    next_one = story.live("-kind", "cache")
    story.ended(KILLED)
    check_what_is_shown(story)
    next_one.stop()


def test_who_ends_at_the_same_time_was_not_killed(watch, around, build_own):
    killed, other = build_own("growing"), build_own("growing")
    agent = watch(interval="2s", only=[killed.name, other.name])
    stories = [Story(agent, Group(around / name), executable) for name, executable in (("a", other), ("b", killed))]
    ends = stories[0].live("-kind", "cache")
    stories[1].is_killed(every="5ms")
    ends.process.terminate()
    ends.process.wait(30)
    for story in stories[:2]:
        story.group.make_anew()
    stories[1].ended(KILLED)
    stories[0].ended(ENDED)
    for story in stories[:2]:
        check_what_is_shown(story)
