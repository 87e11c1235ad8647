"""etcd and prometheus under load, watched: neither is called. `make real` runs it; SEEP_REAL_MINUTES says for how long (default 8)."""

import base64
import os
import shutil
import threading
import time
import urllib.request

import pytest

from test_subjects import serve  # noqa: F401  a fixture
from watchcli import Watch, free_port

MINUTES = float(os.environ.get("SEEP_REAL_MINUTES", "8"))


def put(number):
    """A key of five thousand, and a value."""
    key = base64.b64encode(f"key{number % 5000}".encode()).decode()
    return f'{{"key": "{key}", "value": "{key * 20}"}}'.encode()


def load(address, bodies, stop):
    """Asks again and again, on connections of its own each time; some are left open, as clients do."""
    count = 0
    while not stop.is_set():
        try:
            urllib.request.urlopen(address(count), data=bodies(count), timeout=10).read()
        except OSError:
            pass
        count += 1
        stop.wait(0.01)


@pytest.mark.real
def test_busy_servers_are_not_called(serve, tmp_path):  # noqa: F811
    if shutil.which("etcd") is None or shutil.which("prometheus") is None:
        pytest.skip("there is no etcd or no prometheus")
    clients, peers, port = free_port(), free_port(), free_port()
    etcd = serve(["etcd", f"--data-dir={tmp_path}/etcd", f"--listen-client-urls=http://127.0.0.1:{clients}",
                  f"--advertise-client-urls=http://127.0.0.1:{clients}", f"--listen-peer-urls=http://127.0.0.1:{peers}",
                  f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}", f"--initial-cluster=default=http://127.0.0.1:{peers}"],
                 f"http://127.0.0.1:{clients}/health")
    (tmp_path / "prometheus.yml").write_text("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: both\n"
                                             f"  static_configs: [{{targets: ['127.0.0.1:{port}', '127.0.0.1:{clients}']}}]\n")
    prometheus = serve(["prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/prom",
                        f"--web.listen-address=127.0.0.1:{port}"], f"http://127.0.0.1:{port}/-/ready")
    folder = tmp_path / "watch"
    folder.mkdir()
    watch = Watch(folder, interval="2s", only=["etcd", "prometheus"]).start()
    stop = threading.Event()
    users = [threading.Thread(target=load, daemon=True, args=(lambda n: f"http://127.0.0.1:{clients}/v3/kv/put", put, stop)) for _ in range(4)]
    users += [threading.Thread(target=load, daemon=True, args=(lambda n: f"http://127.0.0.1:{port}/api/v1/query?query=rate(go_memstats_alloc_bytes_total[{1 + n % 9}m])",
                                                              lambda n: None, stop)) for _ in range(4)]
    try:
        for user in users:
            user.start()
        watch.wait_programs("etcd", "prometheus")
        deadline = time.monotonic() + MINUTES * 60
        while time.monotonic() < deadline:
            time.sleep(5)
            lines = watch.lines()
            called = [line for line in lines if ": leaks:" in line or ": climbs:" in line]
            assert not called, called
            assert etcd.poll() is None and prometheus.poll() is None and watch.process.poll() is None, lines
        programs = watch.programs()
        for name in ("etcd", "prometheus"):
            assert programs[name]["now"]["heap_live"] and programs[name]["now"]["goroutines"] > 20, programs[name]
    finally:
        stop.set()
        watch.stop()
