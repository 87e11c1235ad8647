"""`seep history` on stores whose past is known: tests/store/fixture.c writes them."""

import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess

import jsonschema
import pytest

from seepcli import SEEP, seep
from toolchain import REPO

FIXTURE = SEEP.parent / "tests" / "store" / "fixture"
SCHEMA = json.loads((REPO / "docs" / "history.schema.json").read_text())
AGENT = "agent@api.service"
END_MS = 1_793_000_000_000
DAYS = 2
INTERVAL_MS = 60_000
UTF8 = {"LC_ALL": "C.UTF-8", "TZ": "UTC", "COLUMNS": "80"}
ASCII = {"LC_ALL": "C", "TZ": "UTC", "COLUMNS": "80"}


def write_store(path, *arguments):
    subprocess.run([FIXTURE, path, *map(str, arguments)], check=True, timeout=120)
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """The whole story, in two days."""
    path = tmp_path_factory.mktemp("history") / "watch.db"
    return write_store(path, "--days", DAYS, "--interval-ms", INTERVAL_MS, "--end-ms", END_MS)


def history(store, *arguments, environment=None):
    return seep("history", "--store", store, *arguments, environment={**UTF8, **(environment or {})})


def documents(store, *arguments):
    result = history(store, "--json", *arguments)
    assert result.stderr == "", str(result)
    found = [json.loads(line) for line in result.stdout.splitlines()]
    for document in found:
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
    opened = any(call["open"] for document in found for call in document["calls"])
    assert result.status == int(opened), str(result)
    return found


def test_all_programs_worst_first(store):
    result = history(store, environment={"COLUMNS": "200"})
    assert result.status == 1 and result.stderr == ""
    heading, *lines = result.stdout.splitlines()
    assert heading.split() == "STATE PROGRAM MEMORY A DAY TO LIMIT RELEASE RUN LAST DAY".split()
    assert [line.split()[0] for line in lines[:2]] == ["leaking", "climbing"]
    assert lines[0].split()[1] == AGENT and "v1.4.3" in lines[0]
    assert any(line.startswith("ended") and "exporter@metrics.service" in line for line in lines)
    assert any(line.split()[:2] == ["steady", "worker"] and line.split()[-2] == "3" for line in lines)
    assert any("3 calls are open" in line for line in lines)


@pytest.mark.parametrize("columns", [40, 80, 140])
@pytest.mark.parametrize("names", [(), (AGENT,), ("importer",), ("worker",), ("<script>",)])
def test_nothing_is_wider_than_the_terminal(store, columns, names):
    result = history(store, *names, environment={"COLUMNS": str(columns)})
    if columns >= 80 and names != ("<script>",):
        assert max(map(len, result.stdout.splitlines())) <= columns, result.stdout
    assert "\033" not in result.stdout


def test_one_program(store):
    result = history(store, AGENT)
    text = result.stdout
    assert result.status == 1 and result.stderr == ""
    for part in ("leaking", "main.(*Agent).publish metrics.go:56", "main.(*Agent).poll poll.go:31", "out of memory",
                 "rollback", "▲ v1.4.3", "heap live at the last collection", "reached in", "WAS CALLED"):
        assert part in text, text
    assert any(0x2800 < ord(letter) < 0x2900 for letter in text)
    assert text.index("LEAK  ") < text.index("WAS CALLED"), "what is open comes first"


def test_plain_letters_where_nothing_else_is_understood(store):
    result = history(store, AGENT, environment=ASCII)
    chart = result.stdout[result.stdout.index("heap live at"):result.stdout.index("BEGAN")]
    assert chart.isascii() and "R v1.4.3" in chart, chart


def test_a_limit_that_is_near_is_drawn(store):
    assert "┄" in history(store, "importer").stdout
    assert "┄" not in history(store, "billing").stdout


def test_colour_only_if_asked_for(store):
    assert "\033[" in history(store, AGENT, "--color", "always").stdout
    assert "\033[" not in history(store, AGENT, "--color", "never").stdout


def test_json_says_what_was_written(store):
    found = {document["program"]: document for document in documents(store)}
    assert len(found) == 9
    agent = found[AGENT]
    assert [life["release"] for life in agent["lives"]] == ["v1.4.0", "v1.4.0", "v1.4.1", "v1.4.2", "v1.4.2", "v1.4.1", "v1.4.3"]
    assert [life["kind"] for life in agent["lives"]] == ["first", "restart", "release", "release", "restart", "rollback", "release"]
    assert [life["end"] for life in agent["lives"]] == ["exited", "exited", "exited", "out-of-memory", "exited", "exited", "runs"]
    assert sorted(call["cause"].split()[0] for call in agent["calls"] if call["open"]) == ["blocked-goroutines", "defer-in-loop"]
    assert agent["now"]["goroutines"] >= 9800 and agent["now"]["heap_live"]
    assert found["importer@batch.service"]["now"]["heap_live"] is None
    assert found["worker"]["running"] == 3
    assert sum(name.startswith("<script>") for name in found) == 1


def test_the_chart_keeps_the_peaks(store):
    """Minimum and maximum of what is thinned are those of all samples."""
    thinned = documents(store, AGENT, "--metric", "rss")[0]["series"]
    rows = samples(store, AGENT)
    for life in thinned["lives"]:
        values = [int(row["rss"]) for row in rows if row["life"] == str(life["life"])]
        assert min(life["min"]) == min(values) and max(life["max"]) == max(values)
        assert life["last"][-1] == values[-1]


def samples(store, *arguments):
    result = history(store, "--csv", *arguments)
    assert result.stderr == ""
    return list(csv.DictReader(io.StringIO(result.stdout)))


def test_csv_has_every_sample(store):
    rows = samples(store, "billing")
    gap = DAYS * 86_400_000 * 0.015 / INTERVAL_MS
    assert abs(len(rows) - (DAYS * 86_400_000 / INTERVAL_MS - gap)) < 3
    assert rows[-1]["time"] == "2026-10-26T07:33:20.000Z"
    assert len({row["time"] for row in rows}) == len(rows)
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert all(row["heap_live"] and row["goroutines"] for row in rows)
    assert {row["program"] for row in samples(store)} >= {AGENT, "worker"}


def test_csv_is_no_formula(store):
    rows = samples(store, "<script>")
    assert rows[0]["program"].startswith("<script>") and rows[0]["release"] == '"><img src=x onerror=1>'


def test_a_span(store):
    ago = f"{(END_MS - 6 * 3_600_000) // 1000}"
    since = subprocess.run(["date", "-u", "-d", f"@{ago}", "+%Y-%m-%dT%H:%M:%S"], capture_output=True, text=True, check=True).stdout.strip()
    rows = samples(store, AGENT, "--since", since)
    assert abs(len(rows) - 361) <= 1 and {row["release"] for row in rows} == {"v1.4.3"}
    document = documents(store, AGENT, "--since", since)[0]
    assert len(document["lives"]) == 1 and document["from_ms"] == END_MS - 6 * 3_600_000
    assert history(store, AGENT, "--until", "2020-01-01").error().endswith("in that time")


@pytest.mark.parametrize("name, meant", [("agent", AGENT), ("agent@", AGENT), ("indexer.serv", "indexer@indexer.service"), ("2407", "importer@batch.service")])
def test_names(store, name, meant):
    assert documents(store, name)[0]["program"] == meant


@pytest.mark.parametrize("arguments, said", [
    (["importr"], "there is importer@batch.service"),
    (["no-such-program"], "`seep history` lists all"),
    (["e"], "may be any of"),
    (["--metric", "speed", "agent"], "there is no metric 'speed'"),
    (["--since", "yesterday"], "'yesterday' is no time"),
    (["--since", "1h", "--until", "2h"], "--since is later than --until"),
    (["--json", "--csv"], "do not go together"),
    (["--color", "red"], "--color is always, never or auto"),
    (["a", "b"], "one program, or all"),
])
def test_what_cannot_be(store, arguments, said):
    assert said in history(store, *arguments).error()


def test_no_store_says_how_to_make_one(tmp_path):
    assert "`seep watch` makes one" in history(tmp_path / "none.db").error()
    (tmp_path / "text.db").write_text("not a store" * 100)
    assert "is not a store of seep" in history(tmp_path / "text.db").error()
    assert history(tmp_path).error()
    os.mkfifo(tmp_path / "fifo")
    assert "is no file" in history(tmp_path / "fifo").error()
    assert "file only" in history("postgres://host/db").error()


def test_the_default_place(store, tmp_path):
    shutil.copy(store, tmp_path / "said.db")
    assert seep("history", environment={**UTF8, "SEEP_STORE": str(tmp_path / "said.db")}).status == 1
    said = seep("history", environment={**UTF8, "SEEP_STORE": str(tmp_path / "else.db")}).error()
    assert str(tmp_path / "else.db") in said


def test_a_closed_pipe_is_no_disaster(store):
    done = subprocess.run(f"'{SEEP}' history --store '{store}' --csv | head -1; exit ${{PIPESTATUS[0]}}", shell=True, executable="/bin/bash",
                          capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("time,program") and done.stderr == ""


def test_a_broken_store_is_read_as_far_as_it_goes(store, tmp_path):
    """Bytes in the middle of the file that mean nothing: an answer or one line, never a crash or a hang."""
    size = store.stat().st_size
    for round_ in range(24):
        broken = tmp_path / "broken.db"
        for companion in tmp_path.glob("broken.db*"):
            companion.unlink()
        shutil.copy(store, broken)
        with open(broken, "r+b") as file:
            file.seek(200 + (size - 4096) * round_ // 24)
            file.write(bytes((round_ * 37 + i * 11) % 256 for i in range(3000)))
        if round_ % 6 == 5:
            os.truncate(broken, size // 2)
        for arguments in ([], ["agent"], ["--csv", "agent"]):
            result = history(broken, *arguments)
            assert result.status != 2 or len(result.stderr.splitlines()) == 1, str(result)


def test_blobs_that_were_tampered_with(store, tmp_path):
    """Whoever can write the file can write what he likes into the blobs: what makes no sense is passed over."""
    broken = tmp_path / "broken.db"
    shutil.copy(store, broken)
    with sqlite3.connect(broken) as db:
        db.execute("UPDATE sealed SET samples = substr(samples, 1, length(samples) / 2) WHERE rowid % 3 = 0")
        db.execute("UPDATE sealed SET samples = x'01ffffffff0f00' WHERE rowid % 3 = 1")
        db.execute("UPDATE rolled SET points = zeroblob(100) WHERE rowid % 2 = 0")
        db.execute("UPDATE periods SET samples = 'text' WHERE rowid % 2 = 0")
        db.execute("UPDATE lives SET kind = 77, end = -1, release = x'ff00fe' WHERE id = 3")
        db.execute("UPDATE lives SET first_seen_ms = -9223372036854775808, last_seen_ms = 9223372036854775807 WHERE id = 1")
        db.execute("UPDATE lives SET go_version = 'go' || char(27) || '[31m' || char(155) || char(8238), unit = char(27) || ']0;x' || char(7)")
        db.execute("UPDATE standings SET why = why || char(27) || '[2J'")
        db.execute("UPDATE calls SET state = 99, because = NULL, cause = NULL")
        db.execute("UPDATE markers SET kind = -5, at_ms = -9223372036854775808")
        db.execute("UPDATE standings SET series = 4294967295, state = -3 WHERE life = 7")
    db.close()
    for arguments in ([], ["agent"], ["--csv", "agent"], ["--json"]):
        result = history(broken, *arguments)
        assert result.status in (0, 1), str(result)
        assert not set("\033\x07\x9b\u202e") & set(result.stdout)


@pytest.mark.usefixtures("root")
def test_a_store_in_a_folder_that_is_read_only(store, tmp_path):
    """A copy that lies where nothing can be written, without the writer's companions."""
    mount = tmp_path / "mount"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mount], capture_output=True)
    if done.returncode:
        pytest.skip("may not mount")
    try:
        shutil.copy(store, mount / "watch.db")
        subprocess.run(["mount", "-o", "remount,ro", mount], check=True)
        assert history(mount / "watch.db").status == 1
    finally:
        subprocess.run(["umount", "-l", mount], check=True)
