"""The writer itself, held against readers that are not seep: readelf and Go's own tools, where they are installed."""
import re
import shutil
import struct
import subprocess

import pytest

from .conftest import EVERY, label
from .corpus import write_corpus
from .layouts import Layouts
from .rich import rich_world
from .simple import simple_world


def run(*command):
    """Output of a command that must succeed, both channels."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def installed_minor():
    """Minor version of the Go toolchain on PATH; 99 if it is not a release."""
    found = re.search(r"go1\.(\d+)", run("go", "env", "GOVERSION"))
    return int(found[1]) if found else 99


@pytest.mark.skipif(not shutil.which("readelf"), reason="no readelf")
@pytest.mark.parametrize("release", EVERY, ids=label)
@pytest.mark.parametrize("pie", [False, True], ids=["exe", "pie"])
def test_readelf(release, pie, tmp_path):
    """readelf finds nothing to complain about, and the notes of the core are what they should be."""
    exe, core = rich_world(*release, pie=pie).write(str(tmp_path))
    assert "arning" not in run("readelf", "-aW", exe) and "rror" not in run("readelf", "-hSlW", exe)
    notes = run("readelf", "-hlW", core)
    assert "CORE (Core file)" in notes and "arning" not in notes


@pytest.mark.skipif(not shutil.which("go"), reason="no Go toolchain")
@pytest.mark.parametrize("pie", [False, True], ids=["exe", "pie"])
@pytest.mark.parametrize("version", ["1.18", "1.20", "1.25", "1.26", "1.27"])
def test_go_reads_it(version, pie, tmp_path):
    """`go version -m` reads the build info; `go tool nm` and `go tool addr2line` read symbols and pclntab."""
    if int(version[2:]) >= 20 and installed_minor() < 20:
        pytest.skip("tables since 1.20 are not known to this toolchain")
    world = simple_world(version, "amd64", pie=pie, stripped=False)
    exe, _ = world.write(str(tmp_path))
    assert f"go{version}" in run("go", "version", exe)
    details = run("go", "version", "-m", exe)
    assert "example.com/shop\tv1.4.2" in details and "vcs.revision=7f3c2e1" in details
    assert " main.work" in run("go", "tool", "nm", exe)
    site = world.work.site(15)
    done = subprocess.run(["go", "tool", "addr2line", exe], input=f"{site.start - world.image.bias:#x}\n", text=True,
                          capture_output=True, timeout=60)
    assert done.stdout.splitlines() == ["main.work", "/src/shop/work.go:15"], done.stderr


def test_stack_of_a_sender():
    """The words on a stack, spelled out: amd64 pushes return addresses above the frame, arm64 LR below it."""
    for arch in ("amd64", "arm64"):
        world = simple_world("1.23", arch)
        g = world.witness
        names = [f.site.function.name for f in g.frames]
        assert names == ["main.other", "runtime.chansend1", "runtime.chansend", "runtime.gopark"]
        for inner, outer in zip(g.frames[1:], g.frames):
            where = inner.sp + inner.size if arch == "amd64" else inner.sp
            assert world.memory.word(where) == outer.site.pc
            assert outer.sp == inner.sp + inner.size + (8 if arch == "amd64" else 0)
        goexit = world.std("runtime.goexit").function
        first = g.frames[0]
        assert world.memory.word(first.sp + first.size if arch == "amd64" else first.sp) == goexit.entry + world.quantum


def test_embedded_bit_of_118():
    """Through 1.18 a field's third word is offset<<1 | embedded."""
    for version, shift in (("1.18", 1), ("1.19", 0)):
        world = simple_world(version, "amd64")
        at = world.types.places["runtime.g"]["goid"]
        word = struct.unpack("<Q", world.memory.at(at).read(at + 16, 8))[0]
        assert word == world.layouts.offset("runtime.g", "goid") << shift


def test_inserted_field_moves_all_others():
    """Layouts.insert keeps the fields before and moves those behind."""
    before, after = Layouts("1.27", "amd64"), Layouts("1.27", "amd64")
    after.insert("runtime.g", "stack", "novelty", "[5]uintptr")
    assert after.offset("runtime.g", "stack.hi") == before.offset("runtime.g", "stack.hi")
    assert after.offset("runtime.g", "goid") == before.offset("runtime.g", "goid") + 40
    assert after.size("runtime.g") == before.size("runtime.g") + 40


def test_corpus(tmp_path):
    """The seeds for the fuzz targets are written, none of them big."""
    assert write_corpus(str(tmp_path)) >= 80
    assert all(f.stat().st_size < 1 << 20 for f in tmp_path.rglob("*") if f.is_file())
