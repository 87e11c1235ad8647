"""Executables and cores that were cut off, bent or mixed up: never a signal, never a hang; 0, 1, or 2 with a line."""
import os
import random
import struct

import pytest

from .conftest import FEW, FLIPS, SOME, label
from .observe import inspect, seep
from .rich import rich_world
from .simple import simple_world

each_release = pytest.mark.parametrize("release", FEW, ids=label)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """(exe bytes, core bytes, directory) of a rich world, once for each release; the core finds its exe by --exe."""
    made = {}

    def make(release):
        if release not in made:
            directory = tmp_path_factory.mktemp("rich")
            exe, core = rich_world(*release).write(str(directory))
            with open(exe, "rb") as first, open(core, "rb") as second:
                made[release] = first.read(), second.read(), str(directory)
        return made[release]
    return make


def try_files(directory, exe, core):
    """Writes a pair under other names and looks at it."""
    exe_path, core_path = os.path.join(directory, "bent"), os.path.join(directory, "bent.core")
    with open(exe_path, "wb") as file:
        file.write(exe)
    with open(core_path, "wb") as file:
        file.write(core)
    return inspect(exe_path, core_path)


def headers(image):
    """[(offset of the program header, type, offset, file size)]"""
    start, count = struct.unpack_from("<Q", image, 32)[0], struct.unpack_from("<H", image, 56)[0]
    out = []
    for index in range(count):
        at = start + 56 * index
        kind, offset, size = struct.unpack_from("<I", image, at)[0], *struct.unpack_from("<Q", image, at + 8), \
            struct.unpack_from("<Q", image, at + 32)[0]
        out.append((at, kind, offset, size))
    return out


@each_release
def test_core_cut_at_boundaries(release, files):
    """The core ends where a segment begins, ends, or in its middle."""
    exe, core, directory = files(release)
    cuts = {0, 1, 16, 63, 64, 65, 120}
    for at, _, offset, size in headers(core):
        cuts |= {at, at + 20, offset, offset + 1, offset + size // 2, offset + size - 1, offset + size}
    for cut in sorted(c for c in cuts if c < len(core)):
        try_files(directory, exe, core[:cut])


@each_release
def test_cut_at_random(release, files):
    """The core or the executable ends somewhere."""
    exe, core, directory = files(release)
    chance = random.Random(repr(release))
    for _ in range(12):
        try_files(directory, exe, core[:chance.randrange(len(core))])
        try_files(directory, exe[:chance.randrange(len(exe))], core)


@pytest.mark.parametrize("seed", range(10))
def test_flipped_bytes(seed, files):
    """Some bytes at random places are others: in the core, in the executable, or in both."""
    chance = random.Random(seed)
    for _ in range(max(1, FLIPS // 10)):
        exe, core, directory = files(chance.choice(SOME))
        pair = [bytearray(exe), bytearray(core)]
        for image in chance.choice((pair[:1], pair[1:], pair)):
            for _ in range(chance.choice((1, 3, 30, 300))):
                image[chance.randrange(len(image))] = chance.choice((0, 0xff, 0x80, chance.randrange(256)))
        try_files(directory, *map(bytes, pair))


@pytest.mark.parametrize("seed", range(10))
def test_flipped_where_it_counts(seed, files):
    """Bytes are flipped where there are some: not in the zeros, which make up most of the files."""
    chance = random.Random(1000 + seed)
    for _ in range(max(1, FLIPS // 10)):
        exe, core, directory = files(chance.choice(SOME))
        pair = [bytearray(exe), bytearray(core)]
        image = chance.choice(pair)
        full = [i for i in range(0, len(image), 8) if any(image[i:i + 8])]
        for _ in range(chance.choice((1, 2, 8))):
            at = chance.choice(full)
            value = chance.choice((0, 1, (1 << 64) - 1, 1 << 40, struct.unpack_from("<Q", image, at)[0] + 8,
                                   struct.unpack_from("<Q", image, chance.choice(full))[0]))
            struct.pack_into("<Q", image, at, value & (1 << 64) - 1)
        try_files(directory, *map(bytes, pair))


@each_release
@pytest.mark.parametrize("which", ["exe", "core"])
def test_program_headers(release, which, files):
    """Each word of each program header beyond all bounds."""
    exe, core, directory = files(release)
    image = exe if which == "exe" else core
    for at, _, _, _ in headers(image):
        for offset, width in ((0, 4), (4, 4), (8, 8), (16, 8), (32, 8), (40, 8), (48, 8)):
            value = (1 << 64) - 1 if (at // 56 + offset) % 2 else 1 << 63
            bent = bytearray(image)
            bent[at + offset:at + offset + width] = value.to_bytes(8, "little")[-width:]
            try_files(directory, *((bytes(bent), core) if which == "exe" else (exe, bytes(bent))))


@each_release
def test_section_headers(release, files):
    """Section headers of the executable with absurd places, sizes and names; and none at all."""
    exe, core, directory = files(release)
    start, count = struct.unpack_from("<Q", exe, 40)[0], struct.unpack_from("<H", exe, 60)[0]
    for index in range(count):
        for offset, width in ((0, 4), (4, 4), (16, 8), (24, 8), (32, 8)):
            bent = bytearray(exe)
            at = start + 64 * index + offset
            bent[at:at + width] = b"\xff" * width
            try_files(directory, bytes(bent), core)
    bent = bytearray(exe)
    bent[40:48], bent[58:64] = bytes(8), bytes(6)
    assert try_files(directory, bytes(bent), core).status in (0, 1, 2)


def notes_of(core):
    """(start, size) of the notes."""
    return next((offset, size) for _, kind, offset, size in headers(core) if kind == 4)


@each_release
def test_notes(release, files):
    """Notes with absurd sizes, each in turn; and a core without any."""
    exe, core, directory = files(release)
    start, size = notes_of(core)
    at = start
    while at < start + size:
        names, length = struct.unpack_from("<II", core, at)
        for offset, value in ((0, 0xffffffff), (4, 0xffffffff), (4, 0), (4, 4), (8, 0x46494c45), (0, 0), (8, 1)):
            bent = bytearray(core)
            struct.pack_into("<I", bent, at + offset, value)
            try_files(directory, exe, bytes(bent))
        at += 12 + (names + 3) // 4 * 4 + (length + 3) // 4 * 4
    bent = bytearray(core)
    bent[start:start + size] = bytes(size)
    try_files(directory, exe, bytes(bent))


@each_release
def test_file_note(release, files):
    """NT_FILE that counts more files than it has, and with ranges that overlap all there is."""
    exe, core, directory = files(release)
    at = core.index(struct.pack("<I", 0x46494c45) + b"CORE\0") + 12
    for word, value in ((0, 1 << 60), (0, (1 << 64) - 1), (0, 1000), (8, 0), (8, 1 << 63), (16, 0), (24, (1 << 64) - 1),
                        (32, 1 << 62)):
        bent = bytearray(core)
        struct.pack_into("<Q", bent, at + word, value)
        try_files(directory, exe, bytes(bent))


@each_release
def test_file_header(release, files):
    """Each byte of both ELF headers, zero and all ones."""
    exe, core, directory = files(release)
    for at in range(64):
        for value in (0, 0xff):
            bent = bytearray(core)
            bent[at] = value
            try_files(directory, exe, bytes(bent))
            bent = bytearray(exe)
            bent[at] = value
            try_files(directory, bytes(bent), core)


def test_mixed_up(tmp_path, files):
    """Not a core, not an executable, the two exchanged, of another machine, empty, a directory, not there."""
    exe, core, directory = files(("1.23", "amd64"))
    other_exe, other_core, _ = files(("1.25", "arm64"))
    for pair in ((core, exe), (exe, exe), (core, core), (other_exe, core), (exe, other_core), (b"", core), (exe, b""),
                 (b"\x7fELF", core), (exe, b"\x7fELF"), (b"#!/bin/sh\n", core), (exe, b"x" * 5000)):
        assert try_files(directory, *pair).status == 2
    exe_path, core_path = simple_world("1.24", "amd64").write(str(tmp_path))
    for arguments in ((str(tmp_path), "--exe", exe_path), (core_path, "--exe", str(tmp_path)),
                      (core_path, "--exe", core_path + "x"), (core_path + "x", "--exe", exe_path), (exe_path,)):
        assert seep("inspect", *arguments, "--for", "0").status == 2, arguments


UGLY = ["/srv/\x1b[31mred\x1b[0m/shop", "/srv/a\nb/shop", "/srv/\udcff\udcfe/shop", "/srv/" + "x" * 3000, "", "shop",
        "/srv/\x9b31m\u202eshop (deleted)"]


@pytest.mark.parametrize("path", UGLY, ids=range(len(UGLY)))
def test_ugly_paths(path, tmp_path):
    """The path in the core has escape sequences, a line feed, broken UTF-8: the line that says so is one line."""
    world = simple_world("1.25", "amd64")
    exe, core = world.write(str(tmp_path))
    with open(exe, "rb") as file:
        data = file.read()
    with open(core, "wb") as file:
        file.write(world.core(data, path))
    assert seep("inspect", core, "--for", "0").status in (0, 1, 2)
    inspect(exe, core)


@pytest.mark.parametrize("name", ["\x1b[31mred", "a\nb", "\udcff\udcfe", "-rf", "x" * 200])
def test_ugly_file_names(name, tmp_path):
    """The files themselves have such names."""
    world = simple_world("1.25", "amd64")
    world.block(world.victim, world.victim_chan, "send")
    exe, core = world.write(str(tmp_path), name)
    run = inspect(exe, core)
    assert run.status in (0, 1), str(run)
    assert seep("inspect", core, "--for", "0", "--verbose").status == run.status
    assert seep("inspect", core + "-gone", "--for", "0").status == 2


@pytest.mark.parametrize("count", [0, 1, 3, 1 << 31, (1 << 32) - 1])
def test_extended_numbering(count, tmp_path):
    """A core that says its program headers are counted in section 0, which has a number of its own."""
    world = simple_world("1.25", "amd64")
    exe, core = world.write(str(tmp_path))
    with open(exe, "rb") as first, open(core, "rb") as second:
        exe, bent = first.read(), bytearray(second.read())
    struct.pack_into("<H", bent, 56, 0xffff)
    struct.pack_into("<Q", bent, 40, len(bent))
    struct.pack_into("<H", bent, 60, 1)
    bent += struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 1, 0, count, 0, 0)
    try_files(str(tmp_path), exe, bytes(bent))
