"""What seep says it has proved about leaked goroutines, for the tests that hold it against the truth."""

import pytest

NO_PROOF = "this seep has no proof yet"


def proven(document):
    """The numbers of the goroutines that are proved to be leaked. There must be a proof, of whatever way."""
    if "proof" not in document:
        pytest.skip(NO_PROOF)
    proof = document["proof"]
    assert proof["known"], f"no proof: {proof.get('why')}"
    numbers = [goroutine["id"] for goroutine in proof["goroutines"]]
    assert len(set(numbers)) == len(numbers), f"some are named twice: {numbers}"
    return set(numbers)


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
