"""Who holds the heap: against marking without the holder, against what the program frees when it drops it, and against its memory."""

import os
import re
import signal
import subprocess

import pytest

import heapcheck
from seepcli import inspect, seep
from toolchain import EVERY_RELEASE

STACKS = (2048, 4096, 8192)  # of a goroutine that waits: the runtime chooses


def graph(core):
    """The lines of `heapcheck graph`, in parts."""
    done = subprocess.run([heapcheck.HEAPCHECK, "graph", core], text=True, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def line_of(doc, start):
    """The one line right under the whole whose name begins so."""
    lines = [line for line in doc["heap"]["holders"] if line["parent"] == 0 and line["name"].startswith(start)]
    assert len(lines) == 1, [line["name"] for line in doc["heap"]["holders"] if line["parent"] == 0]
    return lines[0]


def check_against_marking(lines):
    """The graph reaches what marking reaches, object for object, and each group holds what marking without it leaves out."""
    counts = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdigit()}
    assert counts["both"] > 500
    assert (counts["only_graph"], counts["only_marks"]) == (0, 0)
    groups = [(int(line[3]), int(line[5])) for line in lines if line[0] == "group"]
    assert groups and all(graph == marks for graph, marks in groups)
    return groups


def test_like_marking(start, gcore):
    """The zoo has every kind of object and root; the others have goroutines and deferred calls that hold much."""
    for program, *flags in [("heap-zoo", "-spin=0"), ("held",), ("held", "-kind=defers"), ("holders",), ("statics",)]:
        target = start(program, *flags)
        groups = check_against_marking(graph(gcore(target.pid)))
        assert program in ("heap-zoo", "statics") or max(groups)[0] > 1_000_000
        target.stop()


@pytest.mark.heap
@pytest.mark.parametrize("toolchain", EVERY_RELEASE)
def test_like_marking_in_every_release(start, gcore, toolchain):
    target = start("heap-zoo", "-spin=0", toolchain=toolchain)
    check_against_marking(graph(gcore(target.pid)))


def test_ways_exist(start, gcore):
    """Each step of a way is a pointer in the process's own memory, at the word that is told, into the next object."""
    checked = sum(check_steps(start(*program), gcore) for program in (("heap-zoo", "-spin=0"), ("statics",)))
    assert checked > 100


def check_steps(target, gcore):
    checked = 0
    with heapcheck.stopped(target.pid), open(f"/proc/{target.pid}/mem", "rb") as memory:
        for line in graph(gcore(target.pid)):
            steps = [step.split(":") for step in line[1:]] if line[0] == "path" else []
            for (_, at, _, offset), (_, to, size, _) in zip(steps, steps[1:]):
                if offset == "ffffffffffffffff":
                    continue  # goroutines and the runtime's own lists: no word tells
                memory.seek((int(at, 16) + int(offset, 16)) % 2**64)
                word = int.from_bytes(memory.read(8), "little")
                assert int(to, 16) <= word < int(to, 16) + int(size, 16), line
                checked += 1
    return checked


def check_freed(target, *options):
    """To one in a hundred: what the report says that each holder holds is what the program frees without it."""
    doc = inspect(target.pid, "--heap", "--for", "0", "--pause", "10s", *options).doc
    assert doc["heap"]["known"], doc["heap"]["why"]
    os.kill(target.pid, signal.SIGUSR2)
    freed = target.wait_for("freed")
    for name in ("main.cache", "main.history", "main.chain", "main.handler"):
        held = line_of(doc, name)["held_bytes"]
        assert abs(held - freed[name]) <= freed[name] / 100, (name, held, freed[name])
    line = line_of(doc, "goroutine at main.keep")
    assert min(abs(line["held_bytes"] - stack - freed["main.keep"]) for stack in STACKS) <= freed["main.keep"] / 100
    shared = doc["heap"]["holders"][0]["held_bytes"]
    assert shared == doc["heap"]["bytes"] + doc["heap"]["stack_bytes"]


def test_held_is_what_is_freed(start):
    check_freed(start("holders", mode="symbols"))


def test_parts_of_maps(start):
    """Buckets and tables hold what the map does but for its head; no type holds less than itself, and the ten largest have their way."""
    doc = inspect(start("holders", mode="symbols").pid, "--heap", "--for", "0", "--pause", "10s").doc
    types = {one["name"]: one for one in doc["heap"]["types"]}
    assert all(one["bytes"] <= one["held_bytes"] <= doc["heap"]["bytes"] for one in types.values())
    assert all(one["path"] for one in doc["heap"]["types"][:10])
    (of_cache,) = [name for name in types if name.startswith("map[string]*main.session")]
    buckets = types["map buckets of " + of_cache]
    held = line_of(doc, "main.cache")["held_bytes"]
    assert held * 0.99 <= buckets["held_bytes"] <= held, (buckets, held)
    assert buckets["path"] is None or buckets["path"].startswith("main.cache → map[string]*main.session"), buckets


def test_stripped(start):
    """Without names the same figures, and the variables are told by who uses them."""
    lines = {}
    for mode in ("symbols", "static"):
        target = start("holders", mode=mode)
        doc = inspect(target.pid, "--heap", "--for", "0", "--pause", "10s").doc
        lines[mode] = [line for line in doc["heap"]["holders"] if line["parent"] == 0 and line["kind"] == "variable"]
        target.stop()
    large = {mode: [line["held_bytes"] for line in lines[mode] if line["held_bytes"] > 100_000] for mode in lines}
    assert large["symbols"] == pytest.approx(large["static"], rel=0.01) and len(large["static"]) >= 4  # keys lie as they fall
    named = [line["name"] for line in lines["static"] if line["held_bytes"] > 100_000]
    assert all(name.startswith("variable at 0x") and name.endswith(" (used by main.fill)") for name in named), named


def view_of(start, mode, toolchain="path"):
    """What `statics` holds: the way to each of its types, and the variables that have objects of this type below them."""
    target = start("statics", mode=mode, toolchain=toolchain)
    doc = inspect(target.pid, "--heap", "--for", "0", "--pause", "10s").doc
    assert doc["heap"]["known"], doc["heap"]["why"]
    ways = {
        kind["name"]: re.sub(r"(\[\]\*main\.\w+)\[\d+\]", r"\1[…]", kind["path"] or "")
        for kind in doc["heap"]["types"] if kind["name"].startswith("main.")
    }
    lines, holders = doc["heap"]["holders"], {}
    for line in lines:
        top = line
        while top["parent"]:
            top = lines[top["parent"]]
        if line["kind"] == "objects" and line["name"].startswith("main."):
            holders.setdefault(line["name"], []).append(top["name"])
    return ways, holders


# From what the compiler and the linker gave a value, by way of objects in the data: any of these ways.
STATICS = {
    "main.entry": ["main.reg → main.registry.known → map[string]*main.entry[value] → main.entry"],
    "main.row": [f"main.store → main.memory.{field} → []*main.row[…] → main.row" for field in ("even", "other")],
    "main.fact": [f"main.srv → main.server.inner → main.part.{field} → map[int]*main.fact[value] → main.fact" for field in ("facts", "more")],
    "main.job": ["main.pending → main.queue.jobs → []*main.job[…] → main.job"],
    "main.trip": ["main.routes → []main.route[1].trips → []*main.trip[…] → main.trip"],
}


def check_statics(start, toolchain="path"):
    ways, holders = view_of(start, "symbols", toolchain)
    for name, wanted in STATICS.items():
        assert ways[name] in wanted, ways[name]
        assert holders[name] == [ways[name].split(" → ", maxsplit=1)[0]], name


def test_objects_in_the_data_belong_to_their_variables(start):
    """`var reg = &Registry{…}`: the registry has no symbol, and its type perhaps no descriptor. All of its words are main.reg's."""
    check_statics(start)


@pytest.mark.heap
@pytest.mark.parametrize("toolchain", EVERY_RELEASE)
def test_objects_in_the_data_in_every_release(start, toolchain):
    check_statics(start, toolchain)


def test_objects_in_the_data_of_stripped_programs(start):
    """Where an interface or a method tells the type."""
    ways, holders = view_of(start, "static")
    for name in ("main.row", "main.job"):
        variable, _, rest = ways[name].partition(" → ")
        assert re.fullmatch(r"variable at 0x[0-9a-f]+ \(used by main\.fill\)", variable), ways[name]
        assert rest in [way.partition(" → ")[2] for way in STATICS[name]], ways[name]
        assert holders[name] == [variable]


def test_fields_of_variables(start):
    """Structs, arrays, structs without a name; the word that leads on, not the one before it of the same type."""
    ways, _ = view_of(start, "symbols")
    assert ways["main.user"] == "main.app.users → map[int]*main.user[value] → main.user"
    assert ways["main.mark"] == "main.anon.b → map[string]*main.mark[value] → main.mark"
    assert ways["main.hit"] == "main.table[3].hits → []*main.hit[…] → main.hit"
    assert ways["main.box"] in GOODS


GOODS = [f"main.goods.{field} → []*main.box[…] → main.box" for field in ("boxes", "spare")]


def test_fields_of_variables_of_stripped_programs(start):
    """Where a method tells the type of the variable itself: it is one, not one for each word."""
    ways, holders = view_of(start, "static")
    named = re.sub(r"^variable at 0x[0-9a-f]+ \(used by main\.fill\)", "main.goods", ways["main.box"])
    assert named in GOODS, ways["main.box"]
    assert len(holders["main.box"]) == 1 and ways["main.box"].startswith(holders["main.box"][0])


@pytest.mark.heap
@pytest.mark.parametrize("toolchain", EVERY_RELEASE)
def test_held_is_what_is_freed_in_every_release(start, toolchain):
    check_freed(start("holders", toolchain=toolchain, mode="symbols"))


def test_groups_say_what_they_hold(start):
    """In JSON and with -v; a dump has it with --heap only, because Go's own has nothing of the kind."""
    target = start("holders")
    result = inspect(target.pid, "--heap", "--for", "0", "--pause", "10s")
    groups = [g for g in result.doc["goroutines"]["groups"] if any(f["function"] == "main.keep" for f in g["frames"])]
    held = line_of(result.doc, "goroutine at main.keep")["held_bytes"]
    assert held >= 1 << 20
    assert [g["held_bytes"] for g in groups] == [held]
    plain = seep("inspect", "-v", "--for", "0", "--pause", "10s", str(target.pid)).stdout
    (head,) = [line for line in plain.splitlines() if "stacks" in line and f"{held / (1 << 20):.1f} MiB held" in line]
    assert head.startswith("1 goroutine ")
    assert f"holds {held} bytes]:" in seep("inspect", "--goroutines", "--heap", "--for", "0", "--pause", "10s", str(target.pid)).stdout
    assert "holds" not in seep("inspect", "--goroutines", str(target.pid)).stdout


def test_closer(start):
    """--under shows what hangs on one variable, and nothing of the others."""
    target = start("holders", mode="symbols")
    plain = seep("inspect", "--under", "main.cache", "--for", "0", "--pause", "10s", str(target.pid)).stdout
    tree = plain[plain.index("held by"):]
    (top,) = [line for line in tree.splitlines() if line.endswith("  main.cache")]
    assert " 100 % " in top and "main.session ×2,000" in tree
    assert "main.chain" not in tree and "main.keep" not in tree
    plain = seep("inspect", "--under", "main.many", "--for", "0", "--pause", "10s", str(target.pid)).stdout
    tree = plain[plain.index("held by"):]
    assert all(f"[{count}]*int\n" in tree for count in range(1, 13)), tree  # each less than one in a hundred, and more than eight
    doc = inspect(target.pid, "--under", "main.many", "--for", "0", "--pause", "10s").doc
    assert "[12]*int" in {line["name"] for line in doc["heap"]["holders"]}
    assert "[12]*int" not in {line["name"] for line in inspect(target.pid, "--heap", "--for", "0", "--pause", "10s").doc["heap"]["holders"]}
    nothing = seep("inspect", "--under", "no such name", "--for", "0", "--pause", "10s", str(target.pid)).stdout
    assert "no line has that in its name" in nothing


def test_without_an_instant(start):
    """It is said that nothing is known, and why."""
    target = start("holders")
    doc = inspect(target.pid, "--heap", "--for", "0", "--pause", "0").doc
    assert not doc["heap"]["known"] and doc["heap"]["why"] and doc["heap"]["holders"] == []
