"""The face of the command: help, versions, wrong usage, colours, and how little it says when there is nothing."""

import os
import pty
import re
import subprocess

import pytest

from seepcli import SEEP, seep

ENOUGH = 200
ESCAPE = "\x1b["


def test_help():
    """Help tells the commands and goes to standard output."""
    result = seep("--help")
    assert result.status == 0 and result.stderr == ""
    assert "inspect" in result.stdout and "ps" in result.stdout


def test_help_of_inspect():
    """Help of a command tells its options."""
    result = seep("inspect", "--help")
    assert result.status == 0 and result.stderr == ""
    for option in ("--for", "--json", "--goroutines", "--exe", "--quiet", "--color"):
        assert option in result.stdout, option


def test_help_of_ps():
    """So does that of ps."""
    result = seep("ps", "--help")
    assert result.status == 0 and "--json" in result.stdout


def test_version():
    """The version is a number."""
    result = seep("--version")
    assert result.status == 0 and result.stderr == ""
    assert re.search(r"\d+\.\d+", result.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--no-such-option",),
        ("no-such-command",),
        ("inspect",),
        ("inspect", "--no-such-option", "1"),
        ("inspect", "--for", "soon", "1"),
        ("inspect", "--for", "-1s", "1"),
        ("inspect", "--color=sometimes", "1"),
        ("inspect", "--exe"),
        ("ps", "--no-such-option"),
    ],
    ids=" ".join,
)
def test_wrong_usage(arguments):
    """What seep does not know it says in one line."""
    result = seep(*arguments)
    assert result.error().startswith("seep")
    assert result.stdout == ""


@pytest.mark.parametrize("arguments, named", [
    (("--under", "main", "--goroutines"), "--under"),
    (("--html", "a", "--html", "b"), "--html"),
    (("--pprof", "a", "--pprof", "a"), "--pprof"),
])
def test_options_that_would_be_left_out(leaky, tmp_path, arguments, named):
    """Nothing that was asked for is ignored."""
    result = seep("inspect", *arguments, "--for", "0", leaky.pid, cwd=tmp_path)
    assert result.error().startswith(f"seep: {named} ") and result.stdout == ""
    assert not list(tmp_path.iterdir())


def test_no_arguments():
    """Without a command seep says how to use it, and that nothing was done."""
    result = seep()
    assert result.status == 2
    assert "inspect" in result.stdout + result.stderr


@pytest.fixture
def leaky(start):
    """A program with a leak."""
    target = start("tale-defer", "-every", "2ms")
    target.wait_leaked(ENOUGH)
    return target


@pytest.mark.parametrize(
    "option, environment, coloured",
    [
        ((), {}, False),
        (("--color=always",), {}, True),
        (("--color=never",), {}, False),
        (("--color=auto",), {}, False),
        ((), {"NO_COLOR": "1"}, False),
        (("--color=always",), {"NO_COLOR": "1"}, True),
    ],
)
def test_colour_into_a_pipe(leaky, option, environment, coloured):
    """Plain into a pipe, unless asked for."""
    result = seep("inspect", *option, leaky.pid, environment=environment)
    assert result.status == 1
    assert (ESCAPE in result.stdout) == coloured


@pytest.mark.parametrize(
    "option, environment, coloured",
    [
        ((), {}, True),
        (("--color=never",), {}, False),
        ((), {"NO_COLOR": "1"}, False),
        ((), {"NO_COLOR": ""}, True),
        ((), {"TERM": "dumb"}, False),
    ],
)
def test_colour_on_a_terminal(leaky, option, environment, coloured):
    """Coloured on a terminal, unless asked not to."""
    outer, inner = pty.openpty()
    settings = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    settings.update({"TERM": "xterm-256color", **environment})
    process = subprocess.Popen(
        [SEEP, "inspect", *option, str(leaky.pid)], stdin=subprocess.DEVNULL, stdout=inner, stderr=subprocess.PIPE, env=settings
    )
    os.close(inner)
    text = b""
    while True:
        try:
            piece = os.read(outer, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        text += piece
    os.close(outer)
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    assert b"main.poll" in text
    assert (ESCAPE.encode() in text) == coloured


def test_quiet(start, leaky):
    """With --quiet there is no output; the exit status tells."""
    clean = start("tale-defer-fixed")
    result = seep("inspect", "--quiet", clean.pid)
    assert (result.status, result.stdout, result.stderr) == (0, "", "")
    result = seep("inspect", "--quiet", leaky.pid)
    assert (result.status, result.stdout, result.stderr) == (1, "", "")


def test_closed_output(leaky):
    """A reader that goes away early is no reason to crash."""
    for arguments in (["inspect", "--goroutines", str(leaky.pid)], ["ps"]):
        reader, writer = os.pipe()
        os.close(reader)
        process = subprocess.Popen([SEEP, *arguments], stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        _, complaint = process.communicate(timeout=60)
        assert process.returncode in (0, 1, 2, -13), complaint
        assert b"Sanitizer" not in complaint


def test_full_disk(leaky):
    """Output that could not be written is not passed over in silence."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run([SEEP, "inspect", "--json", str(leaky.pid)], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
