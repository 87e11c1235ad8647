"""Finds lines in the sources of the test programs by the comments that mark them."""

from toolchain import PROGRAMS


def place(file, marker):
    """The file, with its whole path, and the number of the line that says `// seep: MARKER`."""
    path = PROGRAMS / file
    lines = [
        number
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.rstrip().endswith(f"// seep: {marker}")
    ]
    assert len(lines) == 1, f"{file}: {len(lines)} lines are marked with {marker!r}"
    return str(path), lines[0]
