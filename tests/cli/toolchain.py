"""Finds Go toolchains and builds the test programs with them.

Programs are built once and kept in SEEP_TEST_CACHE (build/test-programs), by toolchain and by mode.
"""

import functools
import glob
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
PROGRAMS = REPO / "tests" / "programs"
CACHE = Path(os.environ.get("SEEP_TEST_CACHE", REPO / "build" / "test-programs"))

BUILD_SECONDS = 900

# Each minor release that seep reads.
EVERY_RELEASE = ("1.18.10", "1.19", "1.20.14", "1.21.13", "1.22.10", "1.23.4", "1.24.5", "1.25.3", "path", "1.27.3")

# How a program can be built: flags for `go build`, and whether cgo is on.
MODES = {
    "static": (["-ldflags=-s -w"], False),
    "symbols": ([], False),
    "pie": (["-buildmode=pie", "-ldflags=-s -w"], False),
    "cgo": (["-tags=withcgo", "-ldflags=-s -w"], True),
    "cgo-pie": (["-tags=withcgo", "-buildmode=pie", "-ldflags=-s -w"], True),
    "trimpath": (["-trimpath", "-ldflags=-s -w"], False),
    "race": (["-race", "-ldflags=-s -w"], True),
    "noopt": (["-gcflags=all=-N -l", "-ldflags=-s -w"], False),
}

# Those that this machine does not run by itself.
FOREIGN = {"arm64": (["-ldflags=-s -w"], False)}


class Unavailable(Exception):
    """A toolchain that this machine does not have and cannot get."""


@dataclass(frozen=True)
class Toolchain:
    """One Go release."""

    name: str
    command: str
    version: str
    environment: tuple = ()

    @property
    def release(self):
        """The release as numbers: go1.21.13 is (1, 21)."""
        found = re.match(r"go(\d+)\.(\d+)", self.version)
        return int(found.group(1)), int(found.group(2))

    def run(self, *arguments, cwd=PROGRAMS, **environment):
        """Runs the go command and returns what it prints."""
        settings = {**os.environ, "GOFLAGS": "", "GO111MODULE": "", **dict(self.environment), **environment}
        settings.pop("GOROOT", None)
        done = subprocess.run(
            [self.command, *arguments], cwd=cwd, env=settings, text=True, capture_output=True, timeout=BUILD_SECONDS
        )
        if done.returncode != 0:
            raise RuntimeError(f"{self.command} {' '.join(arguments)} failed:\n{done.stderr}")
        return done.stdout


def _version_of(command, **environment):
    settings = {**os.environ, "GOFLAGS": "", **environment}
    settings.pop("GOROOT", None)
    done = subprocess.run(
        [command, "version"], cwd="/", env=settings, text=True, capture_output=True, timeout=BUILD_SECONDS
    )
    found = re.search(r"go version (go\S+)", done.stdout)
    if done.returncode != 0 or not found:
        raise Unavailable((done.stderr or done.stdout).strip().splitlines()[-1])
    return found.group(1)


def _installed():
    """The go commands of the distribution, newest last."""
    return sorted(glob.glob("/usr/lib/go-*/bin/go"), key=lambda path: [int(n) for n in re.findall(r"\d+", path)])


@functools.lru_cache(maxsize=None)
def find_toolchain(name):
    """The toolchain of that name: "path", or a release such as "1.19" or "1.27.3"."""
    command = shutil.which("go")
    if command is None:
        command = next(iter(["/usr/lib/go/bin/go", *reversed(_installed())]), None)
    if name == "path":
        if command is None or not os.path.exists(command):
            raise Unavailable("there is no Go on this machine")
        return Toolchain(name, command, _version_of(command, GOTOOLCHAIN="local"), (("GOTOOLCHAIN", "local"),))
    for candidate in _installed():
        version = _version_of(candidate, GOTOOLCHAIN="local")
        if version == f"go{name}" or version.startswith(f"go{name}."):
            return Toolchain(name, candidate, version, (("GOTOOLCHAIN", "local"),))
    path = find_toolchain("path")
    if path.version == f"go{name}":
        return path
    if path.release < (1, 21) or name.count(".") < 2:
        raise Unavailable(f"{path.version} cannot fetch go{name}")
    version = _version_of(path.command, GOTOOLCHAIN=f"go{name}")
    if version != f"go{name}":
        raise Unavailable(f"asked for go{name}, got {version}")
    return Toolchain(name, path.command, version, (("GOTOOLCHAIN", f"go{name}"),))


@functools.lru_cache(maxsize=None)
def go_build(program, toolchain="path", mode="static"):
    """Builds one program and returns where the executable is.

    Stripped and static for the usual toolchain is what most tests want: then all programs are built at once. But
    those further down, such as "scan/early-return/leaky", share their names, and each is built when it is wanted.
    """
    go = find_toolchain(toolchain)
    flags, cgo = {**MODES, **FOREIGN}[mode]
    if cgo and shutil.which("gcc") is None and shutil.which("cc") is None:
        raise Unavailable("there is no C compiler for cgo")
    module = PROGRAMS
    what = [f"./{program}"]
    directory = (CACHE / go.version / mode / program).parent
    if (PROGRAMS / program / "go.mod").exists():
        module = PROGRAMS / program
        what = ["."]
    elif (toolchain, mode) == ("path", "static") and "/" not in program:
        folders = sorted(path.parent for path in PROGRAMS.glob("*/main.go"))
        what = [f"./{folder.name}" for folder in folders if not (folder / "go.mod").exists()]
    directory.mkdir(parents=True, exist_ok=True)
    go.run("build", "-buildvcs=false", *flags, "-o", f"{directory}/", *what, cwd=module, CGO_ENABLED=str(int(cgo)),
           **({"GOARCH": mode} if mode in FOREIGN else {}))
    name = Path(program).name if what != ["."] else go.run("list", "-m", cwd=module).strip().rsplit("/", 1)[-1]
    executable = directory / name
    assert executable.exists(), f"{executable} was not built"
    return executable
