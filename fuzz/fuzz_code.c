/* Machine code: decoding, and the flow from one call on. The input: u8 whose lowest bit is the architecture and the
 * others what calls do, u16 where the call ends, u16 where the bytes that jump tables are read from begin, then the
 * function's code. */
#include "code/calls.h"
#include "code/trace.h"
#include "fuzz.h"

enum {
    ENTRY = 0x401000,
};

struct world {
    const uint8_t *bytes;
    size_t size, table;
    uint8_t effects;
};

static enum call_effect effect_of(void *context, address callee)
{
    const struct world *world = context;
    return (enum call_effect)((callee + world->effects) % (CALL_LEAVES + 1));
}

/* Tables are read from the code's own bytes: the fuzzer can make any. */
static bool read_word(void *context, address at, uint64_t *value_ret)
{
    const struct world *world = context;
    address offset = at - ENTRY + world->table;
    if (offset > world->size || world->size - offset < 8)
        return false;
    memcpy(value_ret, world->bytes + offset, 8);
    return true;
}

static address next_known(void *context, address pc)
{
    const struct world *world = context;
    address next = (pc + 16) & ~UINT64_C(15);
    return next - ENTRY < world->size ? next : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct world world = {.effects = (uint8_t)fuzz_number(&input, 1)};
    address return_pc = ENTRY + fuzz_number(&input, 2);
    world.table = fuzz_number(&input, 2);
    world.bytes = input.at;
    world.size = input.left;
    struct code code = {.arch = world.effects & 1 ? ARCH_ARM64 : ARCH_AMD64,
                        .bytes = input.at,
                        .size = input.left,
                        .entry = ENTRY,
                        .call_effect = effect_of,
                        .read_word = read_word,
                        .next_known = next_known,
                        .context = &world};
    struct loop_facts facts = {0};
    size_t at = 0;
    address callee = 0;
    while (calls_next(code.arch, code.bytes, code.size, ENTRY, &at, &callee))
        ;
    error_destroy(trace_loop(&code, return_pc, &facts));
    code.next_known = NULL;
    error_destroy(trace_loop(&code, return_pc, &facts));
    return 0;
}
