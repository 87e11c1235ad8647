#!/usr/bin/python3
"""Writes the seeds of the fuzz targets: python3 fuzz/seeds.py

They go to fuzz/corpus/TARGET as made-*: parts of the synthetic programs of tests/synth, one for each change of a format,
whole and broken by hand. What fuzzing found stands beside them as found-* and is not touched.
"""
import os
import random
import struct
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests"))
from synth import elf  # noqa: E402  (found by the line above)
from synth.corpus import SEEDS, blobs  # noqa: E402
from synth.rich import rich_world  # noqa: E402

TYPES = ("1.18", "1.22", "1.27")  # the descriptors are large
ALL_ONES = b"\xff" * 8


def save(target, name, data):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "made-" + name), "wb") as out:
        out.write(data)


def broken(data, chance, count):
    """Copies with a few words replaced, or cut short."""
    for number in range(count):
        copy = bytearray(data)
        for _ in range(1 + number % 4):
            at = chance.randrange(max(1, len(copy) - 8)) // 4 * 4
            copy[at:at + 8] = chance.choice([bytes(8), ALL_ONES, struct.pack("<Q", at), struct.pack("<Q", 1 << 40)])
        yield bytes(copy[:chance.randrange(len(copy))] if number % 5 == 4 else copy)


def save_broken(target, name, data, chance, count=4):
    for number, copy in enumerate(broken(data, chance, count)):
        save(target, f"{name}-broken-{number}", copy)


def small_program(arch, pie, buildinfo, pclntab):
    """An executable with the sections that seep asks for, in a few kilobytes."""
    text = elf.Section(".text", 0x402000 - 0x1000, bytes(64), flags=6)
    notes = elf.note("Go", 4, b"abc/def") + elf.note("GNU", 3, bytes(range(20)))
    parts = [elf.Section(".note.go.buildid", 0x411000, notes, elf.NOTE, alignment=4),
             elf.Section(".gopclntab", 0x412000, pclntab[:512]),
             elf.Section(".go.buildinfo", 0x413000, buildinfo, flags=3)]
    segments = [elf.Segment(0x400000, "r-x", [text]), elf.Segment(0x411000, "rw-", parts)]
    return elf.executable(arch, segments, 0x401000, 0x1000, pie=pie, interpreter=None,
                          symbols=[("main.main", 0x401000, 64)])


def trimmed(data):
    return data.rstrip(b"\0")


def save_blobs(chance):
    for version, arch, pie in SEEDS:
        world = rich_world(version, arch, pie=pie)
        name = f"{version}-{arch}{'-pie' if pie else ''}"
        parts = blobs(world, world.executable())
        funcdata = bytes(world.image.table_parts.funcdata)
        head = struct.pack("<II", len(world.image.text.bytes), len(parts["pclntab"]))
        tables = head + parts["pclntab"] + funcdata
        types = struct.pack("<BQ", world.minor, world.image.types.region.base) + trimmed(parts["types"])
        program = small_program(arch, pie, parts["buildinfo"], parts["pclntab"])
        core = elf.core(arch, parts["notes"], [(0x10000, 4096, "rw-", bytes(16))])
        for target, data in (("pclntab", tables), ("types", types), ("elf", program), ("buildinfo", parts["buildinfo"])):
            if len(data) >= 1 << 16:
                raise ValueError(f"{target}: {len(data)} bytes")
            if target != "types" or (version in TYPES and not pie):
                save(target, name, data)
                save_broken(target, name, data, chance, 1 if target == "types" else 2)
        save("elf", name + ".core", core)
        save_broken("elf", name + ".core", core, chance, 2)


MAPS = """00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/agent
00651000-00652000 r--p 00051000 08:02 173521      /usr/bin/agent (deleted)
00e03000-00e24000 rw-p 00000000 00:00 0           [heap]
c000000000-c000400000 rw-p 00000000 00:00 0       [anon: Go: heap]
7f1200000000-7f1200021000 rw-p 00000000 00:00 0 \n7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0 [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]
"""
SMAPS = """00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/agent
Size:                328 kB\nRss:                 300 kB\nPss:                 300 kB\nVmFlags: rd ex mr mw me
c000000000-c000400000 rw-p 00000000 00:00 0\nRss:   18446744073709551615 kB\nRss: -1 kB\nRss:\n"""


def uvarint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def differences(values):
    """Each as the zig-zag varint of its distance from the one before, as store/codec.c writes them."""
    out, last = b"", 0
    for value in values:
        step = (value - last + (1 << 63)) % (1 << 64) - (1 << 63)
        out, last = out + uvarint((step << 1 ^ step >> 63) % (1 << 64)), value
    return out


def times(values):
    steps = [value - before for before, value in zip([0, *values], values)]
    return differences(steps)


def save_store_blobs(chance):
    """The first byte: 0 samples, 1 points, 2 a period; with 128 what follows is deflated by the target."""
    at = [1700006400000 + 10000 * i for i in range(60)]
    rows = {"level": [7] * 60, "rising": [i * i for i in range(60)],
            "extremes": [(-1 << 63, (1 << 63) - 1)[i % 2] for i in range(60)]}
    for name, values in rows.items():
        samples = uvarint(60) + times(at) + differences(values)
        points = uvarint(60) + times(at) + differences(values) * 4 + differences([90] * 60)
        for kind, plain in ((0, samples), (1, points)):
            save("blob", f"{name}-{kind}", bytes([kind, 1]) + uvarint(len(plain)) + zlib.compress(plain))
            save("blob", f"{name}-{kind}-plain", bytes([kind | 128]) + plain)
            save_broken("blob", f"{name}-{kind}-plain", bytes([kind | 128]) + plain, chance, 2)
    period = b"\x01"
    for life in (3, 20, 30):
        values = b"".join(uvarint(step) + differences([life * 1000 + step]) for step in (0, 1, 1, 998))
        period += uvarint(life) + uvarint(len(values)) + values
    save("blob", "period", b"\x02" + period)
    save_broken("blob", "period", b"\x02" + period, chance)
    save("blob", "many", bytes([128]) + uvarint(1 << 60))
    save("blob", "bomb", b"\x00\x01" + uvarint(1 << 40) + zlib.compress(bytes(100000)))


def save_maps():
    lines = {"maps": MAPS, "smaps": SMAPS, "empty": "", "backwards": "2000-1000 rw-p 0 0:0 0 /x\n",
             "unsorted": "3000-4000 rw-p 0 0:0 0 b\n1000-2000 rw-p 0 0:0 0 a\n", "no-newline": MAPS[:-1],
             "huge": "f" * 40 + "-" + "f" * 41 + " rwxs 0 0 0 /x\n", "cut": "1000-2000 rw", "only-dash": "-\n-1\n1-\n",
             "odd-name": "1000-2000 rw-p 0 0:0 0 /a\x1b[31m\xff\u202e b\n", "zero": "0-1000 rw-p\0 0 0 0\n\0\0\0\n"}
    for name, text in lines.items():
        save("maps", name, text.encode("latin-1", "replace") if name != "odd-name" else text.encode())


def save_code(chance):
    """A loop that defers, with and without a way out; a jump table; noise."""
    endless = bytes.fromhex("e8fbff0000" "85c0" "7502" "ebf5" "c3")
    with_exit = bytes.fromhex("e8fbff0000" "85c0" "7505" "39d8" "7cf3" "c3" "c3")
    table = bytes.fromhex("488d0d00000000" "ff24c1") + struct.pack("<3Q", 0x401000, 0x401005, 0xffffffffffffffff)
    arm = struct.pack("<6I", 0x94000400, 0xf100001f, 0x54000041, 0x17fffffd, 0xd65f03c0, 0xd61f0020)
    for name, architecture, code, call_end in (("endless", 0, endless, 5), ("way-out", 0, with_exit, 5),
                                               ("jump-table", 2, b"\xe8\0\0\0\0" + table, 5), ("arm64", 1, arm, 4)):
        save("code", name, struct.pack("<BHH", architecture, call_end, 0) + code)
    for number in range(6):
        noise = bytes(chance.randrange(256) for _ in range(400))
        save("code", f"noise-{number}", struct.pack("<BHH", number, 5 + number % 3 * 4, 0) + noise)


def save_core(chance):
    """Damage of each kind to both programs."""
    values = [0, 1, (1 << 64) - 1, 1 << 63, 1 << 40, 0x7fffdeadb000, 8]
    for number in range(64):
        records = b"".join(struct.pack("<BBHIQ", number % 8 if number < 16 else chance.randrange(6), 7, 0,
                                       chance.getrandbits(20), chance.choice(values)) for _ in range(1 + number % 12))
        save("core", f"damage-{number:02}", bytes([number % 2]) + records)
    save("core", "healthy-amd64", b"\0")
    save("core", "healthy-arm64", b"\1")


def save_snapshot(chance):
    """Damage to directories, and files that are hardly one."""
    for number in range(60):
        records = b"".join(struct.pack("<BIB", chance.randrange(6), chance.getrandbits(20) if number % 3 else chance.randrange(300),
                                       chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))) for _ in range(1 + number % 7))
        save("snapshot", f"damage-{number:02}", bytes([number % 2]) + records)
    save("snapshot", "healthy-amd64", b"\0")
    save("snapshot", "healthy-arm64", b"\1")
    header = b"SEEPSNAP" + struct.pack("<II", 1, 0)
    save("snapshot", "empty", header + struct.pack("<3Q", 16, 0, 0) + b"PANSPEES")
    save("snapshot", "huge", header + bytes(40) + struct.pack("<3Q", 16, 40, 1 << 60) + b"PANSPEES")
    save("snapshot", "newer", b"SEEPSNAP" + struct.pack("<II", 2, 0) + bytes(64))


SUPPRESS = """# what is known
suppress:
  - rule: defer-in-loop
    function: main.(*T).*
    file: cmd/**/p?ll.go
    reason: >
      ends with
      the process
  - {rule: "*", file: '**', reason: "\\x41"}
"""


REQUESTS = {
    "machine": "/api/v1/machine\nlocalhost:7337\n\n\n\nsame-origin\ncors\ngzip, deflate, br",
    "series": "/api/v1/series?program=agent%40api.service&metric=heap_live&from=1&to=1795650128757&points=1000\n127.0.0.1\nhttp://127.0.0.1",
    "at": "/api/v1/at?life=7&at=1795650128757\n[::1]:80\nhttp://[::1]:80",
    "export": "/export?program=%3Dcmd%7C%20%2FC&format=json&points=0\nlocalhost\nnull\nBearer 0123456789abcdef",
    "token": "/?token=0123456789abcdef\nevil.example\n\nBasic x\na=b; seep_token=30313233343536373839616263646566;c\ncross-site\nnavigate\n"
             "*;q=0, gzip;q=0.0",
    "broken": "/%zz?%00=&&=&a=%f0%9f%90&metric=+\n",
    "hostile": "/x?program=%0a%22%5c%ff+%e2%80%ae&points=99999999999999999999&id=-1\nlocalhost:99999\n",
    "many": "/?" + "&".join(f"p{i}={i}" for i in range(17)) + "\nlocalhost",
}


def save_requests():
    for name, text in REQUESTS.items():
        save("request", name, text.encode())


def save_suppressions():
    texts = {"good": SUPPRESS, "empty": "", "nothing": "---\nsuppress:\n", "deep": "suppress: " + "[" * 300, "cut": SUPPRESS[:90],
             "alias": "suppress:\n  - &a {rule: timer-loop}\n  - *a\n", "tag": "%TAG ! tag:x,2000:\n---\n!y suppress: !!seq []\n",
             "key": "suppress:\n  - rule: x\n    lines: 3\n", "two": "suppress: []\n---\nsuppress: []\n", "star": SUPPRESS.replace("T", "*" * 40)}
    for name, text in texts.items():
        save("suppressions", name, text.encode())
    save("suppressions", "utf16", SUPPRESS.encode("utf-16"))
    save("suppressions", "no-text", SUPPRESS.encode().replace(b"ends", b"\xff\xc3\0"))


def save_executable(chance):
    """Calls and code at random, damage, and small ELF files as they are."""
    def change(what, place, value, width=8):
        return struct.pack("<BBHIQ", what, width - 1, 0, place, value & (1 << 64) - 1)
    for number in range(48):
        program = number % 2
        records = b"".join(change(1, 4 * chance.randrange(400), chance.randrange(82)) for _ in range(number))
        if number % 3 == 1:
            records += b"".join(change(0, chance.randrange(1600), chance.getrandbits(64)) for _ in range(number // 4))
        if number % 3 == 2:
            records += b"".join(change(2, chance.getrandbits(20), chance.choice([0, 1 << 40, 8, -1])) for _ in range(1 + number // 8))
        save("executable", f"change-{number:02}", bytes([program]) + records)
    save("executable", "whole-amd64", b"\0")
    save("executable", "whole-arm64", b"\1")
    save("executable", "cut", b"\0" + change(4, 70000, 1))
    for version, arch, pie in SEEDS[:3]:
        world = rich_world(version, arch, pie=pie)
        parts = blobs(world, world.executable())
        save("executable", f"elf-{version}-{arch}", b"\2" + small_program(arch, pie, parts["buildinfo"], parts["pclntab"]))


def save_heaps(chance):
    """Spans of all formats one behind the other, with types, specials and words that lead to each other; some overlap, some are huge."""
    memory, first = 1 << 18, 0x10000

    def near(at):
        return struct.pack("<I", at)[:3]
    for number in range(24):
        spans, at = b"", first
        count = 4 + number % 9
        for index in range(count):
            pages, size = 1 + chance.randrange(3), chance.choice([8, 16, 24, 64, 512, 1024, 4096])
            kind = chance.choice([11, 10, 10, 0])
            if kind == 0:
                size = pages * 8192
            objects = 1 if kind == 0 else (pages * 8192 - pages * 128) // size
            start = first + chance.randrange(8) * 8192 if number % 6 == 5 else at
            claimed = 0xff if number % 8 == 7 and index == 2 else pages
            spans += near(start) + bytes([claimed]) + struct.pack("<H", size & 0xffff)
            spans += struct.pack("<Q", 1 << chance.randrange(20, 50)) if claimed == 0xff else b""
            spans += bytes([1, kind, number % 7 == 6]) + struct.pack("<HH", objects, chance.randrange(8))
            spans += near(0x5000) + near(0x5000) + near(0x6000 if index % 2 else 0) + near(0x7000 + 64 * chance.randrange(4))
            at += pages * 8192
        roots = b"".join(near(first + chance.randrange(at - first)) for _ in range(16))
        words = []
        for _ in range((memory - 0x4000) // 8 // 4):
            words.append(chance.choice([0, chance.getrandbits(8), 0xc000000000 + first + chance.randrange(max(8, at - first))]))
        rest = bytearray(struct.pack(f"<{len(words)}Q", *words))
        rest[0x2000:0x2100] = b"".join(struct.pack("<QQQQ", 0xc000006000 + 64 * i if i < 4 else 0, 8 * i, 2, 0xc000010000) + bytes(32) for i in range(1, 5))
        for i in range(4):
            rest[0x3000 + 64 * i:0x3040 + 64 * i] = struct.pack("<QQIBBBBQQ", 40, 24 + 8 * (i % 3), 0, 16 * (i % 2), 8, 8, 25, 0, 0xc000007100) + bytes(24)
        save("heap", f"spans-{number:02}", bytes([number]) + bytes([count]) + spans + roots + bytes(rest[:0x4000 + 0x2000 * (number % 4)]))


def main():
    chance = random.Random(1)
    save_blobs(chance)
    save_maps()
    save_store_blobs(random.Random(7))
    save_code(chance)
    save_core(chance)
    save_snapshot(random.Random(6))
    save_suppressions()
    save_requests()
    save_executable(random.Random(2))
    save_heaps(random.Random(3))


if __name__ == "__main__":
    main()
