"""The list of goroutines against the program's own: the dump that Go's runtime wrote when nothing moved."""

import json
import time
from types import SimpleNamespace

import pytest

import godump
from seepcli import inspect, seep
from toolchain import EVERY_RELEASE

# Go up to 1.20 shows no more frames than this, and does not say that it left some out.
CUT_BEFORE_121 = 97

BUILDS = [("path", "static"), ("path", "noopt"), ("path", "cgo"), ("1.19", "static"), ("1.27.3", "static")]
MORE_BUILDS = [
    (toolchain, mode)
    for toolchain in EVERY_RELEASE
    for mode in ("static", "symbols", "pie", "cgo", "cgo-pie", "trimpath", "race", "noopt")
    if (toolchain, mode) not in BUILDS
]


@pytest.fixture
def quiet(start, tmp_path):
    """A function that starts quiet-dump and returns it with its own dump and facts."""

    def start_quiet(toolchain="path", mode="static", *flags):
        dump, facts = tmp_path / "dump", tmp_path / "facts"
        target = start("quiet-dump", "-dump", dump, "-facts", facts, *flags, toolchain=toolchain, mode=mode)
        goroutines = godump.parse(dump.read_text())
        writer = next(g.id for g in goroutines.values() if g.state == "running")
        release = tuple(int(part) for part in target.ready["go"][2:].split(".")[:2])
        return SimpleNamespace(
            target=target,
            pid=target.pid,
            goroutines=goroutines,
            others={number: g for number, g in goroutines.items() if number != writer},
            facts=json.loads(facts.read_text()),
            release=release,
            cut=CUT_BEFORE_121 if release < (1, 21) else None,
        )

    return start_quiet


def is_system(goroutine):
    """Whether all that one sees of it belongs to the runtime."""
    return all(frame[0].startswith("runtime.") for frame in goroutine.frames)


def check_text(program):
    """`--goroutines` prints the same as Go: ids, states, every frame, and where each was started."""
    result = seep("inspect", "--goroutines", program.pid)
    ours = godump.parse(result.stdout)
    extra = [g for number, g in ours.items() if number not in program.goroutines]
    assert all(is_system(g) for g in extra), extra
    assert sorted(set(program.goroutines) - set(ours)) == []
    wrong = []
    for number, theirs in program.others.items():
        mine = ours[number]
        if (mine.state, mine.locked) != (theirs.state, theirs.locked):
            wrong.append((number, (mine.state, mine.locked), (theirs.state, theirs.locked)))
        elif not godump.same_stack(mine, theirs, program.cut):
            wrong.append((number, mine.visible(), theirs.visible()))
        elif (mine.created_by, mine.parent) != (theirs.created_by, theirs.parent):
            wrong.append((number, mine.created_by, mine.parent, theirs.created_by, theirs.parent))
    assert not wrong, f"{len(wrong)} of {len(program.others)} goroutines differ:\n" + "\n".join(map(str, wrong[:8]))


def origin(group):
    """Where the goroutines of a group were started, in the words of a dump."""
    where = group["started_at"] or {"function": "", "file": None, "line": None}
    return godump.plain_name(where["function"]), where["file"], where["line"]


def check_json(program):
    """The groups of the JSON document hold the same goroutines."""
    document = inspect(program.pid, "--for", "0").doc
    assert document["unread"]["goroutines"] == 0
    group_of = {number: group for group in document["goroutines"]["groups"] for number in group["ids"]}
    wrong = []
    for number, theirs in program.others.items():
        group = group_of[number]
        state = group["wait_reason"] if group["state"] == "waiting" else group["state"]
        mine = godump.Goroutine(number, state, theirs.locked)
        mine.frames = [(godump.plain_name(f["function"]), f["file"], f["line"]) for f in group["frames"]]
        if mine.state != theirs.state or group["system"]:
            wrong.append((number, mine.state, group["system"], theirs.state))
        elif group["complete"] and not godump.same_stack(mine, theirs, program.cut):
            wrong.append((number, mine.visible(), theirs.visible()))
        elif not group["complete"]:
            wrong.append((number, "stack is not complete"))
        elif theirs.created_by and origin(group) != theirs.created_by:
            wrong.append((number, group["started_at"], theirs.created_by))
        elif theirs.parent and group["started_by"] not in (theirs.parent, None):
            wrong.append((number, group["started_by"], theirs.parent))
    assert not wrong, f"{len(wrong)} of {len(program.others)} goroutines differ:\n" + "\n".join(map(str, wrong[:8]))
    counts = {}
    for group in document["goroutines"]["groups"]:
        bottom = [f["function"] for f in group["frames"] if not godump.HIDDEN.match(f["function"])][-1:]
        for name in bottom:
            counts[name] = counts.get(name, 0) + group["count"]
    expected = program.facts["started"]
    assert {name: counts.get(name) for name in expected} == expected


@pytest.mark.parametrize("toolchain, mode", BUILDS)
def test_list_is_that_of_go(quiet, toolchain, mode):
    """Every goroutine, in every state, with every frame."""
    program = quiet(toolchain, mode)
    check_text(program)
    check_json(program)


@pytest.mark.matrix
@pytest.mark.parametrize("toolchain, mode", MORE_BUILDS)
def test_list_is_that_of_go_everywhere(quiet, toolchain, mode):
    """The same for every release and every way to build."""
    program = quiet(toolchain, mode)
    check_text(program)
    check_json(program)


@pytest.mark.parametrize("toolchain", ["path", "1.19", "1.27.3"])
def test_channels_and_locks(quiet, toolchain):
    """For what they wait: address, element type, length, capacity, and how many wait."""
    program = quiet(toolchain)
    groups = inspect(program.pid, "--for", "0").doc["goroutines"]["groups"]
    wrong = []
    for fact in [*program.facts["channels"], *program.facts["locks"]]:
        function = fact.pop("function")
        waits = [w for g in groups if function in [f["function"] for f in g["frames"]] for w in g["waits_on"]]
        mine = [w for w in waits if w["address"] == fact["address"]]
        if len(mine) != 1 or any(mine[0][key] != value for key, value in fact.items()):
            wrong.append((function, fact, waits))
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(map(str, wrong[:8]))


def test_every_case_of_a_select(quiet):
    """A select waits on all its channels, and on nothing else."""
    program = quiet()
    groups = inspect(program.pid, "--for", "0").doc["goroutines"]["groups"]
    for function in ("main.selectSeveral", "main.selectSendOrReceive"):
        (group,) = [g for g in groups if function in [f["function"] for f in g["frames"]]]
        expected = {
            (fact["address"], "send" if fact["senders"] else "receive", group["count"])
            for fact in program.facts["channels"]
            if fact["function"] == function
        }
        assert {(w["address"], w["direction"], w["goroutines"]) for w in group["waits_on"]} == expected
        assert group["waits_on_total"] == len(expected)


def test_labels(quiet):
    """The labels of the profiler are shown, and do no harm to a terminal."""
    program = quiet()
    document = inspect(program.pid, "--for", "0").doc
    (group,) = [g for g in document["goroutines"]["groups"] if "main.labelled" in [f["function"] for f in g["frames"]]]
    assert group["labels"] == {
        key: value.replace("\x1b", r"\x1b") for key, value in program.facts["labels"].items()
    }
    for arguments in (("--goroutines",), ()):
        assert "\x1b" not in seep("inspect", *arguments, program.pid).stdout


def test_how_long_they_wait(quiet):
    """Go notes the time at a collection only: the wait is at least as long as since then."""
    program = quiet()
    time.sleep(2)
    before = time.time_ns()
    groups = inspect(program.pid, "--for", "0").doc["goroutines"]["groups"]
    after = time.time_ns()
    least = (before - program.facts["gc_end_unix_ns"]) / 1e9
    most = (after - program.facts["gc_begin_unix_ns"]) / 1e9
    checked = 0
    for group in groups:
        if group["state"] == "waiting" and not group["system"] and group["wait_unknown"] == 0:
            assert least - 0.1 <= group["wait_min_s"] <= group["wait_max_s"] <= most + 0.1, (least, most, group)
            checked += group["count"]
    assert checked >= len(program.others) / 2


def test_one_that_computes(quiet):
    """A goroutine that runs is listed, and what is not known of its stack is said."""
    program = quiet("path", "static", "-busy")
    document = inspect(program.pid, "--for", "0").doc
    groups = [g for g in document["goroutines"]["groups"] if g["state"] in ("running", "runnable", "preempted")]
    assert sum(g["count"] for g in groups) >= 1
    started = [g for g in groups if g["started_at"] and g["started_at"]["function"] == "main.start"]
    assert len(started) == 1
    if not started[0]["complete"]:
        assert document["unread"]["stacks"] >= 1


def test_nothing_moves_in_the_target(quiet):
    """Looking changes nothing: the program neither stops nor gets a signal, and its list stays the same."""
    program = quiet()
    first = seep("inspect", "--goroutines", program.pid).stdout
    status = open(f"/proc/{program.pid}/status").read()
    assert "TracerPid:\t0" in status
    second = seep("inspect", "--goroutines", program.pid).stdout
    assert godump.parse(first) == godump.parse(second)
    assert program.target.truth()["goroutines"] > 0


def test_many(start):
    """A hundred thousand goroutines are all there, each once."""
    target = start("million-blocked", "-n", "100000")
    result = inspect(target.pid, "--for", "0")
    at_gate = [
        g for g in result.doc["goroutines"]["groups"] if "main.wait" in [f["function"] for f in g["frames"]]
    ]
    assert [g["count"] for g in at_gate] == [100000]
    (wait,) = at_gate[0]["waits_on"]
    assert (wait["receivers"], wait["senders"], wait["goroutines"]) == (100000, 0, 100000)
    text = seep("inspect", "--goroutines", "--for", "0", target.pid)
    assert len(godump.parse(text.stdout)) >= 100000
