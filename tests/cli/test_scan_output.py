"""What people get around a scan: its formats, exit statuses, suppressions, baselines, and what a rule means."""

import json
import os
import re
import shutil
import subprocess
import urllib.parse

import jsonschema
import pytest

from seepcli import SEEP, seep
from toolchain import PROGRAMS, REPO, find_toolchain

SCHEMA = json.loads((REPO / "docs" / "scan.schema.json").read_text())
SARIF = json.loads((REPO / "tests" / "cli" / "data" / "sarif-schema-2.1.0.json").read_text())
LEVELS = {"certain": "error", "likely": "warning", "possible": "note"}
RULES = SCHEMA["$defs"]["finding"]["properties"]["rule"]["enum"]
GRADES = ("possible", "likely", "certain")
CUT_AT = (0.001, 0.01, 0.05, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 0.9999)


def documents(*arguments, **how):
    """The documents of `seep scan --json`, held against their schema."""
    result = seep("scan", "--json", *arguments, **how)
    read = [json.loads(line) for line in result.stdout.splitlines()]
    for document in read:
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return result, read


def sarif(*arguments, **how):
    """The log of `seep scan --sarif`, held against the schema of the standard and what it cannot say."""
    result = seep("scan", "--sarif", *arguments, **how)
    log = json.loads(result.stdout)
    jsonschema.Draft4Validator(SARIF).validate(log)
    for run in log["runs"]:
        rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
        for found in run["results"]:
            assert rules[found["ruleIndex"]] == found["ruleId"]
            assert found["level"] == LEVELS[found["properties"]["grade"]]
            for location in found["locations"] + found.get("relatedLocations", []):
                check_location(location, run)
    names = [run["automationDetails"]["id"] for run in log["runs"]]
    assert len(names) == len(set(names)), names
    return result, log


def check_location(location, run):
    """The path is relative, forward and encoded, and its root is declared."""
    physical = location.get("physicalLocation")
    if physical:
        artifact = physical["artifactLocation"]
        uri = artifact["uri"]
        assert urllib.parse.quote(urllib.parse.unquote(uri), safe="/!$&'()*+,;=@") == uri
        assert not uri.startswith("/") and "\\" not in uri
        assert "description" in run["originalUriBaseIds"][artifact["uriBaseId"]]
        assert physical.get("region", {"startLine": 1})["startLine"] > 0
    assert location["logicalLocations"][0]["fullyQualifiedName"]


@pytest.fixture
def leaky(build):
    """A program with a deferred call in an endless loop: certain, and nothing else of its own."""
    return build("tale-defer")


@pytest.fixture
def clean(build):
    """The same without."""
    return build("tale-defer-fixed")


@pytest.fixture
def suppressions(tmp_path):
    """A function that writes a file of suppressions."""

    def write(text, name="suppressions.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def entry(rule="defer-in-loop", function="main.poll", reason="it ends with the process", **more):
    """One entry, as YAML."""
    keys = {"rule": rule, "function": function, "reason": reason, **more}
    lines = [f"{key}: {json.dumps(value)}" for key, value in keys.items() if value is not None]
    return "  - " + "\n    ".join(lines) + "\n"


# ---- options and exit statuses


def test_help_of_scan():
    """Help tells the options."""
    result = seep("scan", "--help")
    assert result.status == 0 and result.stderr == ""
    for option in ("--own", "--dep", "--fail-on", "--suppressions", "--baseline", "--json", "--sarif", "--quiet"):
        assert option in result.stdout, option


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--no-such-option", "/bin/true"),
        ("--fail-on",),
        ("--fail-on", "maybe", "/bin/true"),
        ("--own", "--dep", "/bin/true"),
        ("--json", "--sarif", "/bin/true"),
        ("--sarif", "--quiet", "/bin/true"),
        ("--color=sometimes", "/bin/true"),
        ("--baseline",),
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments):
    """What seep does not know it says in one line."""
    result = seep("scan", *arguments)
    assert result.error().startswith("seep")
    assert result.stdout == ""


def test_text(leaky):
    """The report names the rule, the place and the fix."""
    result = seep("scan", "--own", leaky)
    assert result.status == 1 and result.stderr == ""
    for word in ("tale-defer", "certain", "defer-in-loop", "main.poll", "poll.go:", "because", "fix"):
        assert word in result.stdout, word
    assert "\x1b" not in result.stdout
    assert not re.search(r"[ \t]$", result.stdout, re.MULTILINE)


def test_text_of_several_places(build):
    """What holds for several places is said once; each place has its line, and their number is in the headline."""
    program = build("scan/fan-out-send/leaky")
    _, (document,) = documents("--own", program)
    report = seep("scan", "--own", program).stdout
    count = len(document["findings"])
    assert count > 1 and f"{count} places" in report
    assert report.count("because") == 1 and report.count("started at") == count
    for finding in document["findings"]:
        for place in (finding["at"], finding["started_at"]):
            assert f"main.go:{place['line']}" in report


def test_standard_library_comes_last(build):
    """Its users can do least about it."""
    report = seep("scan", "--std", build("scan/fan-out-send/leaky")).stdout
    groups = [line for line in report.splitlines()[2:] if line and not line.startswith((" ", "LEAK"))]
    assert groups[0].startswith("example.com/seep-tests ") and groups[-2].startswith("std ")


def test_standard_library_is_left_out(build):
    """It is in every program, and nobody can change it: only --std shows it."""
    binary = build("scan/fan-out-send/clean")
    quiet, loud = seep("scan", binary), seep("scan", "--std", binary)
    assert quiet.status == 0 and "in Go's own library not shown (--std adds them)" in quiet.stdout
    assert loud.status == 1 and "std  Go's standard library" in loud.stdout


def test_colour(leaky):
    """Colour where it is asked for."""
    assert "\x1b[" in seep("scan", "--color=always", leaky).stdout


def test_clean(clean):
    """Nothing found is said, and is exit status 0."""
    result = seep("scan", "--own", clean)
    assert result.status == 0 and "nothing found" in result.stdout
    assert seep("scan", "--own", "--quiet", clean).stdout == ""


def test_quiet(leaky):
    """With --quiet the exit status tells."""
    result = seep("scan", "--quiet", leaky)
    assert (result.status, result.stdout, result.stderr) == (1, "", "")


@pytest.mark.parametrize("fail_on", GRADES)
@pytest.mark.parametrize("program", ["tale-defer", "scan/defer-in-loop/leaky", "scan/fan-out-send/leaky"])
def test_fail_on(build, program, fail_on):
    """A leak of a lower grade is shown and is no failure."""
    result, (document,) = documents("--own", "--fail-on", fail_on, build(program))
    grades = {finding["grade"] for finding in document["findings"]}
    assert grades
    assert result.status == int(any(GRADES.index(grade) >= GRADES.index(fail_on) for grade in grades)), grades


def test_fail_on_hidden(leaky):
    """What is not shown is no failure either."""
    assert seep("scan", "--dep", "--fail-on", "certain", leaky).status == 0


def test_several_programs(leaky, clean, tmp_path):
    """Each is reported; what cannot be read is said, and decides the exit status."""
    result, read = documents("--own", clean, leaky)
    assert result.status == 1 and [bool(document["findings"]) for document in read] == [False, True]
    result, read = documents("--own", clean, tmp_path / "missing", leaky)
    assert result.status == 2 and len(read) == 2 and "missing" in result.error()


def test_own_and_dep(leaky):
    """The two parts are the whole."""
    _, (whole,) = documents(leaky)
    _, (own,) = documents("--own", leaky)
    _, (dependencies,) = documents("--dep", leaky)
    assert [f for f in whole["findings"] if f["module"]["own"]] == own["findings"]
    assert [f for f in whole["findings"] if not f["module"]["own"]] == dependencies["findings"]


def test_json(leaky):
    """The document has the place within its module."""
    _, (document,) = documents("--own", leaky)
    (finding,) = document["findings"]
    assert document["binary"]["path"] == str(leaky)
    assert finding["module"] == {"path": "example.com/seep-tests", "version": finding["module"]["version"],
                                 "file": "tale-defer/poll.go", "own": True}
    assert (document["suppressed"], document["known"], document["unused_suppressions"]) == (0, None, [])


def test_closed_and_full_output(leaky):
    """Output that could not be written is not passed over in silence."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run([SEEP, "scan", "--sarif", leaky], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


# ---- what is no program


def test_not_a_go_program():
    """A program of C."""
    assert "not a Go program" in seep("scan", "/bin/true").error()


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"hello\n" * 100, b"\x7fELF\x01\x01\x01" + bytes(100), bytes(4096)])
def test_not_an_elf_file(tmp_path, content):
    """Whatever else it is."""
    path = tmp_path / "agent"
    path.write_bytes(content)
    result = seep("scan", path)
    assert str(path) in result.error() and result.stdout == ""
    assert seep("scan", "--sarif", path).stdout == ""


def test_directory_and_missing(tmp_path):
    """Not a file, not there."""
    assert str(tmp_path) in seep("scan", tmp_path).error()
    assert "No such file" in seep("scan", tmp_path / "agent").error()


def test_core_file(tmp_path):
    """A core file is for inspect; the error says so."""
    header = bytearray(64)
    header[:7] = b"\x7fELF\x02\x01\x01"
    header[16:20] = (4).to_bytes(2, "little") + (62).to_bytes(2, "little")
    header[20] = 1
    header[52:54] = (64).to_bytes(2, "little")
    path = tmp_path / "core"
    path.write_bytes(header + bytes(1000))
    assert "seep inspect" in seep("scan", path).error()


@pytest.mark.parametrize("part", CUT_AT)
def test_cut_off(leaky, tmp_path, part):
    """A download that broke off is no program, wherever it did."""
    whole = leaky.read_bytes()
    path = tmp_path / "agent"
    path.write_bytes(whole[: int(len(whole) * part)])
    result = seep("scan", path)
    if result.status == 2:
        assert result.error()
    else:  # only what comes behind the segments is missing: section headers
        assert result.stdout.splitlines()[1:] and part > 0.95


def test_unreadable(leaky, tmp_path):
    """A file of somebody else."""
    path = tmp_path / "agent"
    shutil.copy(leaky, path)
    path.chmod(0)
    if os.geteuid() != 0:
        assert "Permission denied" in seep("scan", path).error()
        return
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv")
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == 0 and parent != parent.parent and str(parent) != "/tmp":
            parent.chmod(parent.stat().st_mode | 0o011)
    command = folder / "seep"
    shutil.copy(SEEP, command)
    command.chmod(0o755)
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    assert "Permission denied" in seep("scan", path, prefix=nobody, command=command, cwd="/").error()


# ---- SARIF


def test_sarif(leaky):
    """A finding at its line, below the root of its module."""
    result, log = sarif("--own", leaky)
    assert result.status == 1
    (run,) = log["runs"]
    (found,) = run["results"]
    assert (found["ruleId"], found["level"]) == ("defer-in-loop", "error")
    physical = found["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"] == {"uri": "tale-defer/poll.go", "uriBaseId": "SRCROOT"}
    assert (PROGRAMS / "tale-defer" / "poll.go").read_text().splitlines()[physical["region"]["startLine"] - 1].strip().startswith("defer")
    _, (document,) = documents("--own", leaky)
    (finding,) = document["findings"]
    assert found["partialFingerprints"] == {"seep/v1": finding["fingerprint"]}
    assert finding["title"] in found["message"]["text"] and finding["fix"] in found["message"]["text"]
    assert "suppressions" not in found and "baselineState" not in found


def test_sarif_of_several(leaky, clean, tmp_path):
    """One run for each; also of two that have the same name."""
    again = tmp_path / leaky.name
    shutil.copy(leaky, again)
    _, log = sarif("--own", leaky, clean, again)
    assert [len(run["results"]) for run in log["runs"]] == [1, 0, 1]


@pytest.mark.parametrize("rule", RULES)
def test_sarif_of_each_rule(build, rule):
    """Every rule's findings are valid SARIF and valid JSON, with their go statement."""
    program = build(f"scan/{rule}/leaky")
    _, (document,) = documents(program)
    _, log = sarif(program)
    results = log["runs"][0]["results"]
    assert [found["ruleId"] for found in results] == [finding["rule"] for finding in document["findings"]]
    for found, finding in zip(results, document["findings"]):
        starts = [place for place in found.get("relatedLocations", []) if place["id"] == 1]
        assert len(starts) == int(finding["started_at"] is not None)
        if starts:
            assert starts[0]["physicalLocation"]["region"]["startLine"] == finding["started_at"]["line"]
            assert "[here](1)" in found["message"]["text"]


def test_sarif_has_every_rule(clean):
    """The rules are there without findings, too, each with an example of Go that gofmt understands."""
    _, log = sarif("--own", clean)
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == RULES
    for rule in rules:
        assert len(rule["fullDescription"]["text"]) <= 1024, "GitHub shows no more"
        examples = re.findall(r"```go\n(.*?)```", rule["help"]["markdown"], re.DOTALL)
        assert len(examples) == 2
        for example in examples:
            is_go(example, rule["id"])


def is_go(example, rule):
    """gofmt reads it and would change nothing."""
    gofmt = os.path.join(os.path.dirname(os.path.realpath(find_toolchain("path").command)), "gofmt")
    if not os.access(gofmt, os.X_OK):
        gofmt = shutil.which("gofmt") or pytest.skip("there is no gofmt")
    source = "package p\n\n" + example
    done = subprocess.run([gofmt], input=source, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{rule}: {done.stderr}"
    assert done.stdout == source, rule


# ---- suppressions


def test_suppressed(leaky, suppressions):
    """Not reported and no failure; in SARIF there with the reason."""
    path = suppressions("suppress:\n" + entry())
    result, (document,) = documents("--own", "--suppressions", path, leaky)
    assert result.status == 0
    assert (document["findings"], document["suppressed"], document["unused_suppressions"]) == ([], 1, [])
    result, log = sarif("--own", "--suppressions", path, leaky)
    assert result.status == 0
    assert log["runs"][0]["results"][0]["suppressions"] == [{"kind": "external", "justification": "it ends with the process"}]
    result = seep("scan", "--own", "--suppressions", path, leaky)
    assert result.status == 0 and "1 suppressed" in result.stdout and "main.poll" not in result.stdout


def test_suppressions_of_the_current_directory(leaky, suppressions, tmp_path):
    """.seep.yaml is read where it lies, and only there; an option goes before it."""
    suppressions("suppress:\n" + entry(), ".seep.yaml")
    assert seep("scan", "--own", leaky, cwd=tmp_path).status == 0
    assert seep("scan", "--own", "--suppressions", "/dev/null", leaky, cwd=tmp_path).status == 1
    inner = tmp_path / "inner"
    inner.mkdir()
    assert seep("scan", "--own", leaky, cwd=inner).status == 1


def test_suppressions_of_the_documentation(leaky, suppressions):
    """What docs/ci.md and the manual page show is what is read."""
    recipe = (REPO / "docs" / "ci.md").read_text()
    (example,) = re.findall(r"```yaml\n(suppress:.*?)```", recipe, re.DOTALL)
    assert seep("scan", "--own", "--suppressions", suppressions(example), leaky).status == 0
    page = (REPO / "docs" / "seep.1").read_text().replace("\\-", "-")
    (example,) = re.findall(r"^suppress:\n.*?(?=^\.EE)", page, re.DOTALL | re.MULTILINE)
    example = example.replace("cmd/*/poll.go", "tale-*/poll.go")
    assert seep("scan", "--own", "--suppressions", suppressions(example), leaky).status == 0


@pytest.mark.parametrize(
    "keys, suppressed",
    [
        ({"rule": "*"}, True),
        ({"function": "main.*"}, True),
        ({"function": "main.pol?"}, True),
        ({"function": "*"}, True),
        ({"function": "main.pol"}, False),
        ({"function": "poll"}, False),
        ({"function": None, "file": "tale-defer/poll.go"}, True),
        ({"function": None, "file": "*/poll.go"}, True),
        ({"function": None, "file": "**/*.go"}, True),
        ({"function": None, "file": "*.go"}, False),
        ({"function": None, "file": "poll.go"}, False),
        ({"file": "tale-defer/*"}, True),
        ({"file": "cmd/**"}, False),
        ({"rule": "lost-cancel"}, False),
    ],
    ids=str,
)
def test_patterns(leaky, suppressions, keys, suppressed):
    """An entry stands for what all of its keys fit."""
    path = suppressions("suppress:\n" + entry(**keys))
    result, (document,) = documents("--own", "--suppressions", path, leaky)
    assert result.status == int(not suppressed)
    assert document["suppressed"] == int(suppressed)
    unused = [] if suppressed else [{"file": str(path), "line": 2, "reason": "it ends with the process"}]
    assert document["unused_suppressions"] == unused


def test_unused_suppressions(leaky, clean, suppressions):
    """Unused is what no program of the run used; all formats say it, a reason in several lines as one."""
    path = suppressions("suppress:\n" + entry() + entry(function="main.gone", reason="of\n  old\n"))
    unused = [{"file": str(path), "line": 5, "reason": "of old"}]
    for programs in ((leaky, clean), (clean, leaky)):
        _, read = documents("--own", "--suppressions", path, *programs)
        assert [document["unused_suppressions"] for document in read] == [unused, unused]
    _, log = sarif("--own", "--suppressions", path, leaky, clean)
    for run in log["runs"]:
        (note,) = run["invocations"][0]["toolConfigurationNotifications"]
        assert "of old" in note["message"]["text"]
        assert note["locations"][0]["physicalLocation"]["region"]["startLine"] == 5
    result = seep("scan", "--own", "--suppressions", path, leaky, clean)
    assert result.stdout.count(f"{path}:5 ") == 1 and f"{path}:2 " not in result.stdout and result.stderr == ""
    assert seep("scan", "--own", "--quiet", "--suppressions", path, leaky).stderr == ""


@pytest.mark.parametrize("text", ["", "# nothing\n", "suppress:\n", "suppress: []\n", "---\nsuppress:\n", "---\n", "{suppress: []}"])
def test_no_suppressions(leaky, suppressions, text):
    """A file without entries is one."""
    assert seep("scan", "--own", "--suppressions", suppressions(text), leaky).status == 1


BROKEN = {
    "no-yaml": ('suppress:\n  - rule: "defer-in-loop\n', 3),
    "tab": ("suppress:\n\t- rule: x\n", 2),
    "no-text": (b"suppress:\n  - rule: \xff\n", 2),
    "control": ("suppress:\n  - rule: \x01\n", 2),
    "list": ("- suppress\n", 1),
    "word": ("suppress\n", 1),
    "key": ("suppres:\n", 1),
    "second-key": ("suppress: []\nmore: []\n", 2),
    "twice": ("suppress: []\nsuppress: []\n", 2),
    "no-list": ("suppress:\n  rule: defer-in-loop\n", 2),
    "entry-is-word": ("suppress:\n  - defer-in-loop\n", 2),
    "no-rule": ("suppress:\n" + "  - function: a\n    reason: b\n", 2),
    "no-reason": ("suppress:\n" + entry(reason=None), 2),
    "empty-reason": ("suppress:\n" + entry(reason=" \n "), 4),
    "no-place": ("suppress:\n" + entry(function=None), 2),
    "empty-place": ("suppress:\n" + entry(function=""), 3),
    "unknown-key": ("suppress:\n" + entry(line=3), 5),
    "unknown-rule": ("suppress:\n" + entry() + entry(rule="defer-in-lop"), 5),
    "rule-twice": ("suppress:\n" + entry() + "    rule: x\n", 5),
    "function-twice": ("suppress:\n" + entry() + "    function: x\n", 5),
    "function-is-list": ("suppress:\n  - rule: defer-in-loop\n    function: [a]\n", 3),
    "alias": ("suppress:\n  - &a\n    rule: lost-cancel\n    function: x\n    reason: y\n  - *a\n", 6),
    "two-documents": ("suppress: []\n---\nsuppress: []\n", 2),
    "deep": ("suppress: " + "[" * 20000, 1),
    "long": ("suppress:\n" + entry(function="x" * 5000), 3),
    "many": ("suppress:\n" + entry() * 10001, 30002),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_suppressions(leaky, suppressions, name):
    """One line with the file and the line in it, and nothing is scanned."""
    text, line = BROKEN[name]
    path = suppressions(text)
    result = seep("scan", "--own", "--suppressions", path, leaky)
    assert result.error().startswith(f"seep: {path}:{line}: "), result.stderr
    assert result.stdout == "" and "\x01" not in result.stderr


def test_suppressions_that_cannot_be_read(leaky, suppressions, tmp_path):
    """Not there, too large, a folder."""
    assert "missing.yaml" in seep("scan", "--suppressions", tmp_path / "missing.yaml", leaky).error()
    assert "Is a directory" in seep("scan", "--suppressions", tmp_path, leaky).error()
    large = suppressions("#" * (1 << 20) + "\n")
    assert "larger than 1024 KiB" in seep("scan", "--suppressions", large, leaky).error()
    (tmp_path / ".seep.yaml").mkdir()
    assert "Is a directory" in seep("scan", leaky, cwd=tmp_path).error()


@pytest.mark.parametrize("pattern", ["*.go", "*", "*poll"])
def test_star_without_quotes(leaky, suppressions, pattern):
    """For YAML what begins with a star is no text. That is easily forgotten."""
    path = suppressions(f"suppress:\n  - rule: defer-in-loop\n    file: {pattern}\n    reason: it is so\n")
    line = seep("scan", "--suppressions", path, leaky).error()
    assert re.search(r"yaml:[34]: ", line) and "quotes" in line


def test_unknown_rule_is_suggested(leaky, suppressions):
    """A slip of the pen."""
    path = suppressions("suppress:\n" + entry(rule="defer-in-lop"))
    assert "defer-in-loop" in seep("scan", "--suppressions", path, leaky).error()


# ---- baselines


@pytest.fixture
def baseline(tmp_path):
    """A function that keeps what `seep scan --json` says of programs."""

    def keep(*arguments):
        path = tmp_path / "baseline.json"
        path.write_text(seep("scan", "--json", *arguments).stdout)
        return path

    return keep


def test_baseline(leaky, clean, baseline):
    """What is known is not reported and no failure."""
    path = baseline(clean, leaky)
    result, (document,) = documents("--baseline", path, leaky)
    assert (result.status, document["findings"]) == (0, [])
    assert document["known"] >= 1
    result = seep("scan", "--own", "--baseline", path, leaky)
    assert result.status == 0 and "1 known from the baseline" in result.stdout
    _, log = sarif("--baseline", path, leaky)
    assert {found["baselineState"] for found in log["runs"][0]["results"]} == {"unchanged"}


def test_new_since_the_baseline(leaky, clean, baseline):
    """What is not in it is reported."""
    path = baseline("--own", clean)
    result, (document,) = documents("--own", "--baseline", path, leaky)
    assert (result.status, len(document["findings"]), document["known"]) == (1, 1, 0)
    _, log = sarif("--own", "--baseline", path, leaky)
    assert [found["baselineState"] for found in log["runs"][0]["results"]] == ["new"]


def test_baseline_of_older_lines(leaky, baseline, tmp_path):
    """A finding is known when its lines have moved and when the program lies elsewhere; a second one is new."""
    path = baseline("--own", leaky)
    module = tmp_path / "elsewhere"
    shutil.copytree(PROGRAMS / "tale-defer", module / "tale-defer")
    shutil.copytree(PROGRAMS / "internal", module / "internal")
    shutil.copy(PROGRAMS / "go.mod", module)
    source = module / "tale-defer" / "poll.go"
    text = source.read_text().replace("\nfunc poll", "\n\n// Moved.\n\n\nfunc poll", 1)
    source.write_text(text)
    _, (document,) = documents("--own", "--baseline", path, built(module, tmp_path / "moved"))
    assert (document["findings"], document["known"]) == ([], 1)
    source.write_text(text + "\nfunc again(files []*Rows) {\n\tfor _, file := range files {\n\t\tdefer file.Close()\n\t}\n}\n")
    main = module / "tale-defer" / "main.go"
    main.write_text(main.read_text().replace("func main() {", "func main() {\n\tagain(nil)", 1))
    result, (document,) = documents("--own", "--baseline", path, built(module, tmp_path / "more"))
    assert [finding["at"]["function"] for finding in document["findings"]] == ["main.again"]
    assert (document["known"], result.status) == (1, 1)


def built(module, path):
    """The program of that module."""
    find_toolchain("path").run("build", "-buildvcs=false", "-ldflags=-s -w", "-o", str(path), "./tale-defer", cwd=module, CGO_ENABLED="0")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "no json\n",
        "[]\n",
        "{}\n",
        '{"schema":1,"findings":[]}\n',
        '{"schema":1,"binary":{},"findings":[{"rule":"defer-in-loop"}]}\n',
        '{"schema":1,"binary":{},"findings":[{"rule":"defer-in-loop","fingerprint":1}]}\n',
        '{"schema":1,"binary":{},"findings":[',
        '{"schema":2,"binary":{},"findings":[]}\n',
        '{"schema":1,"binary":{},"findings":[]}\n{\n',
        "[" * 5000,
        '"\\ud800"',
    ],
)
def test_broken_baseline(leaky, tmp_path, text):
    """One line that names the file, and nothing is scanned."""
    path = tmp_path / "baseline.json"
    path.write_text(text)
    result = seep("scan", "--baseline", path, leaky)
    assert str(path) in result.error() and result.stdout == ""


def test_line_of_a_broken_baseline(leaky, tmp_path):
    """The line is that of the file, also behind the first document."""
    path = tmp_path / "baseline.json"
    path.write_text('{"schema":1,"binary":{},"findings":[]}\n{"schema":1,\n!\n')
    assert f"{path}:3: " in seep("scan", "--baseline", path, leaky).error()


def test_baseline_of_another_command(leaky, tmp_path):
    """Neither SARIF nor a file that is not there."""
    path = tmp_path / "log.sarif"
    path.write_text(seep("scan", "--sarif", leaky).stdout)
    assert "seep scan --json" in seep("scan", "--baseline", path, leaky).error()
    assert "missing" in seep("scan", "--baseline", tmp_path / "missing", leaky).error()


def test_suppressed_before_known(leaky, baseline, suppressions):
    """Of a finding that is both, the suppression counts."""
    path = suppressions("suppress:\n" + entry())
    _, (document,) = documents("--own", "--suppressions", path, "--baseline", baseline("--own", leaky), leaky)
    assert (document["suppressed"], document["known"], document["findings"]) == (1, 0, [])


# ---- explain


def test_explain_lists_the_rules():
    """One line for each, and no other rules than those of the schemas."""
    result = seep("explain")
    assert result.status == 0 and result.stderr == ""
    names = [line.split()[0] for line in result.stdout.splitlines()]
    inspected = json.loads((REPO / "docs" / "inspect.schema.json").read_text())["$defs"]["finding"]["properties"]["rule"]["enum"]
    assert set(names) == set(RULES) | set(inspected) and len(names) == len(set(names))


@pytest.mark.parametrize("rule", [*RULES, "blocked-goroutines"])
def test_explain(rule):
    """Every rule is explained, in lines that fit."""
    result = seep("explain", rule)
    assert result.status == 0 and result.stderr == ""
    for heading in ("Leaks", "Does not leak", "How to be sure", "What seep cannot know", "Grades"):
        assert f"\n{heading}\n" in result.stdout, heading
    assert result.stdout.startswith(f"{rule}: ")
    assert "`seep inspect" in " ".join(result.stdout.split())
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert not re.search(r"[ \t]$", result.stdout, re.MULTILINE)


@pytest.mark.parametrize("word, meant", [("defer", "defer-in-loop"), ("waitgrup-stuck", "waitgroup-stuck"), ("lost_cancel", "lost-cancel")])
def test_explain_suggests(word, meant):
    """A name that is nearly right."""
    assert meant in seep("explain", word).error()


@pytest.mark.parametrize("arguments", [("nonsense",), ("",), ("\x1b[31m",), ("x" * 5000,), ("a", "b"), ("--json",), ("*",)])
def test_explain_of_nothing(arguments):
    """One line, and no rule."""
    result = seep("explain", *arguments)
    assert result.stdout == "" and "\x1b" not in result.error()
