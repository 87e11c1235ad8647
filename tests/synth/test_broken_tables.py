"""Executables whose tables lie: pclntab, moduledata, type descriptors, build info."""
import struct

import pytest

from .conftest import FEW, label
from .gotypes import varint
from .observe import SEEP, frame_list, group_of, inspect, seep
from .pclntab import Inlined
from .simple import look, refuse, simple_world

each_release = pytest.mark.parametrize("release", FEW, ids=label)
HUGE = [1 << 40, (1 << 64) - 1]


def blocked(release, **more):
    """A world whose victim waits to send; not finished: tables can still be bent."""
    world = simple_world(*release, **more)
    world.block(world.victim, world.victim_chan, "send")
    return world


# ---- pclntab

@each_release
@pytest.mark.parametrize("field,value", [
    ("nameoff", 0x7fffffff), ("nameoff", -1), ("nameoff", 1 << 20), ("pcsp", 0x7fffffff), ("pcsp", 0xffffffff),
    ("pcfile", 0x7fffffff), ("pcln", 0x7fffffff), ("pcln", 0), ("pcfile", 0), ("pcsp", 0), ("npcdata", 0xffffffff),
    ("npcdata", 1 << 20), ("nfuncdata", 255), ("cuoffset", 0xffffffff), ("cuoffset", 1 << 20), ("startline", -5),
    ("entryoff", 0xffffffff), ("deferreturn", 0xffffffff), ("funcid", 255), ("flag", 255)])
def test_function_record(release, field, value, tmp_path):
    """One field of the victim's _func is nonsense."""
    world = blocked(release)
    world.work.override[field] = value
    look(world, tmp_path)


@each_release
@pytest.mark.parametrize("name,table", [
    ("endless", b"\x02\x01" * 4000 + b"\x02"), ("varint", b"\xff" * 30),
    ("negative", varint(0x7f) + varint(200) + b"\0"),
    ("huge", varint(0x7ffffffe) + varint(200) + b"\0"), ("small", varint(2) + varint(200) + b"\0"),
    ("odd", varint(2 * 14) + varint(200) + b"\0"), ("empty", b"\0"), ("no progress", b"\x10\x00\x11\x00" * 50 + b"\0")])
@pytest.mark.parametrize("which", ["pcsp", "pcln", "pcfile"])
def test_value_table(release, name, table, which, tmp_path):
    """A pc-value table that never ends, has values below zero or beyond reason, or is none at all."""
    world = blocked(release)
    world.work.raw[which] = table
    look(world, tmp_path)


@each_release
def test_table_runs_off_the_end(release, tmp_path):
    """The last pc-value table has no end within the tables."""
    world = blocked(release)

    def cut(tables):
        start = tables.offsets[3]
        end = start + len(tables.pctab)
        tables.data[end - 3:end] = b"\xff\xff\xff"
    world.image.tweak_tables = cut
    look(world, tmp_path, healthy=(), may_refuse=True)


def with_inlined(release):
    """A victim in a call that was inlined into another that was inlined."""
    world = simple_world(*release)
    outer = Inlined("main.outer", "/src/shop/outer.go", 60, [64], at=51)
    inner = Inlined("main.inner", "/src/shop/inner.go", 70, [72], at=62, parent=outer)
    world.holder = world.func("main.holder", "/src/shop/holder.go", 50, 64, lines=[55], inlined=[outer, inner])
    g = world.goroutine(20, frames=[world.holder.site(72)], created_by=world.main.site(7))
    world.block(g, world.victim_chan, "send")
    world.block(world.victim, world.victim_chan, "send")
    return world, outer, inner


@each_release
@pytest.mark.parametrize("which", ["outer", "inner"])
@pytest.mark.parametrize("field,value", [
    ("parentpc", "self"), ("parentpc", "other"), ("parentpc", -1), ("parentpc", 0x7fffffff), ("nameoff", 0x7fffffff),
    ("nameoff", -7), ("parent", "self"), ("parent", 300)])
def test_inline_tree(release, which, field, value, tmp_path):
    """An inlined call that is its own caller, or whose caller or name is out of range."""
    world, outer, inner = with_inlined(release)
    bent, other = (outer, inner) if which == "outer" else (inner, outer)
    in_itself = {"parentpc": {"self": bent, "other": other}.get(value)}.get(field)
    if in_itself:  # the pc of a call within the inlined body: its caller is then this body
        value = next(s for s in world.holder.sites.values() if s.inlined is in_itself).start - world.holder.entry
    elif value == "self":
        value = world.holder.inlined.index(bent)
    bent.override[field] = value
    look(world, tmp_path, healthy=(1, 7, 8))


@each_release
@pytest.mark.parametrize("table", [varint(2 * 5000) + varint(200) + b"\0", varint(2 * 0x3fffffff) + varint(200) + b"\0",
                                   varint(0x31) + varint(200) + b"\0"])
def test_inline_index(release, table, tmp_path):
    """An index into the inline tree that the tree does not have."""
    world, _, _ = with_inlined(release)
    world.holder.raw["inlindex"] = table
    look(world, tmp_path, healthy=(1, 7, 8))


@each_release
@pytest.mark.parametrize("slots", [[0xffffffff] * 3, [8] * 255, [1 << 30, 0, 7]])
@pytest.mark.parametrize("bits", [0, 17, 1 << 31, 0xffffffff])
def test_open_coded_info(release, bits, slots, tmp_path):
    """Open-coded defers whose bits and slots lie outside the frame."""
    world = simple_world(*release)
    coded = world.func("main.coded", "/src/shop/coded.go", 50, 64, lines=[55], deferreturn=True,
                       open_defers=(bits, slots))
    g = world.goroutine(20, frames=[coded.site()], created_by=world.main.site(7))
    world.sleep(g)
    look(world, tmp_path)


@each_release
@pytest.mark.parametrize("offset", [0, 4, 6, 7, 8, 16, 32, 40, 48, 56, 64])
@pytest.mark.parametrize("value", [0, (1 << 64) - 1])
def test_header(release, offset, value, tmp_path):
    """Each word of pclntab's header set to nothing or all ones."""
    world = blocked(release)
    width = {0: 4, 4: 2, 6: 1, 7: 1}.get(offset, 8)

    def bend(tables):
        tables.data[offset:offset + width] = (value & (1 << 8 * width) - 1).to_bytes(width, "little")
    world.image.tweak_tables = bend
    look(world, tmp_path, healthy=(), may_refuse=True)


@each_release
@pytest.mark.parametrize("magic", [0xfffffffa, 0xfffffffb, 0xfffffff2])
def test_other_format(release, magic, tmp_path):
    """Tables of Go before 1.18 are refused; those of a Go to come are tried."""
    world = blocked(release)
    world.image.tweak_tables = lambda tables: struct.pack_into("<I", tables.data, 0, magic)
    if magic < 0xfffffff2:
        refuse(world, tmp_path)
    else:
        look(world, tmp_path, healthy=(1, 8) if world.minor >= 20 else (), may_refuse=True)


@each_release
@pytest.mark.parametrize("seed", range(8))
def test_functab_is_shuffled(release, seed, tmp_path):
    """A function table that is not in order, has wild offsets, or entries that are all the same."""
    world = blocked(release)

    def bend(tables):
        at, count = tables.offsets[4], len(tables.functions)
        words = list(struct.unpack_from(f"<{2 * count}I", tables.data, at))
        if seed == 0:
            words.reverse()
        elif seed == 1:
            words[0::2] = [0] * count
        elif seed == 2:
            words[1::2] = [0xffffffff] * count
        elif seed == 3:
            words[0::2] = [0xffffffff] * count
        elif seed == 4:
            words[1::2] = [len(tables.pclntable) - 1] * count
        elif seed == 5:
            words[1::2] = [0] * count
        else:
            words = [(w * 2654435761 * seed) & 0xffffffff for w in words]
        struct.pack_into(f"<{2 * count}I", tables.data, at, *words)
    world.image.tweak_tables = bend
    look(world, tmp_path, healthy=(), may_refuse=True)


# ---- moduledata

@each_release
@pytest.mark.parametrize("value", [0] + HUGE)
def test_moduledata(release, value, tmp_path):
    """Each of moduledata's addresses and lengths, one after the other, is nothing or beyond all bounds."""
    layout = simple_world(*release).layouts.struct("runtime.moduledata")
    words = [offset for _, _, offset in layout.fields]
    words += [offset + 8 for _, kind, offset in layout.fields if kind.startswith("[]")]
    for offset in sorted(set(w for w in words if w % 8 == 0)):
        world = blocked(release).finish()
        world.memory.u64(world.image.moduledata + offset, value)
        exe, core = world.write(str(tmp_path))
        inspect(exe, core)


@each_release
def test_moduledata_is_missing(release, tmp_path):
    """Nothing points to pclntab: no program that can be read."""
    world = blocked(release).finish()
    world.memory.write(world.image.moduledata, bytes(world.layouts.size("runtime.moduledata")))
    refuse(world, tmp_path)


# ---- types

@each_release
@pytest.mark.parametrize("name", ["runtime.g", "runtime.sudog", "runtime.hchan", "runtime._defer"])
def test_descriptor_is_missing(release, name, tmp_path):
    """Without the descriptor of a struct that it needs seep says which one, and ends."""
    world = blocked(release)
    for (text, _), address in world.types.names.items():
        if text == f"*{name}":
            world.memory.write(address + 2, b"*nothing"[:len(text)].ljust(len(text), b"?"))
    assert name in refuse(world, tmp_path)


@each_release
@pytest.mark.parametrize("field", ["goid", "sched", "atomicstatus", "_defer", "stack"])
def test_field_is_missing(release, field, tmp_path):
    """A release that has no such field: seep names it."""
    world = blocked(release)
    place = world.types.places["runtime.g"][field]
    name = world.types.name("x" + field[1:])
    world.memory.u64(place, name)
    assert field in refuse(world, tmp_path)


@each_release
@pytest.mark.parametrize("offset,name", [(0, "size"), (8, "pointer bytes"), (48, "package"), (56, "fields"),
                                         (64, "field count")])
@pytest.mark.parametrize("value", [0, 1 << 40, (1 << 64) - 1, 0x7fffdeadb000])
def test_descriptor(release, offset, name, value, tmp_path):
    """runtime.g's descriptor with an absurd size, field count or field list."""
    world = blocked(release)
    world.memory.u64(world.types.known["runtime.g"] + offset, value)
    look(world, tmp_path, healthy=(), may_refuse=True)


@each_release
@pytest.mark.parametrize("word", [0, 8, 16])
@pytest.mark.parametrize("value", [0, 3, 1 << 40, (1 << 64) - 1, "self"])
def test_struct_field(release, word, value, tmp_path):
    """Name, type and offset of the field g.sched; its type is runtime.g itself."""
    world = blocked(release)
    value = world.types.known["runtime.g"] if value == "self" else value
    world.memory.u64(world.types.places["runtime.g"]["sched"] + word, value)
    look(world, tmp_path, healthy=(), may_refuse=True)


@each_release
@pytest.mark.parametrize("value", [0, 0x7fffffff, 0xffffffff, "long"])
def test_type_name(release, value, tmp_path):
    """The channel's element type has a name out of range, or one that says it is 2^60 bytes long."""
    world = blocked(release)
    at = world.types.known["*main.Job"]
    if value == "long":
        world.memory.write(world.types.name("*main.Job") + 1, varint(1 << 60))
    else:
        world.memory.u32(at + 40, value)
    look(world, tmp_path, may_refuse=True)


# ---- build info

@each_release
@pytest.mark.parametrize("name,tail", [
    ("no strings", b""), ("zero", b"\0\0"), ("2^63", varint(1 << 63) + b"go1.23"), ("never ends", b"\xff" * 64),
    ("longer than the section", varint(1 << 20) + b"go1.23"), ("not UTF-8", b"\x06go1\xff\xfe\x80\0"),
    ("escapes", b"\x0ago1.23\x1b[2J\0"), ("module only", b"\0" + varint(40) + b"x" * 40),
    ("second is absurd", b"\x06go1.23" + varint((1 << 64) - 1))])
def test_build_info(release, name, tail, tmp_path):
    """Build info with absurd lengths: the layouts come from the descriptors, so that all else is still told."""
    world = blocked(release)
    info = world.image.buildinfo
    info.bytes[32:] = tail.ljust(len(info.bytes) - 32, b"\0")
    look(world, tmp_path, may_refuse=True)


@each_release
@pytest.mark.parametrize("what", ["missing", "pointers", "odd"])
def test_build_info_form(release, what, tmp_path):
    """No build info; the form of before 1.18, with pointers; the magic at an odd place."""
    world = blocked(release)
    info = world.image.buildinfo
    if what == "missing":
        info.bytes[:] = bytes(len(info.bytes))
    elif what == "pointers":
        info.bytes[14:32] = b"\x08\x00" + struct.pack("<QQ", 0xdeadbeef, (1 << 64) - 1)
    else:
        info.bytes[:] = bytes(8) + info.bytes[:-8]
    look(world, tmp_path, may_refuse=True)


# ---- wait reasons

@each_release
@pytest.mark.parametrize("length,where", [(1 << 40, None), (60, None), (5, 0), (5, 0x7fffdeadb000), (9, "escape")])
def test_wait_reasons(release, length, where, tmp_path):
    """An entry of the table of wait reasons is absurd, nowhere, or has an escape sequence in it."""
    world = blocked(release)
    entry = world.reasons_at + 16 * world.reasons.index("chan send")
    if where == "escape":
        where = world.image.string("\x1b[31mred\x1b[0m")
    if where is not None:
        world.memory.u64(entry, where)
    world.memory.u64(entry + 8, length)
    look(world, tmp_path, healthy=())


@each_release
def test_no_wait_reasons(release, tmp_path):
    """Without the table all but the words is told."""
    world = blocked(release)
    world.memory.write(world.reasons_at, bytes(16 * len(world.reasons)))
    document = look(world, tmp_path, healthy=())
    assert "main.work" in [f[0] for f in frame_list(group_of(document, 7))]


# ---- names

UGLY = [b"main.\x1b[31mred\x1b[0m", b"main.\xff\xfe\x80bad", b"main.tab\tand\nline\r", b"main.\xc2\x9b31m", b"",
        b"main.\xe2\x80\xae" + b"rtl", b"main." + b"x" * 70000, b"main.\x7f\x01\x02\x08", b'main."quote\\" & <b>']


@each_release
@pytest.mark.parametrize("ugly", UGLY, ids=range(len(UGLY)))
def test_ugly_names(release, ugly, tmp_path):
    """Functions, files, labels, elements, module with escape sequences and broken UTF-8: all is shown escaped."""
    world = blocked(release, module="example.com/\x1b[32mshop\x07")
    bad = world.func(ugly, b"/src/" + ugly, 5, 64, lines=[7])
    labels = {"k" + repr(ugly[:9]): b"\x1b[1m" + ugly[:40]}
    g = world.goroutine(20, frames=[bad.site()], created_by=bad.site(), labels=labels)
    world.types.struct("main.Ugly", [("a", "int")])
    channel = world.chan("main.Ugly")
    name = world.types.name("*main.Ugly", 1)
    world.memory.write(name + 2, b"*main.\x1b[U\xff"[:10].ljust(10, b"y"))
    world.block(g, channel, "send")
    world.defer(g, g.frame(ugly), bad, bad.site())
    document = look(world, tmp_path)
    shown = frame_list(group_of(document, 20))
    assert not any("\x1b" in (f[0] or "") or "\x1b" in (f[1] or "") for f in shown)


def test_is_seep():
    """The binary under test says its name."""
    assert seep("--version").status == 0, SEEP
