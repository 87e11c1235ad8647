"""Which calls are in loops, from what Go's own disassembler prints: can control come back to the call?"""
import re

INSTRUCTION = re.compile(r"  .*?:-?\d+\t+0x([0-9a-f]+)\t+([0-9a-f]+)\t+(\S+) *([^\t]*)")
CONDITIONAL = {
    "amd64": re.compile(r"J(?!MP)"),
    "arm64": re.compile(r"(B(EQ|NE|[HC]S|LO|CC|MI|PL|VS|VC|HI|LS|GE|LT|GT|LE)|CBN?ZW?|TBN?Z)$"),
}
ENDS = re.compile(r"(RET|UD2|UNDEF|BRK|HLT|INT)")
NEVER_RETURN = re.compile(r"runtime\.((go)?[pP]anic\w*|throw|fatal\w*|block|goexit0?|unreachableMethod)\(SB\)")


def command(functions):
    """Arguments of the go command, to which the executable comes."""
    return ["tool", "objdump", "-s", f"^({'|'.join(re.escape(name) for name in sorted(functions))})$"]


def in_loops(listing, arch, calls):
    """address of call -> True, False, or None if a computed jump hides it."""
    code = {}
    for line in listing.splitlines():
        match = INSTRUCTION.match(line)
        if match:
            address, text, name, operands = match.groups()
            code[int(address, 16)] = len(text) // 2, name, operands.strip()
    return {call: comes_back(code, arch, call) for call in calls}


def comes_back(code, arch, call):
    hidden, seen, todo = False, set(), [call]
    while todo:
        here = todo.pop()
        for there in follow(code, arch, here):
            if there == call:
                return True
            if there is None:
                hidden = True
            elif there in code and there not in seen:
                seen.add(there)
                todo.append(there)
    return None if hidden or call not in code else False


def follow(code, arch, address):
    """Where control can be after the instruction; None is somewhere."""
    if address not in code:
        return []
    size, name, operands = code[address]
    behind = address + size
    if ENDS.match(name) or (name == "CALL" and NEVER_RETURN.match(operands)):
        return []
    if CONDITIONAL[arch].match(name):
        return [behind, target(address, operands)]
    if name == "JMP":
        return [] if operands.endswith("(SB)") else [target(address, operands)]  # (SB): another function
    return [behind]


def target(address, operands):
    direct = re.search(r"(?:^|, )0x([0-9a-f]+)$", operands)
    if direct:
        return int(direct.group(1), 16)
    relative = re.search(r"(?:^|, )(-?\d+)\(PC\)$", operands)
    return address + 4 * int(relative.group(1)) if relative else None
