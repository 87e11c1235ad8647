"""Go programs that nobody here wrote: esbuild from npm in many releases, and Go servers of the distribution."""

import shutil
import socket
import subprocess
import tarfile
import time
import urllib.request

import pytest

import godump
from seepcli import describe, inspect, seep
from toolchain import CACHE

# Built with Go 1.19 to 1.26. Those from 0.27 on have no build information: nothing but the runtime itself says
# that it is Go, and which.
ESBUILD = ["0.15.18", "0.17.19", "0.18.20", "0.21.5", "0.23.1", "0.24.2", "0.25.5", "0.27.2", "0.28.2"]
NEWEST = "0.25.5"


def free_port():
    """A port of the loopback device that nobody uses just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def esbuild(version):
    """The executable of one release, fetched once."""
    directory = CACHE / f"esbuild-{version}"
    executable = directory / "package" / "bin" / "esbuild"
    if executable.exists():
        return executable
    if shutil.which("npm") is None:
        pytest.skip("there is no npm")
    directory.mkdir(parents=True, exist_ok=True)
    name = f"@esbuild/linux-x64@{version}"
    try:
        done = subprocess.run(["npm", "pack", name], cwd=directory, capture_output=True, text=True, timeout=180)
    except subprocess.TimeoutExpired:
        pytest.skip("npm does not answer")
    packages = list(directory.glob("*.tgz"))
    if done.returncode != 0 or not packages:
        pytest.skip(f"npm cannot fetch {name}")
    with tarfile.open(packages[0]) as package:
        package.extractall(directory)
    return executable


def wait_for_page(address, process, words=b"", patience=90):
    """Waits until a server gives a page with those words in it, and returns the page."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                page = answer.read()
            if words in page:
                return page
        except OSError:  # not there yet, or not ready yet
            pass
        assert process.poll() is None, f"{process.args} ended"
        assert time.monotonic() < deadline, f"{address} does not answer"
        time.sleep(0.1)


@pytest.fixture
def serve(tmp_path):
    """A function that starts a server and waits until it answers. It ends with the test."""
    processes = []

    def start_server(command, address):
        log = open(tmp_path / "log", "wb")
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=tmp_path
        )
        log.close()
        processes.append(process)
        wait_for_page(address, process)
        return process

    yield start_server
    for process in processes:
        process.kill()
        process.wait()
        process.stdin.close()


def check_server(pid, expected):
    """Nothing is reported, everything is read, and the stacks are those of a server that waits."""
    result = inspect(pid)
    document = result.doc
    assert result.status == 0, describe(document)
    unread = document["unread"]
    assert (unread["goroutines"], unread["defers"], unread["channels"]) == (0, 0, 0), unread
    groups = document["goroutines"]["groups"]
    running = sum(g["count"] for g in groups if g["state"] in ("running", "runnable", "syscall"))
    assert unread["stacks"] <= running, unread
    for group in groups:
        if group["state"] == "waiting":
            assert group["complete"], group
            assert group["wait_reason"], group
    waiting_in = {frame["function"] for group in groups for frame in group["frames"]}
    assert expected <= waiting_in, sorted(waiting_in)
    listed = godump.parse(seep("inspect", "--goroutines", pid).stdout)
    assert len(listed) >= document["goroutines"]["user"] / 2
    assert sum(v for k, v in document["memory"].items() if k != "rss_bytes") == document["memory"]["rss_bytes"]
    return document


def check_esbuild(serve, tmp_path, version):
    """Serves one file with one release of esbuild and inspects it."""
    executable = esbuild(version)
    (tmp_path / "app.js").write_text("console.log(1)\n")
    port = free_port()
    command = [executable, f"--serve=127.0.0.1:{port}", "--servedir=.", "--outdir=out", "app.js"]
    process = serve(command, f"http://127.0.0.1:{port}/")
    document = check_server(process.pid, {"net/http.(*Server).Serve"})
    content = executable.read_bytes()
    assert document["target"]["go_version"] and document["target"]["go_version"].encode() in content
    assert document["target"]["stripped"] is True
    if b"\xff Go buildinf:" in content:
        assert document["target"]["main_module"] == "github.com/evanw/esbuild"


def test_esbuild(serve, tmp_path):
    """One release of esbuild."""
    check_esbuild(serve, tmp_path, NEWEST)


@pytest.mark.matrix
@pytest.mark.parametrize("version", [version for version in ESBUILD if version != NEWEST])
def test_every_esbuild(serve, tmp_path, version):
    """Releases of many years, built with many releases of Go."""
    check_esbuild(serve, tmp_path, version)


@pytest.mark.real
def test_etcd(serve, tmp_path):
    """Debian's etcd with an empty store."""
    if shutil.which("etcd") is None:
        pytest.skip("there is no etcd")
    clients, peers = free_port(), free_port()
    command = [
        "etcd",
        f"--data-dir={tmp_path}/data",
        f"--listen-client-urls=http://127.0.0.1:{clients}",
        f"--advertise-client-urls=http://127.0.0.1:{clients}",
        f"--listen-peer-urls=http://127.0.0.1:{peers}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
        f"--initial-cluster=default=http://127.0.0.1:{peers}",
    ]
    process = serve(command, f"http://127.0.0.1:{clients}/health")
    check_server(process.pid, {"go.etcd.io/etcd/etcdserver.(*EtcdServer).run"})


@pytest.mark.real
def test_prometheus(serve, tmp_path):
    """Debian's prometheus, which watches itself."""
    if shutil.which("prometheus") is None:
        pytest.skip("there is no prometheus")
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\n"
        "scrape_configs:\n"
        "- job_name: self\n"
        f"  static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
    )
    command = [
        "prometheus",
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    process = serve(command, f"http://127.0.0.1:{port}/-/ready")
    wait_for_page(f"http://127.0.0.1:{port}/api/v1/query?query=up", process, b'"instance"')
    check_server(process.pid, {"github.com/prometheus/prometheus/scrape.(*Manager).Run"})


@pytest.mark.real
def test_etcd_against_its_own_list(serve, tmp_path):
    """etcd tells its goroutines over HTTP; seep sees the same functions, and as many."""
    if shutil.which("etcd") is None:
        pytest.skip("there is no etcd")
    clients, peers = free_port(), free_port()
    command = [
        "etcd",
        "--enable-pprof",
        f"--data-dir={tmp_path}/data",
        f"--listen-client-urls=http://127.0.0.1:{clients}",
        f"--advertise-client-urls=http://127.0.0.1:{clients}",
        f"--listen-peer-urls=http://127.0.0.1:{peers}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{peers}",
        f"--initial-cluster=default=http://127.0.0.1:{peers}",
    ]
    process = serve(command, f"http://127.0.0.1:{clients}/health")
    page = wait_for_page(f"http://127.0.0.1:{clients}/debug/pprof/goroutine?debug=2", process)
    theirs = godump.parse(page.decode())
    ours = godump.parse(seep("inspect", "--goroutines", process.pid).stdout)
    common = [n for n, g in theirs.items() if n in ours and g.state not in ("running", "runnable", "syscall")]
    assert len(common) >= 20
    same = [n for n in common if godump.same_stack(ours[n], theirs[n], 97)]
    assert len(same) >= 0.9 * len(common), [(ours[n].visible(), theirs[n].visible()) for n in common if n not in same][:3]
