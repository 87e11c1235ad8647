"""--pprof: what Go's own tool reads in the file, against what the programs know of themselves."""

import os
import re
import subprocess

from seepcli import seep
from toolchain import find_toolchain

SIZES = 3000  # of each buffer that holders puts into main.cache
COUNT = 2000


def pprof(file, *arguments):
    go = find_toolchain("path")
    return go.run("tool", "pprof", *arguments, str(file))


def table(file, *arguments):
    """Name -> (flat, cum), as -top prints them, in plain units."""
    rows = {}
    for line in pprof(file, "-top", "-nodecount=100000", "-nodefraction=0", "-unit=B", *arguments).splitlines():
        found = re.fullmatch(r"\s*(\d+)B?\s+[\d.e-]+%\s+[\d.e-]+%\s+(\d+)B?\s+[\d.e-]+%\s+(.*)", line)
        if found:
            rows[found[3].removesuffix(" (inline)")] = (int(found[1]), int(found[2]))
    return rows


def profile(target, tmp_path, *arguments):
    file = tmp_path / "seep.pb.gz"
    result = seep("inspect", target.pid, "--pprof", file, "--for", "0", *arguments)
    assert result.status in (0, 1), str(result)
    assert os.listdir(tmp_path) == ["seep.pb.gz"]  # no file beside it is left
    return file, result


def test_what_a_variable_holds(start, tmp_path):
    """The map holds its buffers: as cum, since they are below it on the stacks; all stacks add up to what is live."""
    target = start("holders", f"-n={COUNT}", mode="symbols")
    file, result = profile(target, tmp_path, "--json")
    held = table(file)
    assert held["main.cache"][1] >= COUNT * SIZES
    assert held["main.cache"][1] < COUNT * SIZES * 1.2
    assert held["main.handler"][1] >= 5 << 20
    keep = [name for name in held if name.startswith("goroutine at main.keep")]
    assert len(keep) == 1 and held[keep[0]][1] >= COUNT * 1000
    heap = result.doc["heap"]
    assert sum(flat for flat, _ in held.values()) == heap["bytes"] + heap["stack_bytes"]
    objects = table(file, "-sample_index=inuse_objects")
    assert sum(flat for flat, _ in objects.values()) == heap["objects"]
    assert objects["main.cache"][1] >= 2 * COUNT


def test_every_line_holds_its_cum(start, tmp_path):
    """What the report says that a holder holds is what pprof adds up for it."""
    target = start("holders", mode="symbols")
    file, result = profile(target, tmp_path, "--json")
    held = table(file)
    for name in ("main.cache", "main.history", "main.chain", "main.handler"):
        line = next(line for line in result.doc["heap"]["holders"] if line["name"] == name and line["parent"] == 0)
        assert held[name][1] == line["held_bytes"]


def test_goroutines_and_deferred_calls(start, tmp_path):
    """The program piles up 500 deferred calls in one frame; the dump of Go's runtime has as many goroutines as the profile."""
    target = start("held", "-kind=defers")
    file, _ = profile(target, tmp_path)
    calls = table(file, "-sample_index=deferred_calls")
    assert calls["main.(*parcel).done"] == (500, 500)
    assert calls["main.pile"][1] >= 500
    goroutines = table(file, "-sample_index=goroutines")
    assert sum(flat for flat, _ in goroutines.values()) == len(re.findall(r"^goroutine ", seep("inspect", target.pid, "--goroutines").stdout, re.M))
    assert goroutines["main.pile"][1] == 1
    assert "held, pid" in pprof(file, "-comments")
    assert pprof(file, "-traces") and "Samples:" in pprof(file, "-raw")


def test_without_an_instant(start, tmp_path):
    """Without a pause there is no view of the heap; the rest is there, and the file says what is not."""
    target = start("held", "-kind=defers")
    file, _ = profile(target, tmp_path, "--pause", "0")
    assert "Type: goroutines" in pprof(file, "-top")
    assert "the heap is not in it" in pprof(file, "-comments")
    assert table(file, "-sample_index=deferred_calls")["main.(*parcel).done"] == (500, 500)


def test_errors(start, tmp_path):
    target = start("held", "-kind=defers")
    line = seep("inspect", target.pid, "-q", "--pprof", tmp_path / "none" / "file").error()
    assert "cannot be written" in line and "No such file" in line
    assert "one target" in seep("inspect", target.pid, os.getppid(), target.pid, "--pprof", tmp_path / "f").stderr
    assert os.listdir(tmp_path) == []
    kept = tmp_path / "kept"
    kept.mkdir()
    assert "kept" in seep("inspect", target.pid, "-q", "--pprof", kept).error()
    assert os.listdir(tmp_path) == ["kept"]
