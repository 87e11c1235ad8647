#include "scan/closures.h"

enum {
    CLOSURE_BYTES_MAX = 1 << 16
};

bool closure_entry(struct scanner *scanner, const struct summary *summary,
                   const struct value *closure, address *entry_ret)
{
    if (closure->kind == VALUE_NUMBER) {
        uint64_t entry = 0;
        if (error_ignore(target_u64(scanner->target, (address)closure->number, &entry)))
            return false;
        *entry_ret = entry;
        return true;
    }
    struct value word = summary_field(summary, closure, 0);
    *entry_ret = (address)word.number;
    return word.kind == VALUE_NUMBER;
}

uint64_t closure_bytes(struct scanner *scanner, const struct summary *summary,
                       const struct value *closure)
{
    uint64_t size = 0;
    if (closure->kind != VALUE_RESULT || closure->number)
        return 0;
    for (size_t i = 0; i < summary->calls.length; i++) {
        const struct summary_call *call = &summary->calls.at[i];
        const struct value *type = &call->arguments[0];
        uint32_t makes;
        if (call->made.node != closure->node || type->kind != VALUE_NUMBER ||
            !u64map_get(&scanner->summaries.makes, call->made.callee, &makes))
            continue;
        /* internal/abi.Type begins with its size */
        if (error_ignore(target_u64(scanner->target, (address)type->number, &size)))
            return 0;
    }
    return size <= CLOSURE_BYTES_MAX ? size : 0;
}
