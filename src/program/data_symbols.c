#include "program/data_symbols.h"

#include <elf.h>
#include <string.h>

enum {
    SYMBOLS_MAX = 1 << 24,
    NAME_MAX_BYTES = 4096,
    STEPS_MAX = 32, /* from an object to the variable that leads to it */
};

static int by_address(const void *left, const void *right)
{
    const struct data_symbol *a = left, *b = right;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return (a->size < b->size) - (a->size > b->size);
}

/* NULL if the name does not end within the table. */
static const char *name_at(const struct elf_section *names, uint32_t offset)
{
    if (offset >= names->size)
        return NULL;
    const char *name = (const char *)names->bytes + offset;
    uint64_t left = names->size - offset;
    return memchr(name, 0, left < NAME_MAX_BYTES ? left : NAME_MAX_BYTES) ? name : NULL;
}

/* Where one variable lies over another one, the first stays. */
static void drop_overlapping(struct data_symbols *symbols)
{
    size_t kept = 0;
    address end = 0;
    for (size_t i = 0; i < symbols->length; i++) {
        const struct data_symbol symbol = symbols->at[i];
        if (symbol.at < end)
            continue;
        end = symbol.at + symbol.size;
        symbols->at[kept++] = symbol;
    }
    symbols->length = kept;
}

static void put_in_order(struct data_symbols *symbols)
{
    if (symbols->length)
        qsort(symbols->at, symbols->length, sizeof(*symbols->at), by_address);
    drop_overlapping(symbols);
}

void data_symbols_read(struct target *target, struct data_symbols *symbols_ret)
{
    const struct elffile *file = target_executable(target);
    const struct elf_section *table = file ? elffile_section(file, ".symtab") : NULL;
    const struct elf_section *names = file ? elffile_section(file, ".strtab") : NULL;
    *symbols_ret = (struct data_symbols){0};
    if (!table || !names || !table->bytes || !names->bytes)
        return;
    for (uint64_t i = 0; i < table->size / sizeof(Elf64_Sym) && i < SYMBOLS_MAX; i++) {
        Elf64_Sym symbol;
        memcpy(&symbol, table->bytes + i * sizeof(symbol), sizeof(symbol));
        const char *name = name_at(names, symbol.st_name);
        if (ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT || !symbol.st_size || !name || !*name ||
            symbol.st_value + symbol.st_size < symbol.st_value)
            continue;
        VECTOR_PUSH(symbols_ret,
                    (struct data_symbol){.at = symbol.st_value + target_bias(target),
                                         .size = symbol.st_size,
                                         .name = name,
                                         .owner = symbol.st_value + target_bias(target)});
    }
    put_in_order(symbols_ret);
}

/* ---- objects without names */

/* Does something lie in the bytes of the object? */
static bool is_taken(const struct data_symbols *symbols, const struct data_symbol *object)
{
    size_t low = 0, high = symbols->length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct data_symbol *symbol = &symbols->at[middle];
        if (symbol->at + symbol->size <= object->at)
            low = middle + 1;
        else
            high = middle;
    }
    return low < symbols->length && symbols->at[low].at < object->at + object->size;
}

/* Of some that lead to each other in a circle, none belongs to another one. */
static address owner_of(const struct data_symbols *symbols, const struct data_symbol *object)
{
    const struct data_symbol *at = object;
    for (unsigned step = 0; step < STEPS_MAX; step++) {
        if (at->name || !at->from)
            return at->at;
        const struct data_symbol *next = data_symbol_at(symbols, at->from);
        if (!next)
            return at->from;
        at = next;
    }
    return object->at;
}

void data_symbols_add(struct data_symbols *symbols, const struct data_symbols *nameless)
{
    size_t named = symbols->length;
    const struct data_symbols known = {.at = symbols->at, .length = named};
    struct data_symbols all = {0};
    for (size_t i = 0; i < named; i++)
        VECTOR_PUSH(&all, symbols->at[i]);
    for (size_t i = 0; i < nameless->length; i++) {
        if (nameless->at[i].size && !is_taken(&known, &nameless->at[i]))
            VECTOR_PUSH(&all, nameless->at[i]);
    }
    put_in_order(&all);
    for (size_t i = 0; i < all.length; i++)
        all.at[i].owner = owner_of(&all, &all.at[i]);
    VECTOR_DEINIT(symbols);
    *symbols = all;
}

const struct data_symbol *data_symbol_at(const struct data_symbols *symbols, address at)
{
    size_t low = 0, high = symbols->length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct data_symbol *symbol = &symbols->at[middle];
        if (at < symbol->at)
            high = middle;
        else if (at - symbol->at >= symbol->size)
            low = middle + 1;
        else
            return symbol;
    }
    return NULL;
}
