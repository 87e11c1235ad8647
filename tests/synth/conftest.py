"""What the tests of synthetic programs share.

SEEP names the binary to test, SEEP_SYNTH_FLIPS how many random damages are tried; with SEEP_SYNTH_ALL=1 every damage is
done to every release, not to a few.
"""
import os

import pytest

from .layouts import ARCHES, RELEASES
from .observe import SEEP

EVERY = [(v, a) for v in RELEASES for a in ARCHES]
SOME = [("1.18", "amd64"), ("1.20", "arm64"), ("1.23", "amd64"), ("1.25", "arm64"), ("1.27", "amd64"),
        ("1.27", "arm64")]
FEW = EVERY if os.environ.get("SEEP_SYNTH_ALL") else [("1.18", "amd64"), ("1.24", "arm64"), ("1.27", "amd64")]
FLIPS = int(os.environ.get("SEEP_SYNTH_FLIPS", "200"))


def label(value):
    """Test names such as 1.23-arm64."""
    return "-".join(value) if isinstance(value, tuple) else None


def pytest_sessionstart(session):
    """Without seep there is nothing to test, and that is a failure, not a reason to skip."""
    if not session.config.option.collectonly and not os.access(SEEP, os.X_OK):
        pytest.exit(f"{SEEP} is not there: build it first, or say where it is with SEEP=", returncode=1)
