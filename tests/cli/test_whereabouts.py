"""It is said by which way each of the runtime's globals was found, and the place is the right one.

The linker knows where they are: `go tool nm` reads the symbols of the twin that was not stripped, which seep does not.
"""

import pytest

from proof import inspect_now
from seepcli import inspect, seep

RELEASES = ("path", "1.19", "1.20.14", "1.27.3")

# The variable that it is, or that it is a field of; and the way. None: of several places, none is told.
EXPECTED = {
    "firstmoduledata": ("runtime.firstmoduledata", "content"),
    "allgs": ("runtime.allgs", "content"),
    "mheap_.allspans": ("runtime.mheap_", "content"),
    "mheap_.arenas": ("runtime.mheap_", "content"),
    "allp": ("runtime.allp", "code"),
    "finq, gcCleanups": (None, "code"),
    "waitReasonStrings": ("runtime.waitReasonStrings", "content"),
    "gcController": ("runtime.gcController", "content"),
    "memstats": ("runtime.memstats", "content"),
}
WITHIN = ("mheap_.allspans", "mheap_.arenas")
UP_TO_1_21 = ("mheap_.arenas",)  # since then the collector's maps lie in the spans


def symbols(go, executable):
    """Address and size by name, as the linker wrote them."""
    table = {}
    for line in go.run("tool", "nm", "-size", str(executable)).splitlines():
        words = line.split()
        if len(words) >= 4:
            table[words[3]] = int(words[0], 16), int(words[1])
    return table


def found_in(document):
    return {entry["what"]: entry for entry in document["found"]}


def check_ways(found, release):
    for what, (_, way) in EXPECTED.items():
        if what in UP_TO_1_21 and release > (1, 21):
            assert what not in found
        else:
            assert found[what]["way"] == way, found[what]
    assert found["g, m, p, mspan, …"]["way"] == "type descriptors"


@pytest.mark.parametrize("toolchain", RELEASES)
def test_places(start, build, toolchain_or_skip, toolchain):
    """In the twin with symbols each place is where the linker put the variable; the stripped one is found in the same ways."""
    go = toolchain_or_skip(toolchain)
    table = symbols(go, build("proof-leaks", toolchain, "symbols"))
    whole = inspect_now(start("proof-leaks", toolchain=toolchain, mode="symbols").pid)
    stripped = inspect_now(start("proof-leaks", toolchain=toolchain, mode="static").pid)
    assert stripped["target"]["stripped"] and not whole["target"]["stripped"]
    found = found_in(whole)
    check_ways(found, go.release)
    check_ways(found_in(stripped), go.release)
    for what, (symbol, _) in EXPECTED.items():
        if not symbol or what not in found:
            continue
        address, size = table[symbol]
        at = int(found[what]["address"], 16)
        if what in WITHIN:
            assert address <= at < address + size, (what, hex(at), hex(address))
        else:
            assert at == address, (what, hex(at), hex(address))


def test_said_in_words(start):
    """With --verbose, in columns; a stripped program is called so, and without the option nothing of it is said."""
    program = start("proof-leaks")
    words = seep("inspect", "--for", "0", "--pause", "5s", "--verbose", program.pid).stdout
    block = words[words.index("how the runtime was found") :].splitlines()
    assert block[0] == "how the runtime was found · the program is stripped"
    rows = block[1 : block.index("") if "" in block else len(block)]
    assert len(rows) == len(EXPECTED)  # but for the arenas, and with the structs
    column = rows[0].index("by their type descriptors")
    assert all(row[column:].startswith("by ") and row[column - 1] == " " for row in rows), block
    assert "how the runtime was found" not in seep("inspect", "--for", "0", program.pid).stdout


def test_counts_alone_need_no_proof(start):
    """What was not needed was not sought, and is not said: without a pause there is no list of Ps."""
    found = found_in(inspect(start("proof-leaks").pid, "--for", "0", "--pause", "0").doc)
    assert "allp" not in found and "finq, gcCleanups" not in found and found["allgs"]["way"] == "content"
