"""What a finding must say, held against the sources and against the program's own truth."""

from seepcli import describe
from sources import place


def find(document, rule, function):
    """The one finding of that rule at that function."""
    found = [f for f in document["findings"] if f["rule"] == rule and f["at"]["function"] == function]
    assert len(found) == 1, f"{len(found)} findings {rule} at {function} among {describe(document)}"
    return found[0]


def is_at(where, function, file, marker):
    """The place has that function, and the file and line that are marked in the source."""
    path, line = place(file, marker)
    assert where == {"function": function, "file": path, "line": line}


def is_true(finding, before, after):
    """The count lies between what the program had leaked before seep looked and what it had after."""
    assert before["leaked_min"] <= finding["count"] <= after["leaked_max"], (before, finding, after)
    assert finding["because"] and finding["fix"]
    if finding["oldest_s"] is not None and finding["newest_s"] is not None:
        assert finding["newest_s"] <= finding["oldest_s"]
    if finding["progress"]:
        assert finding["progress"]["seconds"] > 0
