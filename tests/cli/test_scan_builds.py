"""`seep scan` reads every form of a Go program, for both architectures, and finds the same in each."""

import shutil

import pytest

from scancli import own, scan
from toolchain import EVERY_RELEASE, MODES, PROGRAMS, Unavailable, find_toolchain, go_build

RELEASES = tuple(release for release in EVERY_RELEASE if release != "path")

# What Go can make beside an executable: flags, architecture, whether a C compiler is needed.
FORMS = {
    "c-shared": (["-buildmode=c-shared"], "amd64", True),
    "plugin": (["-buildmode=plugin"], "amd64", True),
    "arm64": ([], "arm64", False),
    "arm64-pie": (["-buildmode=pie"], "arm64", False),
}


def holds_the_two_leaks(document, mode):
    """The defer that never runs, and that it is proved: also where nothing is optimised."""
    found = [f for f in own(document) if f["rule"] == "defer-in-loop" and f["grade"] == "certain"]
    assert sorted(short(f["at"]) for f in found) == ["dispatch", "reconnect", "tail"], mode
    assert document["functions"]["undecoded"] == 0
    assert {f["module"]["path"] for f in found} == {"example.com/seep-tests"}
    assert {f["module"]["file"] for f in found} == {"scan/defer-in-loop/leaky/main.go"}
    for finding in found:
        assert finding["call_bytes"] >= 32, finding  # the record alone
        assert mode == "noopt" or finding["deferred"]["function"], finding


def short(place):
    """The function without its package: that of a plugin is called by its path."""
    return place["function"].rsplit(".", 1)[-1]


def early_returns(document):
    """The functions that leave a goroutine behind."""
    return {short(f["started_at"]) for f in own(document) if f["rule"] == "early-return"}


@pytest.mark.parametrize("mode", MODES)
def test_modes(build, mode):
    """Static, position independent, with cgo, trimmed, with the race detector, without optimisation."""
    holds_the_two_leaks(scan(build("scan/defer-in-loop/leaky", "path", mode)), mode)
    assert "fetchProfile" in early_returns(scan(build("scan/early-return/leaky", "path", mode)))


@pytest.mark.parametrize("form", FORMS)
def test_forms(tmp_path, form):
    """Shared libraries, plugins, and the other architecture, built for it here."""
    flags, arch, cgo = FORMS[form]
    if cgo and shutil.which("gcc") is None:
        pytest.skip("there is no C compiler for cgo")
    try:
        go = find_toolchain("path")
    except Unavailable as reason:
        pytest.skip(str(reason))
    for program in ("defer-in-loop", "early-return"):
        go.run("build", "-buildvcs=false", "-ldflags=-s -w", *flags, "-o", str(tmp_path / program),
               f"./scan/{program}/leaky", cwd=PROGRAMS, CGO_ENABLED=str(int(cgo)), GOARCH=arch)
    document = scan(tmp_path / "defer-in-loop")
    assert document["binary"]["arch"] == arch and document["binary"]["stripped"]
    holds_the_two_leaks(document, form)
    assert "fetchProfile" in early_returns(scan(tmp_path / "early-return"))


@pytest.mark.matrix
@pytest.mark.parametrize("release", RELEASES)
def test_releases(build, release):
    """Each Go release that machine code was looked at for."""
    holds_the_two_leaks(scan(build("scan/defer-in-loop/leaky", release)), release)
    assert {"fetchProfile", "loadConfig"} <= early_returns(scan(build("scan/early-return/leaky", release)))
