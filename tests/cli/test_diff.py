"""What grew, against what the test program says it added."""

from seepcli import seep
from snapshots import diff, gcore, rows_at, save


def count(rows):
    assert len(rows) == 1, rows
    return rows[0]["count"]


def added_between(target, tmp_path, more):
    """Two snapshots, with the truth on both sides of each."""
    truths, paths = [], []
    target.wait_leaked(50)
    for name in ("old.seep", "new.seep"):
        if paths:
            target.wait_leaked(truths[-1]["leaked_max"] + more)
        truths.append(target.truth())
        paths.append(save(target.pid, tmp_path / name))
        truths.append(target.truth())
    return truths, paths


def test_goroutines(start, tmp_path):
    """Senders that came, and who they are; the other way round they went."""
    target = start("tale-send", "-every", "2ms")
    truths, (old, new) = added_between(target, tmp_path, 100)
    document = diff(old, new)
    assert document["same_process"] and document["same_build"]
    waiting = [row for row in rows_at(document, "goroutines", "main.(*Agent).publish.func1") if row["name"] == "chan send"]
    assert truths[0]["leaked_min"] <= count(waiting)["old"] <= truths[1]["leaked_max"]
    assert truths[2]["leaked_min"] <= count(waiting)["new"] <= truths[3]["leaked_max"]
    row, = rows_at(document, "started", "main.(*Agent).publish")
    assert row["came"] - row["went"] == row["count"]["new"] - row["count"]["old"] >= 100
    assert document["grew"] and document["seconds"] > 0
    back = diff(new, old)
    row_back, = rows_at(back, "started", "main.(*Agent).publish")
    assert (row_back["came"], row_back["went"]) == (row["went"], row["came"])


def test_defers(start, tmp_path):
    """Deferred calls of one statement."""
    target = start("tale-defer", "-every", "2ms")
    truths, (old, new) = added_between(target, tmp_path, 100)
    document = diff(old, new)
    row, = rows_at(document, "defers", "main.poll")
    assert truths[0]["leaked_min"] <= row["count"]["old"] <= truths[1]["leaked_max"]
    assert truths[2]["leaked_min"] <= row["count"]["new"] <= truths[3]["leaked_max"]
    assert document["grew"]


def test_what_a_goroutine_holds(start, tmp_path):
    """By its go statement: it waits at another line every three seconds."""
    target = start("growing", "-kind", "steps")
    counts, paths = [], []
    for name, more in (("old.seep", 200), ("new.seep", 400)):
        least = (counts or [0])[-1] + more
        counts.append(target.wait_until(lambda truth: truth["count"] >= least)["count"])
        paths.append(save(target.pid, tmp_path / name))
        counts.append(target.truth()["count"])
    document = diff(*paths)
    (row,) = [row for row in document["ways"] if row["name"].startswith("goroutines started at main.") and row["name"].endswith(" → main.session")]
    assert counts[0] <= row["count"]["old"] <= counts[1] and counts[2] <= row["count"]["new"] <= counts[3], (row, counts)


def test_two_processes(build, run, tmp_path):
    """Not the same process: by place; ids tell nothing."""
    paths = []
    for name, more in (("old.seep", 0), ("new.seep", 25)):
        target = run(build("saved"), "-n", "40", "-more", str(more))
        paths.append(save(target.pid, tmp_path / name))
    document = diff(*paths)
    assert document["same_build"] and not document["same_process"]
    assert count(rows_at(document, "started", "main.main")) == {"old": 40, "new": 65}
    assert count(rows_at(document, "goroutines", "main.send")) == {"old": 40, "new": 65}
    assert rows_at(document, "started", "main.main")[0]["came"] is None
    assert diff(paths[1], paths[0])["grew"] is False


def test_two_releases(build, run, tmp_path):
    """Another build: by function, lines apart."""
    paths = []
    for name, mode in (("old.seep", "static"), ("new.seep", "noopt")):
        target = run(build("saved", mode=mode), "-n", "40")
        paths.append(save(target.pid, tmp_path / name))
    document = diff(*paths)
    assert not document["same_build"]
    assert count(rows_at(document, "goroutines", "main.send")) == {"old": 40, "new": 40}
    assert count(rows_at(document, "started", "main.main")) == {"old": 40, "new": 40}


def test_what_does_not_count(start, tmp_path):
    """A map that grew by some KiB: rows say so, and the last line says what of it would have counted."""
    target = start("growing", "-kind", "map")
    paths = []
    for least in (100, 300):
        target.wait_until(lambda truth: truth["count"] >= least)
        paths.append(save(target.pid, tmp_path / f"{least}.seep"))
    result = seep("diff", *paths)
    assert result.status == 0 and " main.session ×" in result.stdout, str(result)
    end = " ".join(result.stdout[result.stdout.index("nothing grew that counts: "):].split())
    assert "no goroutines of a go statement" in end and "by a tenth and 1 MiB" in end


def test_same(start, tmp_path):
    """A process that does nothing: nothing grew, and of one file nothing changed."""
    target = start("saved")
    old, new = save(target.pid, tmp_path / "old.seep"), save(target.pid, tmp_path / "new.seep")
    document = diff(old, new)
    assert not document["grew"]
    for kind in ("started", "goroutines", "defers", "heap"):
        assert all(row["count"]["old"] == row["count"]["new"] for row in document[kind] if not row["system"]), kind
    result = seep("diff", old, old)
    assert result.status == 0 and "nothing changed" in result.stdout
    assert seep("diff", old, new, "-q").stdout == ""


def test_cores(start, tmp_path):
    """Core files compare as well, and with snapshots."""
    target = start("saved", "-n", "40")
    core = gcore(target.pid, tmp_path / "core")
    document = diff(core, save(target.pid, tmp_path / "new.seep"))
    assert count(rows_at(document, "goroutines", "main.send")) == {"old": 40, "new": 40}
    assert document["seconds"] is None and not document["same_process"]


def test_usage(start, tmp_path):
    """What cannot be compared is said in one line."""
    target = start("saved")
    path = save(target.pid, tmp_path / "saved.seep")
    assert "seep save" in seep("diff", target.pid, path).error()
    for words in ([], [path], [path, path, path], [path, path, "--no"], [path, path, "-q", "--json"]):
        assert "seep help diff" in seep("diff", *words).error()
    seep("diff", path, tmp_path / "none.seep").error()
