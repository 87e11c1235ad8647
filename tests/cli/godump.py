"""Reads stack dumps in the format of Go's runtime, whoever wrote them."""

import re
from dataclasses import dataclass, field

HEADER = re.compile(r"^goroutine (\d+)(?: gp=\S+ m=\S+(?: mp=\S+)?)? \[(.*)\](?: \{.*\})?:$")
LOCATION = re.compile(r"^\t(.*):(\d+)(?: \+0x[0-9a-f]+)?(?: fp=\S+ sp=\S+ pc=\S+)?$")
ELIDED = re.compile(r"^\.\.\.(?:additional|\d+) frames elided\.\.\.$")
CREATED = re.compile(r"^created by (.*?)(?: in goroutine (\d+))?$")
HIDDEN = re.compile(r"^(?:[^.]*$|runtime\.(?![A-Z]|\(\*[A-Z]|gopanic$|runFinalizers$|runCleanups$))")


@dataclass
class Goroutine:
    """One goroutine of a dump."""

    id: int
    state: str
    locked: bool
    frames: list = field(default_factory=list)
    elided_at: int = None
    created_by: tuple = None
    parent: int = None

    def visible(self):
        """The frames that Go shows: it leaves out those of the runtime itself, and names without a package."""
        return [frame for frame in self.frames if not HIDDEN.match(frame[0])]


def plain_name(function):
    """A function's name as dumps write it: without type arguments, and panic under its Go name."""
    depth, plain = 0, []
    for character in function:
        if character == "[":
            depth += 1
            if depth == 1:
                plain.append("[...]")
        elif character == "]":
            depth -= 1
        elif depth == 0:
            plain.append(character)
    name = "".join(plain)
    return "runtime.gopanic" if name == "panic" else name


def parse(text):
    """The goroutines of a dump, by id. Lines that belong to none are passed over."""
    goroutines = {}
    current, pending = None, None
    for line in text.splitlines():
        header = HEADER.match(line)
        if header:
            words = header.group(2).split(", ")
            current = Goroutine(int(header.group(1)), words[0], "locked to thread" in words)
            assert current.id not in goroutines, f"goroutine {current.id} appears twice"
            goroutines[current.id] = current
        elif current is None:
            continue
        elif not line.strip():
            current = None
        elif ELIDED.match(line):
            current.elided_at = len(current.frames)
        elif LOCATION.match(line) and pending:
            location = LOCATION.match(line)
            _add(current, pending, (location.group(1), int(location.group(2))))
            pending = None
        else:
            pending = line
    return goroutines


def _add(goroutine, what, location):
    created = CREATED.match(what)
    if created:
        goroutine.created_by = (plain_name(created.group(1)), *location)
        goroutine.parent = int(created.group(2)) if created.group(2) else None
    else:
        assert what.endswith(")"), f"not a frame: {what!r}"
        goroutine.frames.append((plain_name(what[: what.rindex("(")]), *location))


def same_stack(ours, theirs, cut=None):
    """Whether two goroutines have the same stack, as far as Go's own dump (theirs) shows it.

    Go shows the first fifty and the last fifty frames of a deep stack, and says so; up to 1.20 it shows `cut`
    frames at most and does not say it.
    """
    mine, go = ours.visible(), theirs.visible()
    if theirs.elided_at is None and not (cut and len(go) >= cut):
        return mine == go
    if theirs.elided_at is None:
        return mine[: len(go)] == go
    head = len([frame for frame in theirs.frames[: theirs.elided_at] if not HIDDEN.match(frame[0])])
    tail = len(go) - head
    return mine[:head] == go[:head] and mine[len(mine) - tail :] == go[head:]
