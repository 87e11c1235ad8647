"""Runs seep and holds what it prints against its contract."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import jsonschema

from toolchain import REPO

SEEP = Path(os.environ.get("SEEP", REPO / "build" / "seep")).resolve()
SCHEMA = json.loads((REPO / "docs" / "inspect.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@dataclass
class Result:
    """What one run of seep gave."""

    status: int
    stdout: str
    stderr: str
    docs: list = field(default_factory=list)

    @property
    def doc(self):
        """The one document of a run with one target."""
        assert len(self.docs) == 1, f"{len(self.docs)} documents\n{self}"
        return self.docs[0]

    def error(self):
        """The one line on standard error of a run that could not do it."""
        assert self.status == 2, str(self)
        lines = self.stderr.splitlines()
        assert len(lines) == 1, f"not one line on standard error\n{self}"
        return lines[0]

    def __str__(self):
        return f"status {self.status}\n--- stdout\n{self.stdout[-6000:]}\n--- stderr\n{self.stderr[-6000:]}"


def seep(*arguments, prefix=(), timeout=120, environment=None, command=None, cwd=None):
    """Runs seep and returns the result. Whatever the target is, seep ends by itself with status 0, 1 or 2."""
    done = subprocess.run(
        [*map(str, prefix), str(command or SEEP), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
    )
    result = Result(done.returncode, done.stdout.decode("utf-8", "surrogateescape"), done.stderr.decode("utf-8", "surrogateescape"))
    assert result.status in (0, 1, 2), str(result)
    assert "Sanitizer" not in result.stderr and "runtime error" not in result.stderr, str(result)
    if "--json" in arguments and "inspect" in arguments:
        result.docs = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
        for document in result.docs:
            check(document)
    return result


def check(document):
    """Holds one document against the schema, and against what the schema cannot say."""
    errors = sorted(VALIDATOR.iter_errors(document), key=str)
    assert not errors, "; ".join(f"{list(error.absolute_path)}: {error.message}" for error in errors[:5])
    goroutines = document["goroutines"]
    assert goroutines["total"] == goroutines["user"] + goroutines["system"]
    assert sum(group["count"] for group in goroutines["groups"]) == goroutines["total"]
    for group in goroutines["groups"]:
        assert len(group["ids"]) == min(group["count"], 10), group
        assert len(group["waits_on"]) == min(group["waits_on_total"], 10), group
    broken = sum(group["count"] for group in goroutines["groups"] if not group["complete"])
    assert broken == document["unread"]["stacks"], f"{broken} stacks are not complete, {document['unread']}"
    memory = dict(document["memory"])
    total = memory.pop("rss_bytes")
    if total is not None and None not in memory.values():
        assert sum(memory.values()) == total, document["memory"]
    check_parts(document)


# Which pieces a part of the memory consists of.
PIECES = {
    "heap_in_use": ("objects", "dead_descriptors", "free_slots", "span_ends", "heap_untold"),
    "heap_idle": ("idle", "idle_again"),
    "stacks": ("stacks_used", "stacks_kept"),
    "runtime": ("buffers", "tables"),
    "mapped_files": ("program_files", "other_files"),
    "outside_go": ("c_heap", "outside"),
}


def check_parts(document):
    """The pieces add up to their parts, to the byte, and with them to the RSS."""
    parts = document["memory_parts"]
    if parts is None:
        return
    for part, pieces in PIECES.items():
        told = sum(parts["sum"][f"{piece}_bytes"] for piece in pieces)
        assert told == document["memory"][f"{part}_bytes"], (part, parts["sum"], document["memory"])
    assert sum(parts["sum"].values()) == document["memory"]["rss_bytes"]


def inspect(*arguments, **how):
    """Runs `seep inspect --json` and sees that the exit status fits what was found."""
    result = seep("inspect", "--json", *arguments, **how)
    if result.status != 2:
        found = any(document["findings"] for document in result.docs)
        assert result.status == int(found), str(result)
    return result


def describe(document):
    """The findings of a document, in short."""
    return [
        (f["rule"], f["grade"], f["count"], f["at"]["function"], f["at"]["line"], f["because"])
        for f in document["findings"]
    ]
