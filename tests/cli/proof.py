"""What seep says it has proved about leaked goroutines, for the tests that hold it against the truth."""

import pytest

from seepcli import SCHEMA, inspect

NO_PROOF = "this seep has no proof yet"

# One look; and the pause may be long, for the machine may be busy, and nobody waits for these programs.
NOW = ("--for", "0", "--pause", "5s")


def has_proofs():
    """Whether the seep of this tree proves anything."""
    return "proof" in SCHEMA["properties"]


def inspect_now(target):
    """The document of one look, with a proof of that moment."""
    if not has_proofs():
        pytest.skip(NO_PROOF)
    return inspect(target, *NOW).doc


class Proved(frozenset):
    """Numbers of goroutines. A document names the first ten thousand; total is how many there are."""

    total = 0

    @property
    def complete(self):
        """Whether all are named."""
        return self.total == len(self)


def numbers_of(proof):
    """What a proof that is known names."""
    listed = proof["goroutines"]
    numbers = Proved(listed)
    numbers.total = proof["stuck"]
    assert len(numbers) == len(listed), f"some are named twice: {listed}"
    assert len(numbers) == min(numbers.total, 10000), f"{len(numbers)} are named of {numbers.total}"
    return numbers


def proven(document):
    """The numbers of the goroutines that are proved to be leaked. There must be a proof, of whatever way."""
    proof = document["proof"]
    assert proof["known"], f"no proof: {proof.get('why')}"
    return numbers_of(proof)


def look(target):
    """What is proved of a process or a core file at this moment."""
    return proven(inspect_now(target))


def by_number(waiting):
    """What a program says of its goroutines, {name: [number, ...]}, the other way round."""
    return {number: name for name, numbers in (waiting or {}).items() for number in numbers}


def tell(numbers, names):
    """Goroutines by name, with how many of each, for a message."""
    counts = {}
    for number in numbers:
        name = names.get(number, f"goroutine {number}")
        counts[name] = counts.get(name, 0) + 1
    return counts
