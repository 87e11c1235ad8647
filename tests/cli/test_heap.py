"""The heap as seep sees it is the heap as Go's collector sees it: object for object, by its own mark bits.

`make heap-oracle` runs the long form: many Go releases, large heaps, and etcd and prometheus under load.
"""

import base64
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.request

import pytest

import heapcheck
from test_subjects import serve  # noqa: F401  a fixture
from toolchain import EVERY_RELEASE, find_toolchain
from watchcli import free_port

STOP_THE_WORLD = next(iter(heapcheck.STOP_THE_WORLD.items()))
LARGE_MB = 300

# Before 1.25 the clean-up of the package unique runs while the next collection marks. The closures that it makes for that are
# new, so they are marked, and dropped right away: four, one for each of the types that have a map, and for each map a walk over it.
UNIQUE_CLOSURES = 12

# What may be new since the collection: the runtime's own threads go on (the scavenger's timer, a goroutine that dies).
FRESH = 16

# A processor's list of timers that was outgrown: the runtime's scavenger sets its timer behind a collection.
TIMERS = os.cpu_count()


# What only the registers of a goroutine led to that was stopped by a signal when the collector came, which takes all of them: one
# object was seen so in some hundred looks.
INTERRUPTED = 16


def check_seen(marks):
    """All was read, nothing was guessed, and nothing is reached that the collector freed."""
    assert marks.only_reached == 0, str(marks)
    assert (marks.unreadable, marks.unreadable_stacks, marks.not_swept) == (0, 0, 0), str(marks)


def check_exact(marks, release):
    """The zoo stands still: no object too many or too few."""
    check_seen(marks)
    assert marks.both > 100_000 and marks.guessed == 0, str(marks)
    assert (marks.timer, marks.interrupted, marks.weak, marks.dropped, marks.only_stale) == (0, 0, 0, 0, 0), str(marks)
    assert marks.unique <= (UNIQUE_CLOSURES if release in ((1, 23), (1, 24)) else 0), str(marks)
    assert marks.timers <= TIMERS, str(marks)
    assert marks.fresh + marks.fresh_unreached <= FRESH, str(marks)


def check_spinning(marks, release):
    """Goroutines in loops without calls are interrupted by the collector. All their registers count then, wide ones that they do
    not use too, in which older code left something: garbage that stays for one more round. Since 1.25 those are not looked at,
    since 1.27 they are again. Which garbage that is differs from run to run, and what hangs on it: at most one in fifty.

    A goroutine that was not interrupted in time (it is one of more than there are processors) was scanned elsewhere: few objects
    that it used then are held by nothing now, and few that were garbage then are in its registers now.
    """
    check_seen(marks)
    assert marks.guessed == 0, str(marks)
    assert marks.interrupted <= (0 if release in ((1, 25), (1, 26)) else marks.both // 50), str(marks)
    assert marks.dropped <= 64 and marks.only_stale <= 64 and marks.weak == 0, str(marks)
    assert marks.unique <= (UNIQUE_CLOSURES if release in ((1, 23), (1, 24)) else 0), str(marks)
    assert marks.timers <= TIMERS, str(marks)
    assert marks.fresh + marks.fresh_unreached <= FRESH, str(marks)


def check_zoo(start, toolchain, mode, *flags):
    """Builds the zoo, stops it right after its collection, and compares."""
    release = find_toolchain(toolchain).release
    spinning = "-spin=0" not in flags
    program = start("heap-zoo", *flags, toolchain=toolchain, mode=mode)
    with heapcheck.stopped(program.pid):
        marks = heapcheck.marks(program.pid)
    (check_spinning if spinning else check_exact)(marks, release)
    print(f"{toolchain} {mode} {' '.join(flags)}: {marks.counts}")


def test_every_kind_of_object(start):
    """Stripped, the usual Go, about 30 MB."""
    check_zoo(start, "path", "static", "-spin=0")


def test_interrupted_goroutines(start):
    check_zoo(start, "path", "static", "-spin=3")


def test_core_of_the_zoo(start, tmp_path):
    """A core file, whose registers are known, says the same."""
    if shutil.which("gcore") is None:
        pytest.skip("there is no gcore")
    program = start("heap-zoo", "-spin=0")
    subprocess.run(["gcore", "-o", tmp_path / "core", str(program.pid)], check=True, capture_output=True)
    check_exact(heapcheck.marks(tmp_path / f"core.{program.pid}", program.process.args[0]), find_toolchain("path").release)


@pytest.mark.heap
@pytest.mark.parametrize("toolchain", EVERY_RELEASE)
@pytest.mark.parametrize("mode, flags", [
    ("static", ["-spin=0"]), ("static", ["-spin=3"]), ("static", ["-spin=0", f"-mb={LARGE_MB}"]), ("static", ["-spin=3", f"-mb={LARGE_MB}"]),
    ("pie", ["-spin=0"]), ("cgo", ["-spin=0"]), ("noopt", ["-spin=0"]),
])
def test_every_release(start, toolchain_or_skip, toolchain, mode, flags):
    toolchain_or_skip(toolchain)
    check_zoo(start, toolchain, mode, *flags)


@pytest.mark.heap
@pytest.mark.parametrize("toolchain", EVERY_RELEASE)
def test_busy_zoo(start, toolchain_or_skip, tmp_path, toolchain):
    """Not one object differs while all goroutines are at work, wherever they are interrupted."""
    toolchain_or_skip(toolchain)
    program = start("heap-zoo", "-busy=20", toolchain=toolchain, env={**os.environ, **heapcheck.STOP_THE_WORLD})
    check_under_load(program.pid, tmp_path, 10, 100_000)


# ---- real servers


def ask(address, body=None):
    with urllib.request.urlopen(address, data=body, timeout=30) as answer:
        return answer.read()


class Load:
    """Threads that ask again and again until they are stopped."""

    def __init__(self, asks, threads=4):
        self.end = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(ask_once, i), daemon=True) for ask_once in asks for i in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self, ask_once, number):
        while not self.end.is_set():
            try:
                ask_once(number)
            except OSError:
                pass
            number += 7

    def stop(self):
        self.end.set()
        for thread in self.threads:
            thread.join()


def put(clients):
    def put_one(number):
        key = base64.b64encode(f"key{number % 5000}".encode()).decode()
        ask(f"http://127.0.0.1:{clients}/v3/kv/put", json.dumps({"key": key, "value": key * 20}).encode())
    return put_one


def check_under_load(pid, folder, rounds, least):
    """At the end of some collections, whatever the program is doing then: no object differs but for timers. The scheduler takes those
    that were stopped or fired from its lists meanwhile, and with them goes what hangs on them: at most one object in fifty. The clean-up of unique goes on as well,
    and a goroutine may have been stopped by a signal."""
    for _ in range(rounds):
        marks = heapcheck.marks_at_the_end_of_a_collection(pid, folder)
        print(f"{pid}: {marks.counts}")
        check_seen(marks)
        assert marks.both > least and marks.guessed == 0, str(marks)
        assert (marks.weak, marks.dropped) == (0, 0), str(marks)
        assert marks.interrupted <= INTERRUPTED, str(marks)
        assert marks.unique <= UNIQUE_CLOSURES, str(marks)
        assert marks.timer <= marks.both // 50, str(marks)


@pytest.mark.heap
def test_prometheus(serve, tmp_path, monkeypatch):  # noqa: F811
    if shutil.which("prometheus") is None:
        pytest.skip("there is no prometheus")
    monkeypatch.setenv(*STOP_THE_WORLD)
    port = free_port()
    (tmp_path / "prometheus.yml").write_text("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: self\n"
                                             f"  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n")
    address = f"http://127.0.0.1:{port}"
    prometheus = serve(["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/prom",
                        f"--web.listen-address=127.0.0.1:{port}"], f"{address}/-/ready")
    load = Load([lambda n: ask(f"{address}/api/v1/query?query=rate(go_memstats_alloc_bytes_total[{1 + n % 9}m])"), lambda n: ask(f"{address}/metrics"),
                 lambda n: ask(f"{address}/debug/pprof/heap?gc=1")])
    try:
        time.sleep(10)
        check_under_load(prometheus.pid, tmp_path, 5, 30_000)
    finally:
        load.stop()


@pytest.mark.heap
def test_etcd(serve, tmp_path, monkeypatch):  # noqa: F811
    if shutil.which("etcd") is None:
        pytest.skip("there is no etcd")
    monkeypatch.setenv(*STOP_THE_WORLD)
    clients, peers = free_port(), free_port()
    etcd = serve(["etcd", "--enable-pprof", f"--data-dir={tmp_path}/etcd", f"--listen-client-urls=http://127.0.0.1:{clients}",
                  f"--advertise-client-urls=http://127.0.0.1:{clients}", f"--listen-peer-urls=http://127.0.0.1:{peers}",
                  f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}", f"--initial-cluster=default=http://127.0.0.1:{peers}"],
                 f"http://127.0.0.1:{clients}/health")
    load = Load([put(clients), lambda n: ask(f"http://127.0.0.1:{clients}/debug/pprof/heap?gc=1")])
    try:
        time.sleep(20)
        check_under_load(etcd.pid, tmp_path, 5, 15_000)
    finally:
        load.stop()
