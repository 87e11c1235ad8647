"""Saves snapshots, and unpacks them with zstd's own library: what is in a file is not taken from seep's word."""

import ctypes
import ctypes.util
import json
import shutil
import subprocess

import jsonschema
import pytest

from seepcli import SCHEMA, seep
from toolchain import REPO

DIFF_SCHEMA = json.loads((REPO / "docs" / "diff.schema.json").read_text())
for side in ("old", "new"):  # "$ref" to the other file
    DIFF_SCHEMA["properties"][side] = SCHEMA["properties"]["target"]
MAGIC = b"\x28\xb5\x2f\xfd"  # of a zstd frame


def save(target, path, *options):
    """Saves and returns the path."""
    result = seep("save", target, "-o", path, "--pause", "10s", *options)  # a busy machine needs patience
    assert result.status == 0 and not result.stderr, str(result)
    return path


def gcore(pid, path):
    """A core file by the debugger."""
    if shutil.which("gcore") is None:
        pytest.skip("there is no gcore (Debian: gdb)")
    done = subprocess.run(["gcore", "-o", path, str(pid)], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)
    core = path.with_name(f"{path.name}.{pid}")
    if not core.exists():
        pytest.skip(f"gcore cannot write a core file here: {done.stderr[-300:]}")
    subprocess.run(["fallocate", "--dig-holes", core], check=False)  # a gigabyte of it is nothing, and pytest keeps files for a while
    return core


def unpacked(path):
    """All that is in the blocks of a snapshot, put together."""
    library = ctypes.CDLL(ctypes.util.find_library("zstd"))
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_findFrameCompressedSize.restype = ctypes.c_size_t
    library.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
    data = path.read_bytes()
    parts, at = [], data.find(MAGIC)
    while at >= 0:
        frame = ctypes.c_char_p(data[at:at + (2 << 20)])
        size = library.ZSTD_findFrameCompressedSize(frame, ctypes.c_size_t(min(2 << 20, len(data) - at)))
        content = library.ZSTD_getFrameContentSize(frame, ctypes.c_size_t(min(2 << 20, len(data) - at)))
        room = ctypes.create_string_buffer(content)
        assert library.ZSTD_decompress(room, ctypes.c_size_t(content), frame, ctypes.c_size_t(size)) == content
        parts.append(room.raw)
        at = data.find(MAGIC, at + size)
    return b"".join(parts)


def diff(old, new, *options):
    """The document of a comparison, held against its schema, with the exit status."""
    result = seep("diff", old, new, "--json", *options)
    assert result.status in (0, 1) and not result.stderr, str(result)
    document = json.loads(result.stdout)
    jsonschema.Draft202012Validator(DIFF_SCHEMA).validate(document)
    assert document["grew"] == (result.status == 1)
    return document


def rows_at(document, kind, function):
    """The rows of a kind whose place has that function."""
    return [row for row in document[kind] if function in ((row["at"] or {}).get("function"), (row["started_at"] or {}).get("function"))]
