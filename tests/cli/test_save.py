"""Snapshots: the same answers as from what was saved, elsewhere; nothing that they should leave out; and what is made of broken ones."""

import os
import random as numbers
import shutil
import stat

import pytest

from seepcli import inspect, seep
from snapshots import gcore, save, unpacked

# What differs between a core file and its snapshot because it must.
NAMES = ("kind", "saved_unix", "way", "read_s", "exe")
RELEASES = ("1.18.10", "1.20.14", "1.21.13", "path", "1.27.3")
TEXT = bytes(ord("A") + (i * 7 + 3) % 26 for i in range(512))  # as tests/programs/saved makes it
SENDERS = 40


def without(value, names=NAMES):
    if isinstance(value, dict):
        return {key: without(part, names) for key, part in value.items() if key not in names}
    return [without(part, names) for part in value] if isinstance(value, list) else value


def senders_of(document):
    """The groups that wait to send: as many goroutines as the program started."""
    groups = [g for g in document["goroutines"]["groups"] if any(f["function"] == "main.send" for f in g["frames"])]
    assert sum(group["count"] for group in groups) == SENDERS
    assert {group["wait_reason"] for group in groups} == {"chan send"}
    return groups


@pytest.mark.parametrize("name, options", [
    ("tale-send", ["-every", "1ms"]),
    ("tale-defer", ["-every", "1ms"]),
    ("proof-leaks", []),
    ("quiet-dump", ["-dump", "/dev/null", "-facts", "/dev/null"]),
    ("heap-zoo", []),
    ("saved", []),
    ("held", ["-kind", "defers", "-n", "500"]),
])
def test_as_the_core_file(start, tmp_path, name, options):
    """A core file and its snapshot, whose program is no longer there: not one word is different."""
    target = start(name, *options)
    core = gcore(target.pid, tmp_path / "core")
    target.stop()
    expected = inspect(core).doc
    snapshot = save(core, tmp_path / "saved.seep")
    core.rename(tmp_path / "away")
    assert without(inspect(snapshot).doc) == without(expected)
    for words in (["--goroutines"], ["--heap", "--json"]):
        theirs, ours = seep("inspect", tmp_path / "away", *words), seep("inspect", snapshot, *words)
        if "--json" in words:
            assert without(ours.docs) == without(theirs.docs)
        else:
            assert (ours.status, ours.stdout) == (theirs.status, theirs.stdout)


@pytest.mark.parametrize("release", RELEASES)
def test_elsewhere(build, run, tmp_path, release):
    """Of a live process; then it ends and its program is removed. The counts are the program's own."""
    program = tmp_path / "agent"
    shutil.copy(build("saved", release), program)
    target = run(program, "-n", str(SENDERS))
    snapshot = save(target.pid, tmp_path / "saved.seep")
    target.stop()
    program.unlink()
    document = inspect(snapshot).doc
    assert document["target"]["kind"] == "snapshot" and document["target"]["pid"] == target.pid
    assert document["proof"]["way"] == "snapshot" and document["proof"]["known"] and document["pause_us"] > 0
    groups = senders_of(document)
    channel = groups[0]["waits_on"][0]  # lies in the heap where no pointers are
    assert (channel["length"], channel["capacity"], channel["senders"]) == (3, 3, SENDERS)
    assert groups[0]["labels"] == {"customer": TEXT[:12].decode()}  # and so does the label's text


def test_leaves_texts_out(start, tmp_path):
    """What the program's users wrote is not in the file, though it is in the process."""
    target = start("saved")
    core = gcore(target.pid, tmp_path / "core")
    snapshot = save(target.pid, tmp_path / "saved.seep")
    piece = TEXT[26:26 + 64]
    assert core.read_bytes().count(piece) > 1000
    held = unpacked(snapshot)
    assert b"main.send" in held  # it is what was unpacked
    assert held.count(piece) == 0


def test_without_a_pause(start, tmp_path):
    """The process ran on: the counts are there, no proof is."""
    target = start("saved")
    result = seep("save", target.pid, "-o", tmp_path / "saved.seep", "--pause", "0")
    assert result.status == 0 and "not paused" in result.stdout
    document = inspect(tmp_path / "saved.seep").doc
    senders_of(document)
    assert not document["proof"]["known"] and document["pause_us"] == 0


def test_budget_too_small(start, tmp_path):
    """No snapshot is better than a pause that nobody allowed; the line says what would help."""
    target = start("saved")
    assert "--pause 0" in seep("save", target.pid, "-o", tmp_path / "saved.seep", "--pause", "0.001ms").error()
    assert os.listdir(tmp_path) == []


def test_the_file(start, tmp_path):
    """Its owner's alone; not replaced without a word; nothing else is left beside it."""
    target = start("saved")
    path = save(target.pid, tmp_path / "saved.seep")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert "--force" in seep("save", target.pid, "-o", path).error()
    assert path.read_bytes() == before
    save(target.pid, path, "--force", "--quiet")
    assert path.read_bytes() != before and stat.S_IMODE(path.stat().st_mode) == 0o600
    for wrong in (tmp_path, "/dev/null", tmp_path / "none" / "saved.seep"):
        seep("save", target.pid, "-o", wrong, "--force").error()
    assert "--exe" in seep("inspect", "--exe", "/bin/true", path).error()
    assert "already" in seep("save", path, "-o", tmp_path / "again.seep").error()
    assert os.listdir(tmp_path) == ["saved.seep"]


def test_nothing_half_written(start, tmp_path):
    """The disk is full (here: the largest file that may be is small): one line, and no file, nor another's loss."""
    target = start("saved")
    path = tmp_path / "saved.seep"
    for options in ([], ["--force"]):
        line = seep("save", target.pid, "-o", path, *options, prefix=["prlimit", "--fsize=100000"]).error()
        assert "saved.seep" in line and "too large" in line
        assert os.listdir(tmp_path) == ([] if not options else ["saved.seep"])
        path.write_bytes(b"older")
    assert path.read_bytes() == b"older"


@pytest.fixture
def snapshot(start, tmp_path):
    """A snapshot to be broken."""
    target = start("saved")
    path = save(target.pid, tmp_path / "saved.seep")
    target.stop()
    return path


def test_cut_off(snapshot, tmp_path):
    """Whatever is missing: one line."""
    whole = snapshot.read_bytes()
    broken = tmp_path / "broken.seep"
    for size in (9, 15, 16, 47, 48, 5000, len(whole) // 2, len(whole) - 33, len(whole) - 32, len(whole) - 1):
        broken.write_bytes(whole[:size])
        assert "cut off" in seep("inspect", broken).error(), size
    broken.write_bytes(whole[:7])
    seep("inspect", broken).error()


def test_newer(snapshot, tmp_path):
    """Of a seep that is not written yet."""
    whole = bytearray(snapshot.read_bytes())
    whole[8] = 2
    snapshot.write_bytes(whole)
    assert "newer seep" in seep("inspect", snapshot).error()


def test_damaged(snapshot, tmp_path):
    """A bit that fell over: one line, or it lies where nothing is read, and then the answer is the same."""
    whole = snapshot.read_bytes()
    expected = without(inspect(snapshot).doc)
    random = numbers.Random(6)
    places = [*range(0, 16), *range(len(whole) - 32, len(whole)), *(random.randrange(len(whole)) for _ in range(40))]
    refused = 0
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << random.randrange(8)
        snapshot.write_bytes(damaged)
        result = seep("inspect", "--json", snapshot)
        if result.status == 2:
            result.error()
            refused += 1
        else:
            assert without(result.doc) == expected, place
    assert refused >= len(places) * 3 // 4


def test_usage(tmp_path):
    """What is missing is said."""
    for words in ([], ["1"], ["-o", tmp_path / "x"], ["1", "2", "-o", tmp_path / "x"], ["1", "-o", tmp_path / "x", "--no"]):
        assert "seep help save" in seep("save", *words).error()
    seep("save", "no-such-process", "-o", tmp_path / "x").error()
    assert os.listdir(tmp_path) == []
