"""Runs `seep scan`, and reads from the sources of the programs in tests/programs/scan what it must find.

Each program has a rule's name and is leaky or clean. In the leaky ones, comments mark the lines of each finding:
`// scan: RULE at`, with the grade behind it if that is held too, and `// scan: RULE go`.
"""

import json
import re
from dataclasses import dataclass

from seepcli import seep
from toolchain import PROGRAMS

RULES = (
    "defer-in-loop",
    "fan-out-send",
    "early-return",
    "double-send",
    "abandoned-sender",
    "range-never-closed",
    "lost-cancel",
    "waitgroup-stuck",
    "timer-loop",
)

# Rules about one place, where no goroutine has to be started for it.
WITHOUT_GO = ("defer-in-loop", "lost-cancel")

MARK = re.compile(r"// scan: (?P<rule>\S+) (?P<place>at|go)(?: (?P<grade>certain|likely|possible))?$")
FUNCTION = re.compile(r"func (?:\([^)]*\) )?(?P<name>\w+)")


@dataclass(frozen=True)
class Mark:
    """One finding that must be there."""

    rule: str
    function: str  # that the program reports on: it starts the goroutine, or has the one marked line
    file: str
    at: int
    go: int = None
    grade: str = None
    bodies: tuple = ()  # first and last line of each function with a marked line

    def fits(self, finding):
        """Whether this is the finding."""
        at, started_at = finding["at"], finding["started_at"] or {}
        return (
            (finding["rule"], at["file"], at["line"]) == (self.rule, self.file, self.at)
            and (self.go is None or (started_at.get("file"), started_at.get("line")) == (self.file, self.go))
            and (self.grade is None or finding["grade"] == self.grade)
        )


def source(rule, kind):
    """The source of one program, leaky or clean."""
    return PROGRAMS / "scan" / rule / kind / "main.go"


def marks(rule, kind="leaky"):
    """What must be found in that program, in the order of its source."""
    path = source(rule, kind)
    lines = path.read_text().splitlines()
    functions = _functions(lines)
    found = []
    for number, line in enumerate(lines, 1):
        match = MARK.search(line)
        assert match or "// scan:" not in line, f"{path}:{number}: what does this mark?"
        if match:
            assert match["rule"] == rule, f"{path}:{number}: {match['rule']}"
            body = next(function for function in functions if function[1] <= number <= function[2])
            found.append((number, match["place"], match["grade"], body))
    if rule in WITHOUT_GO:
        groups = [(mark, mark) for mark in found]
        assert all(place == "at" for _, place, _, _ in found), path
    else:
        groups = list(zip(found[::2], found[1::2]))
        assert len(found) % 2 == 0 and all({a[1], b[1]} == {"at", "go"} for a, b in groups), f"{path}: not in pairs"
    return [_mark(rule, path, group) for group in groups]


def _functions(lines):
    """Name, first line and last line of each function of the file."""
    starts = [(FUNCTION.match(line)["name"], number) for number, line in enumerate(lines, 1) if FUNCTION.match(line)]
    return [(name, first, lines.index("}", first - 1) + 1) for name, first in starts if lines[first - 1].endswith("{")]


def _mark(rule, path, group):
    """One finding from its marked lines."""
    by_place = {place: (number, grade, body) for number, place, grade, body in group}
    at, grade, body = by_place["at"]
    go, _, starter = by_place.get("go", (None, None, body))
    return Mark(rule, starter[0], str(path), at, go, grade, tuple({(b[1], b[2]) for b in (body, starter)}))


def scan(*arguments, **how):
    """Runs `seep scan --json` on one binary and returns its document. The exit status must fit what was found."""
    result = seep("scan", "--json", *arguments, **how)
    assert result.status != 2, str(result)
    lines = result.stdout.splitlines()
    assert len(lines) == 1, str(result)
    document = json.loads(lines[0])
    assert document["schema"] == 1, str(result)
    assert result.status == int(bool(document["findings"])), str(result)
    return document


def own(document):
    """The findings in the program's own module, and not in the standard library."""
    return [finding for finding in document["findings"] if finding["module"] and finding["module"]["own"]]


def short(findings):
    """Findings in short, for whoever reads why a test failed."""
    return [
        f"{f['rule']} ({f['grade']}) at {f['at']['function']}:{f['at']['line']}"
        + (f", started at {f['started_at']['function']}:{f['started_at']['line']}" if f["started_at"] else "")
        for f in findings
    ]
