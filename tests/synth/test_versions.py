"""Every release from 1.18 to 1.27, on amd64 and arm64: seep must say all that the world says, and nothing else."""
import os
import shutil

import pytest

from .conftest import EVERY, FEW, SOME, label
from .observe import check_memory, differences, group_of, inspect, seep
from .rich import rich_world
from .simple import look, simple_world


@pytest.mark.parametrize("release", EVERY, ids=label)
def test_everything(release, tmp_path):
    """All goroutines, stacks, waits, labels and deferred calls of a world in which everything happens."""
    version, arch = release
    world = rich_world(version, arch)
    exe, core = world.write(str(tmp_path))
    run = inspect(exe, core)
    assert run.status in (0, 1), str(run)
    document = run.doc
    wrong = differences(world, document)
    assert not wrong, "\n".join(wrong)
    check_memory(world, document)
    target = document["target"]
    assert target["kind"] == "core" and target["pid"] == world.pid and target["name"] == "shop"
    assert target["go_version"].removeprefix("go") == version and target["arch"] == arch
    assert target["main_module"] == "example.com/shop"
    assert (target["release"], target["release_source"]) == ("v1.4.2", "module")
    assert target["stripped"] and not target["position_independent"]
    assert document["pause_us"] == 0 and document["looks"] == 1
    assert document["unread"]["goroutines"] == document["unread"]["defers"] == document["unread"]["channels"] == 0
    assert document["unread"]["stacks"] <= 2, "one runs, the stack of one is being copied"


@pytest.mark.parametrize("release", EVERY, ids=label)
@pytest.mark.parametrize("count", [1, 8, 20])
def test_labels(release, count, tmp_path):
    """Profiler labels: up to 1.23 a map (its first bucket holds 8), since then a slice; at least eight are shown."""
    world = simple_world(*release)
    labels = {f"key{i}": f"value {i}" for i in range(count)}
    g = world.goroutine(20, frames=[world.work.site(14)], created_by=world.main.site(7), labels=labels)
    world.block(g, world.victim_chan, "receive")
    shown = group_of(look(world, tmp_path), 20)["labels"]
    assert len(shown) >= min(count, 8) and shown.items() <= labels.items()


@pytest.mark.parametrize("release", [("1.26", "amd64"), ("1.27", "arm64")], ids=label)
def test_pointers_hidden_from_the_collector(release, tmp_path):
    """While Go itself looks for leaked goroutines (1.26+) the pointer half of sudog.c and sudog.elem is nil."""
    world = simple_world(*release)
    world.point(world.block(world.victim, world.victim_chan, "send"), "c", world.victim_chan.address, hidden=True)
    g = world.goroutine(20, frames=[world.work.site(14)], created_by=world.main.site(7))
    mutex = world.mutex()
    world.point(world.lock(g, mutex), "elem", mutex + 4, hidden=True)
    look(world, tmp_path, healthy=(1, 7, 8, 20))


@pytest.mark.parametrize("release", EVERY, ids=label)
def test_position_independent(release, tmp_path):
    """The same from a position independent executable: relocated types, moduledata and, up to 1.25, tables."""
    world = rich_world(*release, pie=True)
    document = inspect(*world.write(str(tmp_path))).doc
    assert not differences(world, document)
    assert document["target"]["position_independent"]


@pytest.mark.parametrize("release", SOME, ids=label)
@pytest.mark.parametrize("pie", [False, True], ids=["exe", "pie"])
def test_with_file_pages(release, pie, tmp_path):
    """A core that also holds the pages of the file (coredump_filter with bit 2)."""
    world = rich_world(*release, pie=pie, file_pages=True)
    document = inspect(*world.write(str(tmp_path))).doc
    assert not differences(world, document)


@pytest.mark.parametrize("release", SOME, ids=label)
def test_relocated_words_only_in_rela(release, tmp_path):
    """A linker that leaves zeros in the file where words are relocated: what the process had in memory counts."""
    world = rich_world(*release, pie=True)
    world.image.in_place = False
    document = inspect(*world.write(str(tmp_path))).doc
    assert not differences(world, document)


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_many_mappings(arch, tmp_path):
    """70,000 mappings: more than the ELF header can count."""
    world = rich_world("1.26", arch)
    world.more_mappings = [(0x7e0000000000 + 0x2000 * i, 0x1000, "r--", b"") for i in range(70_000)]
    document = inspect(*world.write(str(tmp_path))).doc
    assert not differences(world, document)


@pytest.mark.parametrize("release", SOME, ids=label)
def test_wrappers(release, tmp_path):
    """`go f(x)` starts a wrapper made by the compiler (gowrap since 1.22): its frame and its place do not disturb."""
    world = simple_world(*release)
    gowrap = world.func("main.main.gowrap1", "/src/shop/main.go", 7, 32, lines=[7], funcid="wrapper", wraps=world.work)
    g = world.goroutine(20, frames=[world.work.site(14), gowrap.site()], created_by=world.main.site(7), start=gowrap,
                        parent=1 if world.minor >= 21 else 0)
    world.block(g, world.victim_chan, "send")
    group = group_of(look(world, tmp_path), 20)
    names = [f["function"] for f in group["frames"]]
    assert "main.work" in names and group["started_at"]["function"] == "main.main" and not group["system"]


@pytest.mark.parametrize("release", SOME, ids=label)
def test_with_symbols(release, tmp_path):
    """A symbol table changes nothing but the word about it."""
    world = rich_world(*release, stripped=False)
    document = inspect(*world.write(str(tmp_path))).doc
    assert not differences(world, document)
    assert not document["target"]["stripped"]


@pytest.mark.parametrize("release", EVERY, ids=label)
def test_text(release, tmp_path):
    """The text for people and the dump in Go's format hold every goroutine."""
    world = rich_world(*release)
    exe, core = world.write(str(tmp_path))
    text = seep("inspect", core, "--exe", exe, "--for", "0").out.decode()
    assert f"go{release[0]}" in text and "v1.4.2" in text
    dump = seep("inspect", core, "--exe", exe, "--for", "0", "--goroutines").out.decode()
    for g in world.goroutines:
        if not g.system:
            assert (f"goroutine {g.id} [" in dump) == (g.status not in ("dead", "deadextra")), f"goroutine {g.id}"


@pytest.mark.parametrize("release", SOME, ids=label)
def test_finds_the_executable(release, tmp_path):
    """The core file names its executable; if it was moved, --exe says where it is; another program is refused."""
    world = simple_world(*release)
    world.block(world.victim, world.victim_chan, "send")
    exe, core = world.write(str(tmp_path))
    assert seep("inspect", core, "--json", "--for", "0").status in (0, 1)
    moved = os.path.join(tmp_path, "elsewhere")
    os.mkdir(moved)
    shutil.move(exe, moved)
    assert b"--exe" in seep("inspect", core, "--json", "--for", "0").err
    assert inspect(os.path.join(moved, "shop"), core).status in (0, 1)
    other = simple_world("1.24" if release[0] != "1.24" else "1.22", release[1], pie=True).write(moved, "other")[0]
    assert seep("inspect", core, "--exe", other, "--for", "0").status == 2


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_release_to_come(arch, tmp_path):
    """A Go that nobody has seen: fields came in, so that all offsets of g moved, and wait reasons were renumbered."""
    def change(layouts):
        layouts.insert("runtime.g", "stack", "novelty", "[5]uintptr")
        layouts.insert("runtime.g", "goid", "another", "*runtime.g")
        layouts.insert("runtime.gobuf", "sp", "shadow", "uintptr")
        layouts.insert("runtime.hchan", "qcount", "created", "int64")
        layouts.insert("runtime.sudog", "g", "color", "uint32")
        layouts.insert("runtime._defer", "sp", "line", "uint64")
        layouts.insert("runtime.mspan", "list", "owner", "*runtime.m")
        layouts.extra_reasons = ["quantum wait", "tea break"]
    world = rich_world("1.29", arch, change_layouts=change)
    document = inspect(*world.write(str(tmp_path))).doc
    assert not differences(world, document)
    assert document["target"]["go_version"].removeprefix("go") == "1.29"


@pytest.mark.parametrize("version", ["1.21", "1.22", "1.24", "1.26"])
def test_experiments(version, tmp_path):
    """Experiments stand behind the version; they do not hinder."""
    world = rich_world(version, "amd64", go_version=f"go{version}.3 X:nogreenteagc,arenas")
    document = inspect(*world.write(str(tmp_path))).doc
    assert not differences(world, document)
    assert f"{version}.3" in document["target"]["go_version"]


def test_release_names(tmp_path):
    """Without a module version the release is the revision; without both the build id."""
    for more, source in (({}, "vcs"), ({"modified": True}, "vcs"), ({"revision": ""}, "build-id")):
        more["module_version"] = "(devel)"
        world = simple_world("1.25", "amd64", **more)
        target = inspect(*world.write(str(tmp_path))).doc["target"]
        assert target["release_source"] == source
        if source == "vcs":
            assert target["release"] == world.release


@pytest.mark.parametrize("release", FEW, ids=label)
def test_grouping(release, tmp_path):
    """5,000 goroutines at one place are one group; each of 50 channels has its hundred."""
    world = simple_world(*release)
    world.block(world.victim, world.victim_chan, "send")
    channels = [world.chan("int") for _ in range(50)]
    for index in range(5000):
        g = world.goroutine(100 + index, frames=[world.work.site(14)], created_by=world.main.site(8),
                            parent=1 if world.minor >= 21 else 0)
        world.block(g, channels[index % 50], "send")
    document = look(world, tmp_path)
    group = group_of(document, 100)
    assert group["count"] == 5000 and group["waits_on_total"] == 50
    assert all(w["senders"] == 100 and w["goroutines"] == 100 for w in group["waits_on"])
    assert document["goroutines"]["total"] == 5000 + 7
