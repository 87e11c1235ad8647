"""What seep says it has proved about leaked goroutines, for the tests that hold it against the truth."""

import pytest

from seepcli import inspect

NO_PROOF = "this seep has no proof yet"


def proof_of(document):
    """What a document says about its proof. Skips the test if it says nothing."""
    if "proof" not in document:
        pytest.skip(NO_PROOF)
    return document["proof"]


def proven(document):
    """The numbers of the goroutines that are proved to be leaked. There must be a proof, of whatever way."""
    proof = proof_of(document)
    assert proof["known"], f"no proof: {proof.get('why')}"
    numbers = [goroutine for goroutine in proof["goroutines"]]
    assert len(set(numbers)) == len(numbers), f"some are named twice: {numbers}"
    return set(numbers)


def look(target):
    """What is proved of a process or a core file at this moment."""
    return proven(inspect(target, "--for", "0", "--pause", "10s").doc)


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
