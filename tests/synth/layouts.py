"""What the runtime's structs look like, release by release.

layouts.json holds, for Go 1.18 to 1.27, every struct that a reader from outside needs: its size and its fields with
type and offset, as the compilers of those releases laid them out (taken from the DWARF of their own builds). An entry
holds from its release on, until the next one; where amd64 and arm64 differ it is an object with both.

    "runtime.waitq": {"1.18": "16; first|*runtime.sudog|0 last|*runtime.sudog|8"}

A release that is newer than all of these ("1.29") is taken to be like the last.
"""
import json
import os
import re

from .memory import align

TABLES = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "layouts.json"), encoding="utf-8"))
RELEASES = TABLES["releases"]
ARCHES = ("amd64", "arm64")

# Named types that are not structs: the kind that each one stands for. The rest of "plain" goes by its size.
KINDS = {
    "runtime.guintptr": "uintptr", "runtime.muintptr": "uintptr", "runtime.puintptr": "uintptr",
    "runtime.gclinkptr": "uintptr", "runtime.traceBufPtr": "uintptr", "runtime.objptr": "uintptr",
    "runtime.gcMarkWorkerMode": "int", "runtime.traceTime": "uint64", "runtime.throwType": "uint32",
}
BY_SIZE = {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"}


class Layout:
    """One struct: its size and its fields in order, each (name, type, offset)."""

    def __init__(self, name, text):
        size, _, fields = text.partition(";")
        self.name = name
        self.size = int(size)
        self.fields = []
        for word in fields.split():
            field, kind, offset = word.split("|")
            self.fields.append((field, kind, int(offset)))

    def field(self, name):
        """(type, offset) of a field, or None."""
        for field, kind, offset in self.fields:
            if field == name:
                return kind, offset
        return None


class Layouts:
    """All structs of one release and architecture."""

    def __init__(self, version, arch):
        if arch not in ARCHES:
            raise ValueError(f"no such architecture: {arch}")
        self.version = version
        self.minor = int(re.match(r"1\.(\d+)", version)[1])
        known = min(self.minor, int(RELEASES[-1][2:]))
        self.known = known
        self.arch = arch
        self.extra_reasons = []  # of a release to come: they stand behind the first three
        self.structs = {}
        for name, by_release in TABLES["structs"].items():
            text = newest(by_release, known)
            if isinstance(text, dict):
                text = text[arch]
            if text is not None:
                self.structs[name] = Layout(name, text)

    def wait_reasons(self):
        """runtime.waitReasonStrings. 1.23.4 added "GC weak to strong wait"; the tables here have it from 1.23 on."""
        reasons = list(newest(TABLES["wait_reasons"], self.known))
        return reasons[:3] + self.extra_reasons + reasons[3:]

    def struct(self, name):
        """The Layout of a struct, or None if this release has none of that name."""
        return self.structs.get(name)

    def size(self, name):
        """Size in bytes."""
        return self.structs[name].size

    def place(self, name, path):
        """(offset, type) of a field by its path, "sched.sp"; None if the release has no such field."""
        offset, kind = 0, name
        for part in path.split("."):
            layout = self.structs.get(kind)
            found = layout and layout.field(part)
            if not found:
                return None
            kind, offset = found[0], offset + found[1]
        return offset, kind

    def offset(self, name, path):
        """Offset of a field by its path; KeyError if there is none."""
        found = self.place(name, path)
        if found is None:
            raise KeyError(f"{name}.{path} in Go {self.version}")
        return found[0]

    def has(self, name, path):
        """True if the release has this field."""
        return self.place(name, path) is not None

    def width(self, kind):
        """Size in bytes of a value of a type that is written as Go writes it."""
        if kind in self.structs:
            return self.structs[kind].size
        array = re.match(r"\[(\d+)\](.*)", kind)
        if array:
            return int(array[1]) * self.width(array[2])
        if kind.startswith("[]"):
            return 24
        if kind in ("string", "interface{}"):
            return 16
        if kind in TABLES["plain"]:
            return TABLES["plain"][kind]
        basic = re.match(r"u?int(8|16|32|64)$", kind)
        if basic:
            return int(basic[1]) // 8
        return 1 if kind == "bool" else 8

    def insert(self, name, after, field, kind):
        """Adds a field behind another one, as a release to come might: all later offsets move (by 8 or a multiple)."""
        layout = self.structs[name]
        room = align(self.width(kind), 8)
        before = next(f for f in layout.fields if f[0] == after)
        start = align(before[2] + self.width(before[1]), 8)
        layout.fields = [(f, k, o + room if o >= start else o) for f, k, o in layout.fields]
        layout.fields.insert([f[0] for f in layout.fields].index(after) + 1, (field, kind, start))
        self._grow(name, room)

    def _grow(self, name, room):
        """A struct is bigger by `room`: so are the structs that hold it, and what stands behind it in them moves."""
        self.structs[name].size += room
        for outer in list(self.structs.values()):
            for _, kind, place in list(outer.fields):
                if kind == name:
                    outer.fields = [(f, k, o + room if o > place else o) for f, k, o in outer.fields]
                    self._grow(outer.name, room)


def newest(by_release, minor):
    """The value of the newest release that is not newer than 1.minor."""
    best = None
    for release, value in by_release.items():
        if int(release[2:]) <= minor:
            best = value
    return best
