"""The page's interface is what docs/watch-api.md and docs/watch-api.schema.json say, no more and no less."""

import csv
import io
import json
import re
import socket
import sqlite3
import subprocess
import time
import urllib.request

import jsonschema
import pytest

import seepcli
from program import Program
from toolchain import REPO, Unavailable, go_build
from watchcli import Watch, own_copy

FIXTURE = seepcli.SEEP.parent / "tests" / "store" / "fixture"
DOC = (REPO / "docs" / "watch-api.md").read_text()
METRICS_DOC = (REPO / "docs" / "metrics.md").read_text()
SCHEMA = json.loads((REPO / "docs" / "watch-api.schema.json").read_text())
METRICS = set(SCHEMA["$defs"]["values"]["required"])
HOUR_MS = 3600 * 1000
JSON_PATHS = {"/api/v1/" + name: name for name in ("machine", "programs", "program", "series", "at", "inspections", "inspection")}


def check(definition, document):
    jsonschema.Draft202012Validator({"$ref": f"#/$defs/{definition}", "$defs": SCHEMA["$defs"]}).validate(document)
    return document


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    """One with a past of two days, in which things leaked, and with a Go program that runs now."""
    folder = tmp_path_factory.mktemp("api")
    subprocess.run([FIXTURE, folder / "watch.db", "--days", "2", "--interval-ms", "120000"], check=True, timeout=120)
    try:
        program = Program([own_copy(go_build("tickers"), folder)])
    except Unavailable as reason:
        pytest.skip(f"Go: {reason}")
    program.wait_for("ready")
    watch = Watch(folder, interval="200ms", only=[program.name]).start()
    watch.own = program.name
    watch.wait_line("the page is at")
    watch.wait_programs(program.name)
    yield watch
    watch.stop()
    program.stop()


def rows(agent):
    return check("programs", agent.ask("/api/v1/programs"))["programs"]


# ---- answers

def test_the_schema_itself_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert {part["$ref"].rsplit("/", 1)[1] for part in SCHEMA["anyOf"]} == {*JSON_PATHS.values(), "export", "error"}


def test_the_machine_and_all_programs(agent):
    machine = check("machine", agent.ask("/api/v1/machine"))
    assert {metric["name"] for metric in machine["metrics"]} == METRICS and machine["agent"]["running"]
    running = [row for row in rows(agent) if row["running"]]
    assert [row["name"] for row in running] == [agent.own] and running[0]["now"]["goroutines"] > 0


def test_each_program_with_all_that_hangs_on_it(agent):
    seen = {"calls": 0, "markers": 0, "standing": 0, "slope": 0, "line": 0, "groups": 0, "memory": 0, "document": 0}
    for row in rows(agent):
        program = check("program", agent.ask("/api/v1/program", program=row["program"]))
        if not row["running"]:  # what an ended life was thought to be is no headline
            assert program["state"] == "ended" and program["why"] is None and row["why"] is None
        seen["calls"] += len(program["calls"])
        seen["markers"] += len(program["markers"])
        seen["slope"] += sum(release["slope"] is not None for release in program["releases"])
        for life in program["lives"]:
            seen["standing"] += life["standing"] is not None
            seen["line"] += bool(life["standing"] and life["standing"]["line"])
            middle = (life["first_seen_ms"] + life["last_seen_ms"]) // 2
            for at in {life["last_seen_ms"], middle if middle > life["first_seen_ms"] + HOUR_MS else life["last_seen_ms"]}:
                moment = check("at", agent.ask("/api/v1/at", life=life["id"], at=at))
                seen["groups"] += len(moment["groups"])
                seen["memory"] += len(moment["memory"])
                assert sum(part["bytes"] for part in moment["memory"]) == moment["values"]["rss"]
                counts = [group["count"] for group in moment["groups"]]
                assert counts == sorted(counts, reverse=True)
            for inspection in check("inspections", agent.ask("/api/v1/inspections", life=life["id"]))["inspections"]:
                one = check("inspection", agent.ask("/api/v1/inspection", id=inspection["id"]))
                if one["document"]:
                    seen["document"] += 1
                    jsonschema.Draft202012Validator(seepcli.SCHEMA).validate(one["document"])
                assert {**inspection, "document": one["document"]} == one
    assert all(seen.values()), f"the past has some of each: {seen}"


def test_charts_of_every_metric(agent):
    steps = set()
    for row in rows(agent):
        for metric in METRICS:
            for points in (0, 50) if metric in ("rss", "cpu") else (50,):
                chart = check("series", agent.ask("/api/v1/series", program=row["program"], metric=metric, points=points))
                steps.add(chart["step_ms"] > 0)
                for life in chart["lives"]:
                    assert ("min" in life) == ("max" in life) == (chart["step_ms"] > 0)
                    assert {len(column) for key, column in life.items() if key not in ("life", "lane")} == {len(life["t"])}
    assert steps == {True, False}, "both charts of every sample and thinned ones"


def test_exports(agent):
    for row in rows(agent):
        deadline = time.monotonic() + 60
        while True:
            status, headers, body = agent.get("/export", program=row["program"], format="json", points=0)
            if len(json.loads(body)["samples"]) > 3 or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        assert status == 200 and headers["Content-Type"] == "application/json"
        samples = check("export", json.loads(body))["samples"]
        status, headers, body = agent.get("/export", program=row["program"], points=0)
        assert status == 200 and headers["Content-Type"].startswith("text/csv")
        heading, *lines = csv.reader(io.StringIO(body.decode(), newline=""))
        assert heading[:5] == ["time", "time_ms", "life", "pid", "release"] and set(heading[5:]) == METRICS
        assert len(samples) > 3 and len(lines) >= len(samples), "csv was asked for later"
        for sample, line in zip(samples, lines):
            row = dict(zip(heading, line))
            assert {key: str(value) for key, value in sample.items() if key != "release"} == \
                {key: cell for key, cell in row.items() if cell and key not in ("time", "release")}


def test_errors_are_one_line(agent):
    for path, parameters, expected in [("/api/v1/nothing", {}, 404), ("/api/v1/program", {"program": "nobody"}, 404), ("/api/v1/inspection", {"id": 999999}, 404),
                                       ("/api/v1/at", {"life": 1, "at": 5}, 404), ("/api/v1/at", {"life": 0, "at": 5}, 400), ("/api/v1/program", {}, 400),
                                       ("/api/v1/series", {"program": "x", "metric": "magic"}, 400), ("/export", {"program": "nobody"}, 404)]:
        status, _, body = agent.get(path, **parameters)
        assert status == expected, (path, parameters, body)
        assert "\n" not in check("error", json.loads(body))["error"]
    assert agent.get("/api/v1/machine", method="POST")[0] == 405
    assert agent.get("/api/v1/machine", headers={"Host": "evil.example"})[0] == 403


# ---- what the documents say

def documented_places():
    """Of the table in docs/watch-api.md: path to the names of its parameters."""
    found = {}
    for cell in re.findall(r"^\| `(/[^`]*)` \|", DOC, re.MULTILINE):
        path, _, query = cell.partition("?")
        found[path] = [part.split("=")[0] for part in query.split("&") if part]
    return found


def served_places():
    """Of the server's own table."""
    table = re.search(r"places\[\] = \{(.*?)\n\};", (REPO / "src" / "serve" / "routes.c").read_text(), re.DOTALL)[1]
    return {path: wanted.split() for path, wanted in re.findall(r'\{"([^"]+)", "([^"]*)"', table)}


def test_the_document_names_every_address_and_parameter_and_no_others(agent):
    served = served_places()
    assert documented_places() == {path: [name.rstrip("!") for name in wanted] for path, wanted in served.items()}
    assert {path for path in served if path.startswith("/api/")} == set(JSON_PATHS)
    for path, wanted in served.items():
        said = json.loads(agent.get(path, **{"no-such": 1})[2])["error"]
        assert said.partition("there are: ")[2].split(", ") == ([name.rstrip("!") for name in wanted] or [""]), "the table is what is served"
        needed = [name[:-1] for name in wanted if name.endswith("!")]
        assert agent.get(path)[0] == (400 if needed else 200), path


def keys_of(schema):
    """All keys that documents of a schema may have."""
    schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    found = set(schema.get("properties", {}))
    for part in [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *([schema["items"]] if "items" in schema else [])]:
        found |= keys_of(part)
    return found


@pytest.mark.parametrize("name", sorted(JSON_PATHS.values()))
def test_the_document_shows_every_key_and_no_others(name):
    section = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", DOC, re.DOTALL | re.MULTILINE)[1]
    shown = set(re.findall(r'"(\w+)":', "".join(re.findall(r"```\n(.*?)```", section, re.DOTALL))))
    assert shown - METRICS == keys_of({"$ref": f"#/$defs/{name}"}) - METRICS


def test_the_document_names_every_metric_for_prometheus_and_no_others(agent):
    names = "\n".join(re.findall(r"^\| (`.*?) \|", METRICS_DOC, re.MULTILINE))
    labels_of, last = {}, None
    for name, labels in re.findall(r"`((?:seep|…)_\w+)(\{[^}]*\})?`", names):
        last = last if name.startswith("…") else name
        labels_of[name.replace("…", last)] = labels.strip("{}")
    text = agent.get("/metrics")[2].decode()
    served = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    assert set(labels_of) == served
    for name, labels in re.findall(r"^(seep_\w+)\{(.*)\} ", text, re.MULTILINE):
        assert re.findall(r'(\w+)="', labels) == ["program", "unit", "instance_lane", *filter(None, labels_of[name].split(","))], name


def test_what_is_not_known_has_no_sample(tmp_path):
    """A store in which no agent has said anything of itself yet."""
    subprocess.run([FIXTURE, tmp_path / "watch.db", "--days", "1", "--programs", "1", "--interval-ms", "600000"], check=True, timeout=120)
    with sqlite3.connect(tmp_path / "watch.db") as db:
        db.execute("DELETE FROM facts WHERE name LIKE 'agent%'")
    with socket.create_server(("127.0.0.1", 0)) as door:
        page = subprocess.Popen([seepcli.SEEP.parent / "seep-page", "--store", tmp_path / "watch.db", "--socket", str(door.fileno())],
                                pass_fds=[door.fileno()])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{door.getsockname()[1]}/metrics", timeout=30) as answer:
                samples = dict(line.split(" ") for line in answer.read().decode().splitlines() if not line.startswith("#"))
        finally:
            page.kill()
            page.wait()
    assert set(samples) == {"seep_agent_up", "seep_store_bytes"} and samples["seep_agent_up"] == "0"
