/* Finding runtime.firstmoduledata without a symbol (runtime/symtab.go,
 * cmd/link/internal/ld/symtab.go): its first word is the address of pclntab's header, and its
 * front, up to noptrbss, is the same in Go 1.18 to 1.27. What follows depends on the release,
 * but the program itself tells the order: with types and etypes the type descriptor of
 * runtime.moduledata can be found, and this descriptor confirms or corrects where they stand. So
 * each known order is tried; if none leads to the descriptor, each word that might be `types`
 * is.
 *
 * The module is read from memory, where all addresses are as loaded, in any way of linking. */
#include "program/moduledata.h"

#include <string.h>

#include "base/memory.h"
#include "program/module_search.h"
#include "program/pclntab_internal.h"
#include "program/region.h"
#include "program/types.h"

enum { /* offsets in the front that never changed */
    PC_HEADER = 0,
    PCLNTABLE = 104, /* slice */
    FTAB = 128,      /* slice */
    MIN_PC = 160,
    MAX_PC = 168,
    TEXT = 176,
    FRONT_SIZE = 256,
};

enum {
    WORDS_MAX = 128,
    WORDS_KNOWN_SIZE = 544, /* no release has a smaller module */
    TRIES_MAX = 16,
    TYPES_MAX = 512 << 20,
    GUESS_FROM = 240,
};

static const uint16_t absent = UINT16_MAX;

/* Byte offsets. What is not known is absent. */
struct order {
    uint16_t text, etext, noptrdata, enoptrdata, data, edata, bss, ebss, noptrbss, enoptrbss;
    uint16_t types, etypes, rodata, gofunc, gcdatamask, gcbssmask, next;
};

#define FRONT                                                                                   \
    .text = TEXT, .etext = 184, .noptrdata = 192, .enoptrdata = 200, .data = 208, .edata = 216, \
    .bss = 224, .ebss = 232, .noptrbss = 240, .enoptrbss = 248

/* Newest first: they are also what an unknown release is tried with. */
static const struct order orders[] = {
    /* 1.27: typedesclen, itaboffset and itabsize came, typelinks and itablinks went */
    {FRONT, .types = 296, .etypes = 312, .rodata = 336, .gofunc = 344, .gcdatamask = 520, .gcbssmask = 536,
     .next = 560},
    /* 1.26: epclntab came behind gofunc */
    {FRONT, .types = 296, .etypes = 304, .rodata = 312, .gofunc = 320, .gcdatamask = 544, .gcbssmask = 560,
     .next = 584},
    /* 1.23: bad went from behind typemap to hasmain */
    {FRONT, .types = 296, .etypes = 304, .rodata = 312, .gofunc = 320, .gcdatamask = 536, .gcbssmask = 552,
     .next = 576},
    /* 1.21: inittasks came */
    {FRONT, .types = 296, .etypes = 304, .rodata = 312, .gofunc = 320, .gcdatamask = 536, .gcbssmask = 552,
     .next = 584},
    /* 1.20: covctrs and ecovctrs came */
    {FRONT, .types = 296, .etypes = 304, .rodata = 312, .gofunc = 320, .gcdatamask = 512, .gcbssmask = 528,
     .next = 560},
    /* 1.18 */
    {FRONT, .types = 280, .etypes = 288, .rodata = 296, .gofunc = 304, .gcdatamask = 496, .gcbssmask = 512,
     .next = 544},
};

static const struct {
    const char *name;
    size_t member;
    bool required;
} order_fields[] = {
#define FIELD(member, required)                           \
    {                                                     \
#member, offsetof(struct order, member), required \
    }
    FIELD(text, true),        FIELD(etext, true),       FIELD(types, true),
    FIELD(etypes, true),      FIELD(gofunc, true),      FIELD(noptrdata, false),
    FIELD(enoptrdata, false), FIELD(data, false),       FIELD(edata, false),
    FIELD(bss, false),        FIELD(ebss, false),       FIELD(noptrbss, false),
    FIELD(enoptrbss, false),  FIELD(gcdatamask, false), FIELD(gcbssmask, false),
    FIELD(next, false),       FIELD(rodata, false),
#undef FIELD
};

/* The module's bytes. */
struct module_bytes {
    address at;
    size_t size;
    uint64_t words[WORDS_MAX];
};

struct finder {
    struct target *target;
    struct image image;
    address header_at;
    struct pclntab_header header;
    unsigned tries;
    bool is_old, has_header, has_module, found;
    struct moduledata module;
    struct pclntab table;
};

static uint64_t word_at(const struct module_bytes *bytes, uint16_t offset)
{
    return offset % 8 == 0 && offset < bytes->size ? bytes->words[offset / 8] : 0;
}

/* What the words mean in a given order. */

static void take_range(const struct module_bytes *bytes, const struct image *image, uint16_t start,
                       uint16_t end, address *start_ret, address *end_ret)
{
    address from = word_at(bytes, start);
    address to = word_at(bytes, end);
    bool valid = from <= to && image_holds(image, from) && to <= image->end;
    *start_ret = valid ? from : 0;
    *end_ret = valid ? to : 0;
}

/* runtime.bitvector: {n int32, bytedata *uint8}. */
static void take_mask(const struct module_bytes *bytes, uint16_t at, address *bytes_ret,
                      uint64_t *bits_ret)
{
    int32_t count = (int32_t)word_at(bytes, at);
    address data = at == absent ? 0 : word_at(bytes, at + 8);
    *bytes_ret = count > 0 ? data : 0;
    *bits_ret = count > 0 && data ? (uint64_t)count : 0;
}

static struct moduledata take_module(const struct module_bytes *bytes, const struct image *image,
                                     const struct order *order)
{
    struct moduledata module = {.at = bytes->at, .pc_header = word_at(bytes, PC_HEADER)};
    take_range(bytes, image, order->text, order->etext, &module.text, &module.text_end);
    take_range(bytes, image, order->noptrdata, order->enoptrdata, &module.noptrdata,
               &module.noptrdata_end);
    take_range(bytes, image, order->data, order->edata, &module.data, &module.data_end);
    take_range(bytes, image, order->bss, order->ebss, &module.bss, &module.bss_end);
    take_range(bytes, image, order->noptrbss, order->enoptrbss, &module.noptrbss,
               &module.noptrbss_end);
    take_range(bytes, image, order->types, order->etypes, &module.types, &module.types_end);
    take_mask(bytes, order->gcdatamask, &module.gcdatamask_bytes, &module.gcdatamask_bits);
    take_mask(bytes, order->gcbssmask, &module.gcbssmask_bytes, &module.gcbssmask_bits);
    module.gofunc = word_at(bytes, order->gofunc);
    module.rodata = order->rodata == absent ? 0 : word_at(bytes, order->rodata);
    module.next = word_at(bytes, order->next) % 8 == 0 ? word_at(bytes, order->next) : 0;
    return module;
}

static bool is_valid(const struct moduledata *module, const struct image *image)
{
    return module->text < module->text_end && module->types < module->types_end &&
           module->types_end - module->types <= TYPES_MAX && image_holds(image, module->gofunc);
}

/* Masks hold a bit per word of their section once the runtime has made them (progToPointerMask). */
static bool has_masks(const struct moduledata *module)
{
    return module->gcdatamask_bits &&
           module->gcdatamask_bits <= (module->data_end - module->data) / 8 + 1 &&
           module->gcbssmask_bits <= (module->bss_end - module->bss) / 8 + 1;
}

/* The order as the program tells it. */

static bool order_of(const struct layout *layout, struct order *order_ret)
{
    struct order order;
    for (size_t i = 0; i < LENGTH_OF(order_fields); i++) {
        struct layout_field field;
        bool known = layout_field(layout, order_fields[i].name, &field) && field.offset % 8 == 0 &&
                     field.offset < WORDS_MAX * 8;
        if (!known && order_fields[i].required)
            return false;
        uint16_t offset = known ? (uint16_t)field.offset : absent;
        memcpy((char *)&order + order_fields[i].member, &offset, sizeof(offset));
    }
    *order_ret = order;
    return true;
}

/* Looks for the descriptor of runtime.moduledata in the types of `guess`; true if it is there
 * and fits. */
static struct error *confirm(struct finder *finder, const struct module_bytes *bytes,
                             const struct moduledata *guess, bool *confirmed_ret)
{
    static const char *const wanted[] = {"runtime.moduledata", NULL};
    struct types *types = NULL;
    TRY(types_open(finder->target, guess, -1, wanted, &types));
    const struct layout *layout = types_layout(types, wanted[0]);
    struct order order;
    struct moduledata module = {0};
    if (layout && order_of(layout, &order))
        module = take_module(bytes, &finder->image, &order);
    types_close(types);
    *confirmed_ret = module.types == guess->types && is_valid(&module, &finder->image);
    if (*confirmed_ret) {
        finder->module = module;
        finder->module.confirmed = true;
    }
    return NULL;
}

/* True if trying to confirm shows no more than that the guess is wrong. */
static struct error *may_be_wrong(struct error *error)
{
    if (!error || error_code(error) == ERROR_GONE || error_code(error) == ERROR_NO_MEMORY)
        return error;
    error_destroy(error);
    return NULL;
}

/* Each known order; at the end the best that no descriptor confirmed. */
static struct error *try_orders(struct finder *finder, const struct module_bytes *bytes,
                                bool *found_ret)
{
    struct moduledata best = {0};
    struct moduledata tried = {0};
    for (size_t i = 0; i < LENGTH_OF(orders); i++) {
        struct moduledata module = take_module(bytes, &finder->image, &orders[i]);
        if (!is_valid(&module, &finder->image))
            continue;
        bool confirmed = false;
        if (module.types != tried.types || module.types_end != tried.types_end)
            TRY(may_be_wrong(confirm(finder, bytes, &module, &confirmed)));
        if (confirmed) {
            *found_ret = true;
            return NULL;
        }
        tried = module;
        if (!best.at || (!has_masks(&best) && has_masks(&module)))
            best = module;
    }
    finder->module = best;
    *found_ret = false;
    return NULL;
}

/* Each word that might be `types`: the descriptor is looked for up to the end of what the file
 * holds there. */
static struct error *try_words(struct finder *finder, const struct module_bytes *bytes,
                               bool *found_ret)
{
    *found_ret = false;
    for (uint16_t at = GUESS_FROM; at < bytes->size && !*found_ret; at += 8) {
        size_t left = 0;
        address word = word_at(bytes, at);
        if (word % 8 != 0 || !image_holds(&finder->image, word) ||
            !target_view(finder->target, word, true, &left))
            continue;
        struct moduledata guess = {.types = word,
                                   .types_end = word + (left < TYPES_MAX ? left : TYPES_MAX)};
        TRY(may_be_wrong(confirm(finder, bytes, &guess, found_ret)));
    }
    return NULL;
}

/* The tables. */

/* Nothing tells where function data ends: it reaches to the end of what the file holds, else of
 * its mapping. */
static struct error *take_func_data(struct finder *finder, struct pclntab *table)
{
    address at = finder->module.gofunc;
    size_t left = 0;
    table->go_func = at;
    if (!target_view(finder->target, at, true, &left)) {
        const struct mapping *mapping = target_mapping_at(finder->target, at);
        left = (mapping ? mapping->end : finder->image.end) - at;
    }
    return region_bytes(finder->target, at, left < REGION_MAX ? left : REGION_MAX,
                        &table->func_data, &table->owned[1]);
}

static struct error *take_table(struct finder *finder, const struct module_bytes *bytes)
{
    struct pclntab *table = &finder->table;
    struct bytes whole = {0};
    void *owned = NULL;
    uint64_t size = finder->header.tables[PCLNTAB_TABLES - 1] + word_at(bytes, PCLNTABLE + 8);
    TRY(region_bytes(finder->target, finder->header_at, size, &whole, &owned));
    struct error *error = pclntab_parse(whole.at, whole.size, table);
    if (error) {
        free(owned);
        return error;
    }
    table->owned[0] = owned;
    table->text = word_at(bytes, TEXT);
    table->text_end = word_at(bytes, TEXT + 8);
    if (pclntab_is_plausible(table))
        return NULL;
    pclntab_deinit(table);
    return error_create(ERROR_BAD_DATA, "pclntab: the records of the functions make no sense");
}

/* The search. */

static bool front_fits(const struct finder *finder, const struct module_bytes *bytes)
{
    address functions = finder->header_at + finder->header.tables[PCLNTAB_TABLES - 1];
    address text = word_at(bytes, TEXT);
    address text_end = word_at(bytes, TEXT + 8);
    address min_pc = word_at(bytes, MIN_PC);
    address max_pc = word_at(bytes, MAX_PC);
    return word_at(bytes, PC_HEADER) == finder->header_at &&
           word_at(bytes, PCLNTABLE) == functions && word_at(bytes, PCLNTABLE + 8) <= UINT32_MAX &&
           word_at(bytes, FTAB) == functions &&
           word_at(bytes, FTAB + 8) == finder->header.function_count + 1 && text <= min_pc &&
           min_pc < max_pc && max_pc <= text_end + 1 && image_holds(&finder->image, text) &&
           text_end <= finder->image.end;
}

static struct error *read_module(struct target *target, address at, struct module_bytes *bytes)
{
    static const size_t sizes[] = {sizeof(bytes->words), WORDS_KNOWN_SIZE, FRONT_SIZE};
    *bytes = (struct module_bytes){.at = at};
    for (size_t i = 0; i < LENGTH_OF(sizes) && !bytes->size; i++) {
        struct error *error = target_read(target, at, bytes->words, sizes[i]);
        if (error && error_code(error) != ERROR_FAULT)
            return error;
        bytes->size = error ? 0 : sizes[i];
        error_destroy(error);
    }
    return NULL;
}

static struct error *on_module(void *context, address at, bool *stop_ret)
{
    struct finder *finder = context;
    struct module_bytes bytes;
    TRY(read_module(finder->target, at, &bytes));
    if (!front_fits(finder, &bytes))
        return NULL;
    finder->has_module = true;
    *stop_ret = true;
    TRY(take_table(finder, &bytes));
    TRY(try_orders(finder, &bytes, &finder->found));
    struct moduledata unconfirmed = finder->module;
    if (!finder->found)
        TRY(try_words(finder, &bytes, &finder->found));
    if (!finder->found)
        finder->module = unconfirmed;
    if (!is_valid(&finder->module, &finder->image))
        return error_create(ERROR_UNSUPPORTED,
                            "runtime.moduledata is of a form that seep cannot make out");
    finder->found = true;
    TRY(take_func_data(finder, &finder->table));
    return NULL;
}

static struct error *on_header(void *context, address at, bool *stop_ret)
{
    struct finder *finder = context;
    uint8_t copy[PCLNTAB_HEADER_SIZE];
    size_t left = 0;
    const uint8_t *bytes = target_view(finder->target, at, true, &left);
    if (!bytes || left < sizeof(copy)) {
        bytes = copy;
        struct error *error = target_read(finder->target, at, copy, sizeof(copy));
        if (error)
            return may_be_wrong(error);
    }
    struct error *error = pclntab_header_parse(bytes, sizeof(copy), &finder->header);
    if (error) {
        finder->is_old = finder->is_old || error_code(error) == ERROR_UNSUPPORTED;
        error_destroy(error);
        return NULL;
    }
    finder->header_at = at;
    finder->has_header = true;
    TRY(search_word(finder->target, at, on_module, finder));
    *stop_ret = finder->has_module || ++finder->tries >= TRIES_MAX;
    return NULL;
}

static struct error *nothing_found(const struct finder *finder)
{
    const char *path = target_executable(finder->target)->path;
    if (finder->has_header)
        return error_create(ERROR_BAD_DATA,
                            "%s has Go's pclntab, but no runtime.moduledata belongs to it", path);
    if (finder->is_old)
        return error_create(ERROR_UNSUPPORTED,
                            "%s is of Go 1.17 or older: seep reads 1.18 and newer", path);
    return error_create(ERROR_NOT_FOUND, "%s is not a Go program: it has no pclntab", path);
}

struct error *moduledata_find(struct target *target, struct moduledata *module_ret,
                              struct pclntab *table_ret)
{
    struct finder finder = {.target = target, .image = image_of(target)};
    struct error *error = search_headers(target, on_header, &finder);
    if (!error && !finder.found)
        error = nothing_found(&finder);
    if (error) {
        pclntab_deinit(&finder.table);
        return error;
    }
    pclntab_find_wrapper_id(&finder.table);
    *module_ret = finder.module;
    *table_ret = finder.table;
    return NULL;
}
