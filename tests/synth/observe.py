"""Runs seep over what was written, and holds its answer against what the world says."""
import json
import os
import re
import subprocess
import sys
import tempfile

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SEEP = os.path.abspath(os.environ.get("SEEP", os.path.join(REPO, "build", "seep")))
GONE = ("idle", "dead", "deadextra")
with open(os.path.join(REPO, "docs", "inspect.schema.json"), encoding="utf-8") as file:
    SCHEMA = json.load(file)


class Run:
    """One run of seep: exit status and output."""

    def __init__(self, status, out, err, arguments):
        self.status, self.out, self.err, self.arguments = status, out, err, arguments

    @property
    def doc(self):
        """The JSON document."""
        lines = self.out.decode("utf-8").splitlines()
        assert len(lines) == 1, f"{len(lines)} documents\n{self}"
        return json.loads(lines[0])

    def __str__(self):
        out, err = (text[-3000:].decode("utf-8", "replace") for text in (self.out, self.err))
        return f"seep {' '.join(self.arguments)}\nstatus {self.status}\n{out}\n{err}"


def seep(*arguments, timeout=20):
    """Runs seep. It may end with 0, 1 or 2, never by a signal and never late; 2 has one line on standard error."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([SEEP, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                   env={**os.environ, "LC_ALL": "C.UTF-8"})
        late = False
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            late = True
            process.kill()
            process.wait()
        out.seek(0)
        err.seek(0)
        run = Run(process.returncode, out.read(), err.read(), arguments)
    assert not late, f"more than {timeout} s\n{run}"
    assert run.status in (0, 1, 2), str(run)
    assert b"Sanitizer" not in run.err and b"runtime error:" not in run.err, str(run)
    if run.status == 2:
        assert len(run.err.splitlines()) == 1 and run.err.endswith(b"\n"), f"not one line on standard error\n{run}"
        assert is_printable(run.err), f"not printable: {run.err!r}"
    return run


def inspect(exe, core, *more, timeout=20):
    """seep inspect --json over a core file; the document is held against its schema."""
    run = seep("inspect", core, "--exe", exe, "--json", "--for", "0", *more, timeout=timeout)
    if run.status != 2:
        document = run.doc
        problems = validate(document, SCHEMA)
        assert not problems, f"{problems[:5]}\n{run}"
        assert run.status == (1 if document["findings"] else 0), str(run)
        assert is_printable(run.out), "a control character in the JSON"
        check_sums(document)
    return run


# A process starts with the peak of the one that it was forked from: so a small one starts seep and reports the peak.
LAUNCHER = """import os, resource, sys
status = os.spawnv(os.P_WAIT, sys.argv[1], sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(status if status >= 0 else 99)"""


def peak_memory(*arguments, timeout=60):
    """The most memory in bytes that a run of seep held, pages of the files it reads included."""
    done = subprocess.run([sys.executable, "-ISc", LAUNCHER, SEEP, *arguments, "--quiet"], capture_output=True,
                          timeout=timeout)
    assert done.returncode in (0, 1), done
    return int(done.stdout)


def is_printable(output):
    """No control characters but tab and line feed, and valid UTF-8."""
    text = output.decode("utf-8")
    return not re.search(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]", text)


def is_sanitized():
    """True if seep was built with AddressSanitizer, which needs more memory."""
    with open(SEEP, "rb") as binary:
        return b"__asan_init" in binary.read()


def check_sums(document):
    """What must add up in every document."""
    goroutines = document["goroutines"]
    assert goroutines["total"] == goroutines["user"] + goroutines["system"]
    assert goroutines["total"] == sum(g["count"] for g in goroutines["groups"])
    memory = dict(document["memory"])
    total = memory.pop("rss_bytes")
    if total is not None and None not in memory.values():
        assert sum(memory.values()) == total, memory


# ---- the schema (the part of JSON Schema that docs/inspect.schema.json uses)

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def _is(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def validate(value, schema, where="$"):
    """Problems as text; empty if the value fits."""
    if "$ref" in schema:
        return validate(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], where)
    if "anyOf" in schema:
        tried = [validate(value, s, where) for s in schema["anyOf"]]
        return [] if [] in tried else min(tried, key=len)
    if "const" in schema and value != schema["const"] or "enum" in schema and value not in schema["enum"]:
        return [f"{where}: {value!r} is not allowed"]
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is(value, k) for k in kinds):
        return [f"{where}: {value!r} is not {kinds}"]
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        return [f"{where}: {value!r} does not match {schema['pattern']}"]
    problems = []
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0):
            problems.append(f"{where}: too few")
        for index, item in enumerate(value):
            problems += validate(item, schema.get("items", {}), f"{where}[{index}]")
    if isinstance(value, dict):
        known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        problems += [f"{where}.{key} is missing" for key in schema.get("required", []) if key not in value]
        for key, item in value.items():
            if key in known:
                problems += validate(item, known[key], f"{where}.{key}")
            elif more is False:
                problems.append(f"{where}.{key} is not in the schema")
            elif isinstance(more, dict):
                problems += validate(item, more, f"{where}.{key}")
    return problems


# ---- the world against the document

def group_of(document, goid):
    """The group that a goroutine is in, or None."""
    for group in document["goroutines"]["groups"]:
        if goid in group["ids"]:
            return group
    return None


def frame_list(group):
    """[(function, file, line, inlined)] of a group, without the goexit at the end."""
    frames = [(f["function"], f["file"], f["line"], f["inlined"]) for f in group["frames"]]
    return frames[:-1] if frames and frames[-1][0] == "runtime.goexit" else frames


def expected_wait(world, wait):
    """What waits_on should say of one wait, without the number of goroutines."""
    channel = wait.get("channel")
    if channel is None:
        same = [g for g in world.goroutines if any(w["address"] == wait["address"] for w in g.waits)]
        waiters = None if wait["kind"] == "nil chan" else len(same)
        return {"kind": wait["kind"], "address": hex(wait["address"]), "direction": wait["direction"],
                "waiters": waiters}
    shown = {"struct{}": "struct {}", "interface{}": "interface {}"}.get(channel.elem, channel.elem)
    return {"kind": "chan", "address": hex(channel.address), "direction": wait["direction"], "element_type": shown,
            "length": channel.len, "capacity": channel.cap, "closed": channel.closed,
            "senders": len(channel.queues["send"]), "receivers": len(channel.queues["receive"])}


def differences(world, document):
    """All that the document says otherwise than the world, as text."""
    out = []
    living = [g for g in world.goroutines if g.status not in GONE]
    totals = document["goroutines"]
    if (totals["total"], totals["system"]) != (len(living), sum(g.system for g in living)):
        out.append(f"{totals['total']} goroutines, {totals['system']} of the system")
    for g in world.goroutines:
        group = group_of(document, g.id)
        if g.status in GONE:
            if group:
                out.append(f"goroutine {g.id} is {g.status}, but shown")
        elif group is None:
            out.append(f"goroutine {g.id} is not shown")
        else:
            out += [f"goroutine {g.id}: {text}" for text in _compare(world, g, group)]
    return out + list(_compare_defers(world, document))


def _compare(world, g, group):
    """One goroutine against its group."""
    waiting = g.status in ("waiting", "leaked")
    wanted = {"state": g.status, "wait_reason": g.reason if waiting else None, "system": g.system}
    if g.created_by:
        function, file, line, _ = g.created_by.places()[0]
        wanted["started_at"] = {"function": function, "file": file, "line": line}
        wanted["started_by"] = g.parent or None
    for key, value in wanted.items():
        if group[key] != value:
            yield f"{key} {group[key]!r}, not {value!r}"
    if g.status not in ("running", "copystack"):  # their stacks are in motion
        frames = frame_list(group)
        if frames != g.places():
            yield f"frames {frames}, not {g.places()}"
        pcs = [f["pc"] for f in group["frames"] if not f["inlined"]][:len(g.frames)]
        if pcs != [hex(pc) for pc in g.pcs()]:
            yield f"pcs {pcs}, not {[hex(pc) for pc in g.pcs()]}"
        if not group["complete"]:
            yield "its stack is not complete"
    if waiting and not g.system:
        if group["waits_on_total"] < len(g.waits):
            yield f"waits on {group['waits_on_total']} things, not {len(g.waits)}"
        for wait in g.waits:
            value = expected_wait(world, wait)
            if not any(all(shown[k] == v for k, v in value.items()) for shown in group["waits_on"]):
                yield f"waits on {group['waits_on']}, not on {value}"
    members = [x for x in world.goroutines if x.id in group["ids"]]
    if group["stack_bytes"] != sum(x.high - x.low for x in members):
        yield f"stack_bytes {group['stack_bytes']}"
    if group["wait_unknown"] != sum(x.waitsince == 0 for x in members) and waiting:
        yield f"wait_unknown {group['wait_unknown']}"
    pending = sum(p["count"] for x in members for p in x.pending)
    if group["deferred_calls"] != pending:
        yield f"deferred_calls {group['deferred_calls']}, not {pending}"


def _compare_defers(world, document):
    """Pending deferred calls: by statement, or by function where Go leaves no line (open-coded, range-over-func)."""
    shown, wanted = {}, {}
    for entry in document["defers"]:
        line = entry["at"]["line"] if entry["kind"] == "linked" else None
        key = (entry["kind"], entry["at"]["function"], line)
        shown[key] = shown.get(key, 0) + entry["count"]
    for g in world.goroutines:
        for p in g.pending if g.status not in GONE else []:
            key = (p["kind"], p["function"], p["line"] if p["kind"] == "linked" else None)
            wanted[key] = wanted.get(key, 0) + p["count"]
    if shown != wanted:
        yield f"defers {shown}, not {wanted}"
    for g in world.goroutines:
        for p in (p for p in g.pending if p["count"] >= 4 and p["kind"] != "open-coded"):
            function = p["deferred"].wraps or p["deferred"]  # a wrapper made by the compiler stands for what it calls
            place = {"function": function.name, "file": function.file, "line": function.start_line}
            if not any(e["goroutine"] == g.id and e["frame_sp"] == hex(p["sp"]) and e["deferred"] == place and
                       e["frames"] == 1 and e["bytes"] and e["bytes"] >= p["count"] * 48 for e in document["defers"]):
                yield f"goroutine {g.id} has {p['count']} calls of {function.name} pending at {p['sp']:#x}: not shown"


PAGE = 4096


def filled(mappings, start, size):
    """Bytes of the pages in [start, start + size) that hold anything: a page of zeros in a core may be one that was
    only reserved, so it does not count as resident."""
    total = 0
    for low, _, _, data in (m[:4] for m in mappings):
        first, last = max(start, low), min(start + size, low + len(data))
        total += sum(PAGE for at in range(first, last, PAGE) if any(data[at - low:at - low + PAGE]))
    return total


def check_memory(world, document):
    """Heap and stacks are the filled pages of the world's spans; the whole is what the core holds of files (there a
    page of zeros was dumped because it is resident) and the filled pages of the rest."""
    memory = document["memory"]
    pages = {state: sum(filled(world.mappings, s.start, s.pages * 8192) for s in world.heap.spans if s.state == state)
             for state in (1, 2)}
    assert (memory["heap_in_use_bytes"], memory["stacks_bytes"]) == (pages[1], pages[2])
    assert memory["rss_bytes"] == sum(len(data) if start in world.file_starts else filled(world.mappings, start, len(data))
                                      for start, _, _, data in world.mappings)
    assert memory["heap_idle_bytes"] == 0
