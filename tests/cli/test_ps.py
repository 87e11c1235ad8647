"""The list of all Go processes on this machine."""

import json
import shutil
import subprocess
import time

import jsonschema
import pytest

from seepcli import SEEP, seep
from toolchain import REPO

ENOUGH = 1000
SCHEMA = json.loads((REPO / "docs" / "ps.schema.json").read_text())


def table():
    """The lines of `seep ps` as lists of cells, by process id. The mark stands before it."""
    result = seep("ps")
    assert result.status == 0 and result.stderr == "", str(result)
    heading, *lines = result.stdout.splitlines()
    assert heading.split() == ["PID", "NAME", "GO", "RELEASE", "STRIPPED", "UPTIME", "RSS", "GOROUTINES", "DEFERS"]
    found = {}
    for line in lines:
        words = line.split()
        for place, word in enumerate(words[:2]):
            if word.isdigit():
                found[int(word)] = (words[:place], line)
                break
    return found


def documents():
    """What `seep ps --json` prints, one line for each process, by process id."""
    result = seep("ps", "--json")
    assert result.status == 0 and result.stderr == "", str(result)
    read = [json.loads(line) for line in result.stdout.splitlines()]
    for document in read:
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert len({document["pid"] for document in read}) == len(read)
    return {document["pid"]: document for document in read}


@pytest.fixture
def two(start):
    """The same program stripped and not, with two numbers of goroutines."""
    return start("pool-workers", "-n", "777", "-every", "0"), start(
        "pool-workers", "-n", "333", "-every", "0", mode="symbols"
    )


def test_table(two, toolchain_or_skip):
    """Every Go program has a line, with its version and its goroutines; other programs have none."""
    version = toolchain_or_skip("path").version
    other = subprocess.Popen(["sleep", "60"])
    try:
        found = table()
        assert other.pid not in found
    finally:
        other.kill()
        other.wait()
    for target, stripped in zip(two, ("yes", "no")):
        mark, line = found[target.pid]
        words = line.split()
        assert mark in ([], ["?"])
        assert {"pool-workers", version, stripped, str(target.truth()["goroutines"])} <= set(words), line


def test_json(two, toolchain_or_skip):
    """The same for programs."""
    version = toolchain_or_skip("path").version
    found = documents()
    for target, stripped in zip(two, (True, False)):
        document = found[target.pid]
        assert document["name"] == "pool-workers"
        assert document["stripped"] is stripped
        assert document["go_version"] == version
        assert document["goroutines"] == target.truth()["goroutines"]
        assert document["mark"] in (None, "suspect") and document["problem"] is None
        assert 0 <= document["uptime_s"] <= time.time() - target.started + 1
        assert document["rss_bytes"] > 0


def test_marks_what_leaks(start):
    """What inspect would report has a mark, the clean twin has none."""
    leaky, clean = start("tale-defer", "-every", "1ms"), start("tale-defer-fixed", "-every", "1ms")
    leaky.wait_leaked(ENOUGH)
    found = documents()
    assert found[leaky.pid]["mark"] == "leak"
    assert found[clean.pid]["mark"] is None
    lines = table()
    assert lines[leaky.pid][0] == ["!"]
    assert lines[clean.pid][0] == []


def test_deferred_calls(start):
    """Pending deferred calls are counted."""
    target = start("defer-million", "-n", "12345")
    assert 12345 <= documents()[target.pid]["deferred_calls"] <= 12355


def test_many_processes(start):
    """Dozens of processes, some of which end meanwhile, are no trouble."""
    kept = [start("pool-workers", "-n", "3") for _ in range(40)]
    gone = [start("pool-workers", "-n", "3") for _ in range(5)]
    for target in gone:
        target.process.kill()
    found = documents()
    assert {target.pid for target in kept} <= set(found)


CROWD = """
echo 20000 > /proc/sys/kernel/ns_last_pid
"$1" -n 5 > "$3" & kept=$!
until grep -q ready "$3"; do sleep 0.05; done
echo 100 > /proc/sys/kernel/ns_last_pid
for i in 1 2 3; do (while :; do "$1" -n 2000 -life 20ms > /dev/null; done) & done
echo $kept
for i in $(seq 150); do "$2" ps --json; echo end; done
"""


def test_those_that_end_hide_no_other(root, build, tmp_path):
    """A process is listed though others of the same executable, with lower numbers, end while they are read."""
    unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    script = [*unshare, "sh", "-c", CROWD, "sh", build("pool-workers"), SEEP, tmp_path / "said"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("namespaces cannot be made here")
    done = subprocess.run(script, capture_output=True, text=True, timeout=300)
    kept, _, listings = done.stdout.partition("\n")
    found = [
        int(kept) in {json.loads(line)["pid"] for line in listing.splitlines()}
        for listing in listings.split("end\n")[:-1]
    ]
    assert len(found) == 150, done.stderr
    assert found.count(False) == 0
