"""What seep proves is what Go's own profile of leaked goroutines says, on the programs that Go tests it with.

Some of them here, one for each primitive at least; tools/leakprofile has all, with two releases of Go.
"""

import pytest

import leakprofile
from leakprofile import Outcome
from proof import look
from toolchain import Unavailable

TRIES = 4

QUIET = (
    "NilRecv",
    "NilSend",
    "SelectNoCases",
    "ChanSend",
    "Select",
    "WaitGroup",
    "MutexHeap",
    "RWMutexRLock",
    "RWMutexLock",
    "Cond",
    "Mixed",
    "NoLeakGlobal",
    "NoCloseRange",
    "Cockroach13197",  # a context
    "Grpc1275",
)
MOVING = ("Cockroach1055", "Etcd7492")


@pytest.fixture(scope="module", name="cases")
def build_cases():
    """The programs, built with the newest release that is here."""
    if leakprofile.missing():
        pytest.skip(leakprofile.missing())
    reasons = []
    for release in reversed(leakprofile.RELEASES):
        try:
            return leakprofile.build(release)
        except Unavailable as reason:
            reasons.append(f"Go {release}: {reason}")
    return pytest.skip("; ".join(reasons))


@pytest.mark.parametrize("name", QUIET)
def test_quiet(cases, name):
    """Nothing moves when the profile is taken: the verdicts are the same."""
    assert cases[name].quiet
    outcomes = []
    for _ in range(TRIES):
        outcome = leakprofile.run(cases[name], look)
        assert not outcome.problems, outcome
        outcomes.append(outcome)
        if outcome.exact:
            return
    raise AssertionError(f"never the same: {outcomes}")


@pytest.mark.parametrize("name", MOVING)
def test_moving(cases, name):
    """Others go on meanwhile: what was proved before is in Go's profile, what is in Go's profile is proved after."""
    outcome = leakprofile.run(cases[name], look)
    assert outcome.go is not None and not outcome.problems, outcome


def test_judgement():
    """The oracle itself: who may be missing where, and who may not."""
    assert Outcome(go={1, 2}, before={1, 2}, after={1, 2}).judge().exact
    assert not Outcome(go={1, 2}, before={1}, after={1, 2, 3}).judge().problems
    assert not Outcome(go={1, 2}, before={1}, after={1, 2, 3}).exact
    assert Outcome(go={1}, before={1, 2}, after={1, 2}).judge().problems
    assert Outcome(go={1, 2}, before={1}, core={3}, after={1, 2}).judge().problems
    assert Outcome(go={1, 2}, before={1}, after={1}).judge().problems
    assert not Outcome(ended="it did not get there").exact
