#!/usr/bin/python3
"""Seed files for the fuzz targets: whole executables and cores, and the blobs that single parsers read.

    python3 tests/synth/corpus.py DIRECTORY

writes elf/ (executables and cores), pclntab/ (from the header to the end of the tables), buildinfo/ (from the magic),
types/ (from moduledata.types to etypes) and notes/ (the notes of a core). The files are small and differ in format: one
for each change of it, not one for each release.
"""
import os
import sys

if __package__:
    from .rich import rich_world
    from .simple import simple_world
else:
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    from synth.rich import rich_world
    from synth.simple import simple_world

# Releases at which a format changed (pclntab 1.18, 1.20, 1.26; types 1.19, 1.24, 1.27; PIE).
SEEDS = [("1.18", "amd64", False), ("1.19", "arm64", False), ("1.20", "arm64", True), ("1.22", "amd64", False),
         ("1.24", "amd64", True), ("1.26", "arm64", False), ("1.27", "amd64", False), ("1.27", "arm64", True)]


def blobs(world, exe):
    """{folder: bytes} of one written world."""
    image = world.image
    tables = image.tables
    start = image.pclntab_header - tables.base
    core = world.core(exe, "/usr/bin/shop")
    notes_at, notes_size = (int.from_bytes(core[at:at + 8], "little") for at in (64 + 8, 64 + 32))
    return {"pclntab": bytes(tables.bytes[start:image.pclntab_end - tables.base]),
            "buildinfo": bytes(image.buildinfo.bytes), "types": bytes(image.types.region.bytes),
            "notes": core[notes_at:notes_at + notes_size]}


def write_corpus(directory):
    """Writes all seeds; returns how many."""
    count = 0
    for version, arch, pie in SEEDS:
        for kind, make in (("rich", rich_world), ("simple", simple_world)):
            world = make(version, arch, pie=pie)
            name = f"{kind}-{version}-{arch}{'-pie' if pie else ''}"
            exe = world.executable()
            files = {("elf", name): exe, ("elf", name + ".core"): world.core(exe, "/usr/bin/shop")}
            files.update({(folder, name): data for folder, data in blobs(world, exe).items()})
            for (folder, file), data in files.items():
                os.makedirs(os.path.join(directory, folder), exist_ok=True)
                with open(os.path.join(directory, folder, file), "wb") as out:
                    out.write(data)
                count += 1
    return count


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(write_corpus(sys.argv[1]), "files")
