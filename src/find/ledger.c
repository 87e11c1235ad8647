#include "find/ledger.h"

#include <stdlib.h>
#include <string.h>

enum {
    GROWN_BYTES = 1 << 20,
    GROWN_PARTS = 10
};

/* FNV-1a */
static uint64_t hash_of(enum ledger_kind kind, const char *key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ (uint64_t)kind;
    for (; *key; key++)
        hash = (hash ^ (uint8_t)*key) * UINT64_C(0x100000001b3);
    return u64_mix(hash);
}

static bool is_it(const struct ledger_entry *entry, enum ledger_kind kind, const char *key)
{
    return entry->kind == kind && !strcmp(entry->key, key);
}

static void entry_deinit(struct ledger_entry *entry)
{
    free(entry->key);
    free(entry->name);
    place_deinit(&entry->at);
    place_deinit(&entry->started_at);
}

void ledger_add(struct ledger *ledger, struct ledger_entry *entry)
{
    for (uint64_t hash = hash_of(entry->kind, entry->key);; hash = u64_mix(hash + 1)) {
        bool is_new = false;
        uint32_t index =
            u64map_intern(&ledger->by_key, hash, (uint32_t)ledger->entries.length, &is_new);
        if (is_new) {
            VECTOR_PUSH(&ledger->entries, *entry);
            return;
        }
        struct ledger_entry *known = &ledger->entries.at[index];
        if (!is_it(known, entry->kind, entry->key))
            continue;
        known->count += entry->count;
        known->bytes += entry->bytes;
        known->only_here += entry->only_here;
        entry_deinit(entry);
        return;
    }
}

static const struct ledger_entry *find(const struct ledger *ledger, enum ledger_kind kind,
                                       const char *key)
{
    uint32_t index = 0;
    for (uint64_t hash = hash_of(kind, key); u64map_get(&ledger->by_key, hash, &index);
         hash = u64_mix(hash + 1))
        if (is_it(&ledger->entries.at[index], kind, key))
            return &ledger->entries.at[index];
    return NULL;
}

void ledger_deinit(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->entries.length; i++)
        entry_deinit(&ledger->entries.at[i]);
    VECTOR_DEINIT(&ledger->entries);
    u64map_deinit(&ledger->by_key);
}

/* Comparing. */

static void add_row(struct growth *growth, const struct ledger_entry *old,
                    const struct ledger_entry *new)
{
    const struct ledger_entry *shown = new ? new : old;
    VECTOR_PUSH(&growth->rows, (struct growth_row){
                                   .kind = shown->kind,
                                   .shown = shown,
                                   .old_count = old ? old->count : 0,
                                   .new_count = new ? new->count : 0,
                                   .old_bytes = old ? old->bytes : 0,
                                   .new_bytes = new ? new->bytes : 0,
                                   .came = new ? new->only_here : 0,
                                   .went = old ? old->only_here : 0,
                               });
}

static bool is_counted(enum ledger_kind kind)
{
    return kind == LEDGER_STARTS || kind == LEDGER_GOROUTINES || kind == LEDGER_DEFERS;
}

static bool has_grown(const struct growth_row *row)
{
    if (row->shown->system)
        return false;
    if (row->kind == LEDGER_STARTS || row->kind == LEDGER_DEFERS)
        return row->new_count > row->old_count;
    if (row->kind != LEDGER_TYPES && row->kind != LEDGER_HEAP)
        return false;
    uint64_t more = row->new_bytes > row->old_bytes ? row->new_bytes - row->old_bytes : 0;
    return more >= GROWN_BYTES && more >= row->old_bytes / GROWN_PARTS;
}

static int64_t change(const struct growth_row *row)
{
    return is_counted(row->kind) ? (int64_t)(row->new_count - row->old_count)
                                 : (int64_t)(row->new_bytes - row->old_bytes);
}

static int by_change(const void *left, const void *right)
{
    const struct growth_row *a = left;
    const struct growth_row *b = right;
    if (a->kind != b->kind)
        return (int)a->kind - (int)b->kind;
    if (change(a) != change(b))
        return change(a) < change(b) ? 1 : -1;
    return strcmp(a->shown->key, b->shown->key);
}

void growth_compare(const struct ledger *old, const struct ledger *new, struct growth *growth_ret)
{
    *growth_ret = (struct growth){0};
    for (size_t i = 0; i < new->entries.length; i++) {
        const struct ledger_entry *entry = &new->entries.at[i];
        add_row(growth_ret, find(old, entry->kind, entry->key), entry);
    }
    for (size_t i = 0; i < old->entries.length; i++) {
        const struct ledger_entry *entry = &old->entries.at[i];
        if (!find(new, entry->kind, entry->key))
            add_row(growth_ret, entry, NULL);
    }
    if (growth_ret->rows.length)
        qsort(growth_ret->rows.at, growth_ret->rows.length, sizeof(*growth_ret->rows.at),
              by_change);
    for (size_t i = 0; i < growth_ret->rows.length; i++)
        growth_ret->grew |= has_grown(&growth_ret->rows.at[i]);
}

void growth_deinit(struct growth *growth)
{
    VECTOR_DEINIT(&growth->rows);
}
