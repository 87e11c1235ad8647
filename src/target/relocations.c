/* The table by PT_DYNAMIC (System V gABI, "Dynamic Section"): section headers may be missing. DT_RELR
 * needs no work: its words hold their addends in place, and the bias of a file is 0. */
#include "target/relocations.h"

#include <elf.h>
#include <string.h>

#include "base/memory.h"

enum {
    WORD = 8,
    DYNAMIC_MAX = 4096 /* entries of the dynamic section */
};

struct dynamic {
    uint64_t rela, rela_size, symbols;
};

struct relocator {
    const struct elffile *file;
    struct relocated *segments;
    size_t count;
    struct dynamic dynamic;
};

static struct dynamic read_dynamic(const struct elffile *file)
{
    struct dynamic dynamic = {0};
    for (size_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segments[i];
        if (segment->type != PT_DYNAMIC || segment->present_size > segment->file_size)
            continue;
        Elf64_Dyn entry;
        for (size_t n = 0; n < DYNAMIC_MAX && (n + 1) * sizeof(entry) <= segment->present_size;
             n++) {
            memcpy(&entry, file->bytes + segment->offset + n * sizeof(entry), sizeof(entry));
            switch (entry.d_tag) {
            case DT_NULL:
                return dynamic;
            case DT_RELA:
                dynamic.rela = entry.d_un.d_ptr;
                break;
            case DT_RELASZ:
                dynamic.rela_size = entry.d_un.d_val;
                break;
            case DT_SYMTAB:
                dynamic.symbols = entry.d_un.d_ptr;
                break;
            }
        }
    }
    return dynamic;
}

/* Where a word of a writable segment is kept; NULL if it is in none. Makes the copy when it is
 * needed first. */
static struct error *word_at(struct relocator *relocator, uint64_t at, uint8_t **word_ret)
{
    *word_ret = NULL;
    for (size_t i = 0; i < relocator->count; i++) {
        struct relocated *segment = &relocator->segments[i];
        if (at < segment->start || segment->size < WORD ||
            at - segment->start > segment->size - WORD)
            continue;
        if (!segment->copy) {
            TRY(memory_try(segment->size, 1, &segment->copy));
            memcpy(segment->copy, segment->bytes, segment->size);
            segment->bytes = segment->copy;
        }
        *word_ret = segment->copy + (at - segment->start);
        return NULL;
    }
    return NULL;
}

/* The address of a symbol that the file itself defines. */
static bool symbol_value(const struct relocator *relocator, uint64_t index, uint64_t *value_ret)
{
    Elf64_Sym symbol;
    size_t left = 0;
    if (!relocator->dynamic.symbols || index > UINT32_MAX)
        return false;
    uint64_t at = relocator->dynamic.symbols + index * sizeof(symbol);
    const uint8_t *bytes = elffile_at(relocator->file, at, &left, NULL);
    if (!bytes || left < sizeof(symbol))
        return false;
    memcpy(&symbol, bytes, sizeof(symbol));
    *value_ret = symbol.st_value;
    return symbol.st_shndx != SHN_UNDEF;
}

/* False if the word is left as it is. */
static bool relocated_value(const struct relocator *relocator, const Elf64_Rela *rela,
                            uint64_t *value_ret)
{
    bool arm = relocator->file->machine == EM_AARCH64;
    uint32_t type = ELF64_R_TYPE(rela->r_info);
    uint64_t symbol = 0;
    if (type != (arm ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE)) {
        bool known = type == (arm ? R_AARCH64_ABS64 : R_X86_64_64) ||
                     type == (arm ? R_AARCH64_GLOB_DAT : R_X86_64_GLOB_DAT);
        if (!known || !symbol_value(relocator, ELF64_R_SYM(rela->r_info), &symbol))
            return false;
    }
    *value_ret = symbol + (uint64_t)rela->r_addend;
    return true;
}

static struct error *apply_rela(struct relocator *relocator)
{
    size_t left = 0;
    const uint8_t *bytes = relocator->dynamic.rela
                               ? elffile_at(relocator->file, relocator->dynamic.rela, &left, NULL)
                               : NULL;
    uint64_t size = relocator->dynamic.rela_size < left ? relocator->dynamic.rela_size : left;
    Elf64_Rela rela;
    for (uint64_t at = 0; bytes && at + sizeof(rela) <= size; at += sizeof(rela)) {
        uint8_t *word = NULL;
        uint64_t value = 0;
        memcpy(&rela, bytes + at, sizeof(rela));
        if (!relocated_value(relocator, &rela, &value))
            continue;
        TRY(word_at(relocator, rela.r_offset, &word));
        if (word)
            memcpy(word, &value, WORD);
    }
    return NULL;
}

struct error *relocations_apply(const struct elffile *file, struct relocated *segments,
                                size_t count)
{
    struct relocator relocator = {
        .file = file, .segments = segments, .count = count, .dynamic = read_dynamic(file)};
    return apply_rela(&relocator);
}
