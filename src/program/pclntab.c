/* Functions by address, index and name. The tables stay where they are in the file;
 * runtime/symtab.go (findfunc, funcInfo) and cmd/link/internal/ld/pcln.go, Go 1.18 to 1.27, say
 * what stands where:
 *
 *   header     magic, quantum, counts and the offsets of five tables from the header
 *   ftab       {entry from text u32, record from pclntable u32}, sorted; one more marks the end
 *   _func      the record: name, where its pc tables start, pcdata[], funcdata[]
 *
 * No look-up allocates and nothing is trusted: each offset is tested where it is used, so that
 * a broken table gives "unknown". The unwinder keeps what it learns of a pc, so a look-up
 * happens once per distinct pc. */
#include "program/pclntab.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/memory.h"
#include "base/text.h"
#include "program/pclntab_internal.h"

enum {
    HEADER_OFFSETS = 32, /* of five u64: names, compile units, files, pc tables, functions */
    POINTER_SIZE = 8,
    FTAB_ENTRY = 8,
    NAME_MAX_SIZE = 1 << 16,
    SAMPLE = 16,
};

enum { /* magics, internal/abi/symtab.go */
    MAGIC_1_2 = 0xfffffffb,
    MAGIC_1_16 = 0xfffffffa,
    MAGIC_1_18 = 0xfffffff0,
    MAGIC_1_20 = 0xfffffff1,
    MAGIC_LATER =
        0xfffffff9, /* the numbers up to here are not used yet: tried as the newest form */
};

enum { /* offsets in _func; what follows has moved with startLine in 1.20 */
    FUNC_NAME = 4,
    FUNC_ARGS = 8,
    FUNC_DEFERRETURN = 12,
    FUNC_PCSP = 16,
    FUNC_PCFILE = 20,
    FUNC_PCLN = 24,
    FUNC_NPCDATA = 28,
    FUNC_CU = 32,
    FUNC_START_LINE = 36,
    FUNC_ID_1_18 = 36,
    FUNC_ID_1_20 = 40,
    FUNC_FLAG = 1, /* from the id on */
    FUNC_NFUNCDATA = 3,
    FUNC_ID_SIZE = 4,
};

/* Parsing. */

static struct error *check_magic(uint32_t magic)
{
    if (magic == MAGIC_1_2 || magic == MAGIC_1_16)
        return error_create(ERROR_UNSUPPORTED,
                            "the program is of Go 1.17 or older: seep reads 1.18 and newer");
    if (magic < MAGIC_1_18 || magic > MAGIC_LATER)
        return error_create(ERROR_BAD_DATA, "pclntab: unknown magic 0x%x", magic);
    return NULL;
}

struct error *pclntab_header_parse(const uint8_t *bytes, size_t size,
                                   struct pclntab_header *header_ret)
{
    struct cursor cursor = cursor_over(bytes, size, "pclntab");
    struct pclntab_header header = {0};
    uint8_t quantum = 0;
    uint8_t pointer_size = 0;
    TRY(cursor_u32(&cursor, &header.magic));
    TRY(check_magic(header.magic));
    TRY(cursor_skip(&cursor, 2));
    TRY(cursor_u8(&cursor, &quantum));
    TRY(cursor_u8(&cursor, &pointer_size));
    TRY(cursor_u64(&cursor, &header.function_count));
    TRY(cursor_seek(&cursor, HEADER_OFFSETS));
    header.quantum = quantum;
    if ((quantum != 1 && quantum != 4) || pointer_size != POINTER_SIZE ||
        header.function_count > UINT32_MAX)
        return error_create(ERROR_BAD_DATA,
                            "pclntab: quantum %u, pointers of %u bytes, %llu functions", quantum,
                            pointer_size, (unsigned long long)header.function_count);
    uint64_t least = PCLNTAB_HEADER_SIZE;
    for (size_t i = 0; i < PCLNTAB_TABLES; i++) {
        TRY(cursor_u64(&cursor, &header.tables[i]));
        if (header.tables[i] < least || header.tables[i] > UINT32_MAX)
            return error_create(ERROR_BAD_DATA, "pclntab: table %zu at %llu is out of order", i,
                                (unsigned long long)header.tables[i]);
        least = header.tables[i];
    }
    *header_ret = header;
    return NULL;
}

struct error *pclntab_parse(const uint8_t *bytes, size_t size, struct pclntab *table_ret)
{
    struct pclntab_header header;
    TRY(pclntab_header_parse(bytes, size, &header));
    struct pclntab table = {
        .magic = header.magic,
        .quantum = header.quantum,
        .function_count = header.function_count,
        .has_start_line = header.magic >= MAGIC_1_20,
        .wrapper_id = -1,
    };
    struct bytes *const tables[PCLNTAB_TABLES] = {&table.names, &table.cu_table, &table.files,
                                                  &table.pc_tables, &table.functions};
    uint64_t ftab_size = header.function_count * FTAB_ENTRY + sizeof(uint32_t);
    uint64_t functions_at = header.tables[PCLNTAB_TABLES - 1];
    if (functions_at > size || ftab_size > size - functions_at)
        return error_create(ERROR_BAD_DATA, "pclntab: %llu functions in a table of %zu bytes",
                            (unsigned long long)header.function_count, size);
    for (size_t i = 0; i < PCLNTAB_TABLES; i++) {
        uint64_t end = i + 1 < PCLNTAB_TABLES ? header.tables[i + 1] : size;
        *tables[i] = (struct bytes){bytes + header.tables[i], end - header.tables[i]};
    }
    table.ftab = (struct bytes){table.functions.at, ftab_size};
    *table_ret = table;
    return NULL;
}

void pclntab_deinit(struct pclntab *table)
{
    for (size_t i = 0; i < LENGTH_OF(table->owned); i++)
        free(table->owned[i]);
    *table = (struct pclntab){.wrapper_id = -1};
}

const char *pclntab_text(const struct bytes *table, uint64_t offset)
{
    if (offset >= table->size)
        return NULL;
    size_t room = table->size - offset;
    room = room < NAME_MAX_SIZE ? room : NAME_MAX_SIZE;
    return memchr(table->at + offset, '\0', room) ? (const char *)table->at + offset : NULL;
}

/* Look-ups. */

static uint32_t u32_at(const uint8_t *bytes, size_t at)
{
    uint32_t value;
    memcpy(&value, bytes + at, sizeof(value));
    return value;
}

/* Offset of the n-th function's entry from text; n may be function_count. */
static uint32_t entry_offset(const struct pclntab *table, uint64_t index)
{
    return u32_at(table->ftab.at, index * FTAB_ENTRY);
}

static bool read_record(const struct pclntab *table, uint64_t offset, struct func *func)
{
    size_t id_at = table->has_start_line ? FUNC_ID_1_20 : FUNC_ID_1_18;
    if (table->functions.size < id_at + FUNC_ID_SIZE ||
        offset > table->functions.size - id_at - FUNC_ID_SIZE)
        return false;
    const uint8_t *record = table->functions.at + offset;
    uint64_t room = table->functions.size - offset;
    func->record = record;
    func->record_room = room < UINT32_MAX ? (uint32_t)room : UINT32_MAX;
    func->name_offset = (int32_t)u32_at(record, FUNC_NAME);
    func->deferreturn = u32_at(record, FUNC_DEFERRETURN);
    func->pcsp = u32_at(record, FUNC_PCSP);
    func->pcfile = u32_at(record, FUNC_PCFILE);
    func->pcln = u32_at(record, FUNC_PCLN);
    func->pcdata_count = u32_at(record, FUNC_NPCDATA);
    func->cu_offset = u32_at(record, FUNC_CU);
    func->start_line = table->has_start_line ? (int32_t)u32_at(record, FUNC_START_LINE) : 0;
    func->func_id = record[id_at];
    func->flags = record[id_at + FUNC_FLAG];
    func->funcdata_count = record[id_at + FUNC_NFUNCDATA];
    return true;
}

bool pclntab_func_at(const struct pclntab *table, uint64_t index, struct func *func_ret)
{
    if (index >= table->function_count)
        return false;
    struct func func = {
        .index = (uint32_t)index,
        .entry = table->text + entry_offset(table, index),
        .end = table->text + entry_offset(table, index + 1),
    };
    if (func.end < func.entry ||
        !read_record(table, u32_at(table->ftab.at, index * FTAB_ENTRY + 4), &func))
        return false;
    *func_ret = func;
    return true;
}

bool pclntab_func(const struct pclntab *table, address pc, struct func *func_ret)
{
    uint64_t offset = pc - table->text;
    if (!table->function_count || pc < table->text || pc >= table->text_end ||
        offset > UINT32_MAX || offset < entry_offset(table, 0))
        return false;
    uint64_t low = 0; /* the last entry known to be at or below the offset */
    uint64_t high = table->function_count;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (entry_offset(table, middle) <= offset)
            low = middle;
        else
            high = middle;
    }
    struct func func;
    if (!pclntab_func_at(table, low, &func) || pc >= func.end)
        return false;
    *func_ret = func;
    return true;
}

bool pclntab_is_plausible(const struct pclntab *table)
{
    unsigned tried = 0;
    unsigned good = 0;
    uint64_t step = table->function_count / SAMPLE + 1;
    for (uint64_t i = 0; i < table->function_count; i += step) {
        struct func func;
        tried++;
        good += pclntab_func_at(table, i, &func) &&
                u32_at(func.record, 0) == entry_offset(table, i) && func.name_offset >= 0 &&
                pclntab_text(&table->names, (uint64_t)func.name_offset);
    }
    return good && good * 2 >= tried;
}

/* Each name stands once in the table of names: from its offset on, names are compared as
 * numbers. */
static bool name_offset_of(const struct pclntab *table, const char *name, int32_t *offset_ret)
{
    size_t size = strlen(name) + 1;
    const uint8_t *from = table->names.at;
    size_t left = table->names.size;
    while (left >= size) {
        const uint8_t *hit = memmem(from, left, name, size);
        if (!hit)
            return false;
        if (hit == table->names.at || hit[-1] == '\0') {
            *offset_ret = (int32_t)(hit - table->names.at);
            return hit - table->names.at <= INT32_MAX;
        }
        left -= (size_t)(hit + 1 - from);
        from = hit + 1;
    }
    return false;
}

bool pclntab_func_named(const struct pclntab *table, const char *name, struct func *func_ret)
{
    int32_t offset = 0;
    if (!name_offset_of(table, name, &offset))
        return false;
    for (uint64_t i = 0; i < table->function_count; i++) {
        uint32_t record = u32_at(table->ftab.at, i * FTAB_ENTRY + 4);
        uint32_t name_offset = 0;
        if (bytes_u32(table->functions.at, table->functions.size, (uint64_t)record + FUNC_NAME,
                      &name_offset) &&
            name_offset == (uint32_t)offset && pclntab_func_at(table, i, func_ret))
            return true;
    }
    return false;
}

const char *func_name(const struct pclntab *table, const struct func *func)
{
    const char *name = func->record && func->name_offset >= 0
                           ? pclntab_text(&table->names, (uint64_t)func->name_offset)
                           : NULL;
    return name ? name : "?";
}

void pclntab_find_wrapper_id(struct pclntab *table)
{
    struct func func;
    table->wrapper_id =
        pclntab_func_named(table, "runtime.deferreturn", &func) && func.func_id ? func.func_id : -1;
}

char *function_shown(const char *raw)
{
    const char *open = strchr(raw, '[');
    const char *close = open ? strrchr(raw, ']') : NULL;
    if (!close || close < open)
        return text_escaped(raw, strlen(raw));
    struct text text = {0};
    text_escape(&text, raw, (size_t)(open - raw));
    text_puts(&text, "[...]");
    text_escape(&text, close + 1, strlen(close + 1));
    return text.bytes;
}

int func_argument_words(const struct pclntab *table, const struct func *func)
{
    enum { /* internal/abi/symtab.go, TraceArgs… */
        END = 0xff,
        START_AGGREGATE = 0xfe,
        END_AGGREGATE = 0xfd,
        MORE = 0xfc,
        TOO_FAR = 0xfb,
        COMPONENTS_MAX = 64
    };
    struct bytes info = func_funcdata_bytes(table, func, FUNCDATA_ARG_INFO);
    int words = 0;
    /* The compiler leaves it out if there are no arguments; assembly has none at all. */
    bool shared = strchr(func_name(table, func), '[') != NULL; /* takes a dictionary first */
    if (!info.size)
        return func->flags & FUNC_ASM || func->funcdata_count <= FUNCDATA_LOCALS ? -1
               : shared                                                          ? 1
                                                                                 : 0;
    for (size_t i = 0; i < info.size && words < COMPONENTS_MAX; i++) {
        switch (info.at[i]) {
        case END:
            return words + shared;
        case MORE:
            return -1;
        case START_AGGREGATE:
        case END_AGGREGATE:
            break;
        case TOO_FAR:
            words++;
            break;
        default:
            i++; /* its size */
            words++;
            break;
        }
    }
    return -1;
}

int32_t func_argument_bytes(const struct func *func)
{
    int32_t bytes = (int32_t)u32_at(func->record, FUNC_ARGS);
    return bytes < 0 ? -1 : bytes;
}
