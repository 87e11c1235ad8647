"""Both leaks are found in every build of a Go program: by release, and by the way it was built."""

import shutil
import subprocess

import pytest

from findings import find, is_at, is_true
from seepcli import inspect
from sources import place
from toolchain import EVERY_RELEASE, MODES

ENOUGH = 200
SHORT = [("path", mode) for mode in MODES] + [("1.19", "static"), ("1.27.3", "static")]
FULL = [(release, mode) for release in EVERY_RELEASE for mode in MODES if (release, mode) not in SHORT]


def check_build(start, toolchain_or_skip, toolchain, mode):
    """Starts both programs of the tale, inspects both at once, and holds the result against the truth."""
    go = toolchain_or_skip(toolchain)
    defers = start("tale-defer", "-every", "2ms", toolchain=toolchain, mode=mode)
    sends = start("tale-send", "-every", "2ms", toolchain=toolchain, mode=mode)
    before = defers.wait_leaked(ENOUGH), sends.wait_leaked(ENOUGH)
    result = inspect(defers.pid, sends.pid)
    after = defers.truth(), sends.truth()
    assert result.status == 1 and len(result.docs) == 2, str(result)
    by_pid = {document["target"]["pid"]: document for document in result.docs}
    pending = find(by_pid[defers.pid], "defer-in-loop", "main.poll")
    waiting = find(by_pid[sends.pid], "blocked-goroutines", "main.(*Agent).publish.func1")
    check_places(pending, waiting, mode)
    is_true(pending, before[0], after[0])
    is_true(waiting, before[1], after[1])
    for document in result.docs:
        target = document["target"]
        assert target["go_version"].split()[0] == go.version
        assert target["main_module"] == "example.com/seep-tests"
        assert target["stripped"] == (mode != "symbols")
        assert target["position_independent"] == mode.endswith("pie")
        assert document["unread"]["goroutines"] == document["unread"]["defers"] == document["unread"]["channels"] == 0
        assert len(document["findings"]) == 1


def check_places(pending, waiting, mode):
    """The places are those marked in the source. With -trimpath the file stands under its module."""
    if mode != "trimpath":
        is_at(pending["at"], "main.poll", "tale-defer/poll.go", "defer here")
        is_at(waiting["at"], "main.(*Agent).publish.func1", "tale-send/metrics.go", "send here")
        is_at(waiting["started_at"], "main.(*Agent).publish", "tale-send/metrics.go", "go here")
        return
    expected = [
        (pending["at"], "tale-defer/poll.go", "defer here"),
        (waiting["at"], "tale-send/metrics.go", "send here"),
        (waiting["started_at"], "tale-send/metrics.go", "go here"),
    ]
    for where, file, marker in expected:
        assert (where["file"], where["line"]) == (f"example.com/seep-tests/{file}", place(file, marker)[1])


@pytest.mark.parametrize("toolchain, mode", SHORT)
def test_build(start, toolchain_or_skip, toolchain, mode):
    """The usual toolchain in every mode, the oldest and the newest in short."""
    check_build(start, toolchain_or_skip, toolchain, mode)


@pytest.mark.matrix
@pytest.mark.parametrize("toolchain, mode", FULL)
def test_every_build(start, toolchain_or_skip, toolchain, mode):
    """All releases in all modes."""
    check_build(start, toolchain_or_skip, toolchain, mode)


def test_release_from_version_control(run, toolchain_or_skip, tmp_path):
    """What was built from a checked-in revision says which one."""
    if shutil.which("git") is None:
        pytest.skip("there is no git")
    go = toolchain_or_skip("path")
    (tmp_path / "go.mod").write_text("module example.com/released\n\ngo 1.18\n")
    (tmp_path / "main.go").write_text(
        'package main\n\nimport (\n\t"fmt"\n\t"time"\n)\n\n'
        'func main() {\n\tfmt.Println(`{"event":"ready"}`)\n\ttime.Sleep(time.Minute)\n}\n'
    )
    identity = ["-c", "user.name=seep", "-c", "user.email=seep@example.com", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True)
    go.run("build", "-buildvcs=true", "-ldflags=-s -w", "-o", "released", ".", cwd=tmp_path)
    target = inspect(run(tmp_path / "released").pid).doc["target"]
    assert target["main_module"] == "example.com/released"
    assert target["release_source"] in ("vcs", "module")
    assert target["release"] and (revision.stdout.strip()[:7] in target["release"])
