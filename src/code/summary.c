/* Questions to a summary. */
#include "code/summary_internal.h"

#include <stdlib.h>

enum {
    RESULTS_AT = 8, /* behind the return address of amd64, the saved link register of arm64 */
    GIVEN_BYTES = 160,
    RESOLVE_MAX = 4
};

void summary_destroy(struct summary *summary)
{
    if (!summary)
        return;
    traced_deinit(&summary->traced);
    adjacency_deinit(&summary->forward);
    VECTOR_DEINIT(&summary->calls);
    VECTOR_DEINIT(&summary->stores);
    VECTOR_DEINIT(&summary->returns);
    VECTOR_DEINIT(&summary->closures);
    VECTOR_DEINIT(&summary->compares);
    VECTOR_DEINIT(&summary->cases);
    VECTOR_DEINIT(&summary->counts);
    VECTOR_DEINIT(&summary->exposed);
    VECTOR_DEINIT(&summary->addresses);
    u64map_deinit(&summary->numbers);
    u64map_deinit(&summary->kept);
    u64map_deinit(&summary->loaded);
    VECTOR_DEINIT(&summary->held);
    free(summary);
}

bool summary_keeps(const struct summary *summary, const struct value *result)
{
    uint32_t value;
    return u64map_get(&summary->kept, result_key(result), &value);
}

struct value summary_field(const struct summary *summary, const struct value *object,
                           int64_t offset)
{
    struct value found = {0};
    if (object->kind != VALUE_RESULT || object->number)
        return found;
    for (size_t i = 0; i < summary->stores.length; i++) {
        const struct summary_store *store = &summary->stores.at[i];
        if (!value_same(&store->base, object) || store->offset != offset)
            continue;
        if (found.kind != VALUE_UNKNOWN && !value_same(&found, &store->stored))
            return (struct value){0};
        found = store->stored;
        if (found.kind == VALUE_UNKNOWN)
            return found;
    }
    return found;
}

static bool is_case(const struct summary *summary, int64_t at)
{
    for (size_t i = 0; i < summary->calls.length; i++) {
        const struct summary_call *call = &summary->calls.at[i];
        if (call->case_count && at >= call->cases_at &&
            at < call->cases_at + (int64_t)call->case_count * CASE_SIZE)
            return true;
    }
    return false;
}

static bool is_behind_address(const struct summary *summary, int64_t at)
{
    for (size_t i = 0; i < summary->addresses.length; i++) {
        if (at >= summary->addresses.at[i] && at - summary->addresses.at[i] < GIVEN_BYTES)
            return true;
    }
    return false;
}

bool summary_is_given(const struct summary *summary, const struct value_slot *slot)
{
    uint32_t value;
    bool made = slot->value.kind == VALUE_RESULT || slot->value.kind == VALUE_MAYBE;
    /* In the caller's part of the frame: a result. Arguments have their places there, too. */
    bool result_slot = made && slot->at >= RESULTS_AT;
    bool unread = made && !u64map_get(&summary->loaded, (uint64_t)slot->at, &value);
    return !is_case(summary, slot->at) &&
           (result_slot || unread || is_behind_address(summary, slot->at));
}

bool summary_gives_by_stack(const struct summary *summary, const struct value *value)
{
    for (size_t i = 0; i < summary->held.length; i++) {
        const struct value_slot *slot = &summary->held.at[i];
        if (value_same(&slot->value, value) && summary_is_given(summary, slot))
            return true;
    }
    return false;
}

bool summary_uses(const struct summary *summary, const struct value *result)
{
    if (summary_keeps(summary, result))
        return true;
    for (size_t i = 0; i < summary->calls.length; i++) {
        const struct summary_call *call = &summary->calls.at[i];
        if (!call->made.callee && value_same(&call->context, result))
            return true;
        for (unsigned k = 0; k < SUMMARY_ARGUMENTS; k++) {
            if (value_same(&call->arguments[k], result))
                return true;
        }
    }
    for (size_t i = 0; i < summary->stores.length; i++) {
        if (value_same(&summary->stores.at[i].stored, result))
            return true;
    }
    for (size_t i = 0; i < summary->returns.length; i++) {
        for (unsigned k = 0; k < SUMMARY_ARGUMENTS; k++) {
            if (value_same(&summary->returns.at[i].results[k], result))
                return true;
        }
    }
    return false;
}

struct value summary_resolve(const struct summary *summary, const struct value *value)
{
    struct value resolved = *value;
    for (unsigned i = 0; i < RESOLVE_MAX && resolved.kind == VALUE_RESULT_FIELD; i++) {
        struct value object = {VALUE_RESULT, resolved.node, 0};
        struct value stored = summary_field(summary, &object, resolved.number);
        if (stored.kind == VALUE_UNKNOWN)
            break;
        resolved = stored;
    }
    return resolved;
}
