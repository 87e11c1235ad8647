"""What seep reads of the runtime's counters is what the program's own runtime/metrics says."""

import time

import pytest

from seepcli import inspect
from test_builds import FULL, SHORT

MIB = 1 << 20
# Objects come and go by a few between the program's answer and seep's look; whole spans hardly do.
SLACK = {"heap_idle_bytes": MIB, "heap_released_bytes": MIB, "heap_in_use_bytes": MIB, "stacks_bytes": 256 << 10}


def check(program, **expected):
    """At a moment when the program is quiet, all that both know is equal."""
    time.sleep(0.3)
    before = program.truth()
    counters = inspect(program.pid).doc["runtime_counters"]
    after = program.truth()
    assert before["collections"] == after["collections"], "it is not quiet"
    assert counters["collections"] == before["collections"]
    if "heap_live_bytes" in before:  # from Go 1.21 on
        assert counters["heap_live_bytes"] == before["heap_live_bytes"]
    assert 300 * 65536 < counters["heap_live_bytes"] < 40 * MIB
    if "memory_limit_bytes" not in expected and expected.get("gogc") != -1:
        assert abs(counters["heap_goal_bytes"] - before["heap_goal_bytes"]) < MIB
    before["heap_in_use_bytes"] += before["heap_unused_bytes"]
    for key, slack in SLACK.items():
        assert abs(counters[key] - before[key]) <= slack, (key, counters[key], before[key])
    for key, value in {"gogc": 100, "memory_limit_bytes": None, **expected}.items():
        assert counters[key] == value


@pytest.mark.parametrize("toolchain, mode", SHORT)
def test_counters_are_the_runtimes_own(toolchain, mode, start):
    check(start("counters", toolchain=toolchain, mode=mode))


@pytest.mark.matrix
@pytest.mark.parametrize("toolchain, mode", FULL)
def test_counters_in_every_build(toolchain, mode, start):
    check(start("counters", toolchain=toolchain, mode=mode))


def test_settings_of_the_collector_are_read(start):
    check(start("counters", "-gogc", "75"), gogc=75)
    check(start("counters", "-gogc", "400", "-limit", "512"), gogc=400, memory_limit_bytes=512 * MIB)
    check(start("counters", "-gogc", "-1", "-limit", "64"), gogc=-1, memory_limit_bytes=64 * MIB)
