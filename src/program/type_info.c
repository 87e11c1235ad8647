/* What a descriptor leads to (element, key, fields) is only an address here: whoever follows it reads it with the same checks, and bounds how deep it goes.
 * Pointers come from the target's memory, where the dynamic loader has put them right. */
#include "program/type_info.h"

#include <string.h>

#include "program/types_internal.h"

enum { /* abi.Type, and what follows it by kind */
    TYPE_SIZE = 0,
    TYPE_POINTER_BYTES = 8,
    TYPE_HASH = 16,
    TYPE_FLAGS = 20,
    TYPE_KIND = 23,
    TYPE_NAME = 40,
    TYPE_BYTES = 48,
    FIRST = 48, /* the kind's own words */
    WORDS_MAX = 4,
    FIELD_BYTES = 24,
    FLAG_NAMED = 4,
    FLAG_DIRECT = 32,   /* since 1.26 */
    KIND_DIRECT = 0x20, /* before */
    MINOR_FLAG_DIRECT = 26,
    KIND_MASK = 0x1f,
};

static uint64_t word_of(const uint8_t *bytes, size_t at)
{
    uint64_t word;
    memcpy(&word, bytes + at, sizeof(word));
    return word;
}

static bool is_alignment(uint8_t align)
{
    return align == 1 || align == 2 || align == 4 || align == 8;
}

static bool is_direct(const struct types *types, const uint8_t *bytes)
{
    bool by_flag = bytes[TYPE_FLAGS] & FLAG_DIRECT, by_kind = bytes[TYPE_KIND] & KIND_DIRECT;
    if (types->go_minor < 0)
        return by_flag || by_kind;
    return types->go_minor >= MINOR_FLAG_DIRECT ? by_flag : by_kind;
}

static unsigned words_of(uint8_t kind)
{
    switch (kind) {
    case KIND_ARRAY:     /* element, slice type, length */
    case KIND_MAP:       /* key, element, group */
    case KIND_STRUCT:    /* package, fields */
    case KIND_INTERFACE: /* package, methods */
        return 3;
    case KIND_CHAN:
    case KIND_POINTER:
    case KIND_SLICE:
        return 1;
    default:
        return 0;
    }
}

static void take_words(const uint64_t words[WORDS_MAX], struct type_info *info)
{
    switch (info->kind) {
    case KIND_ARRAY:
        info->element = words[0];
        info->length = words[2];
        break;
    case KIND_MAP:
        info->key = words[0];
        info->element = words[1];
        info->group = words[2];
        break;
    case KIND_STRUCT:
        info->fields = words[1];
        info->field_count = words[2] < TYPE_FIELDS_MAX ? words[2] : TYPE_FIELDS_MAX;
        break;
    case KIND_INTERFACE:
        info->length = words[2];
        break;
    default:
        info->element = words[0];
    }
}

bool type_info_read(struct types *types, address at, struct type_info *info_ret)
{
    uint8_t bytes[TYPE_BYTES];
    uint64_t words[WORDS_MAX] = {0};
    if (at % 8 || at < 4096 ||
        error_ignore(target_read_cached(types->target, at, bytes, sizeof(bytes))))
        return false;
    struct type_info info = {.at = at,
                             .size = word_of(bytes, TYPE_SIZE),
                             .pointer_bytes = word_of(bytes, TYPE_POINTER_BYTES),
                             .kind = bytes[TYPE_KIND] & KIND_MASK,
                             .named = bytes[TYPE_FLAGS] & FLAG_NAMED,
                             .direct = is_direct(types, bytes)};
    memcpy(&info.hash, bytes + TYPE_HASH, sizeof(info.hash));
    if (info.kind < KIND_BOOL || info.kind > KIND_UNSAFE_POINTER ||
        info.pointer_bytes > info.size || info.pointer_bytes % 8 ||
        !is_alignment(bytes[TYPE_FLAGS + 1]) || !is_alignment(bytes[TYPE_FLAGS + 2]))
        return false;
    unsigned count = words_of(info.kind);
    if (count && error_ignore(target_read_cached(types->target, at + FIRST, words, count * 8)))
        return false;
    if (count)
        take_words(words, &info);
    *info_ret = info;
    return true;
}

size_t type_info_fields(struct types *types, const struct type_info *info, uint64_t first,
                        struct type_field *fields_ret, size_t max)
{
    size_t count = 0;
    unsigned shift = types->offset_form == OFFSETS_SHIFTED;
    for (uint64_t i = first; i < info->field_count && count < max; i++, count++) {
        uint64_t words[3];
        struct error *error =
            target_read_cached(types->target, info->fields + i * FIELD_BYTES, words, sizeof(words));
        if (error_ignore(error) || words[2] >> shift > info->size)
            break;
        fields_ret[count] =
            (struct type_field){.name = words[0], .type = words[1], .offset = words[2] >> shift};
    }
    return count;
}

void type_field_name(struct types *types, const struct type_field *field, struct text *name)
{
    struct name_text text;
    if (error_ignore(types_read_name(types, field->name, &text)))
        text_puts(name, "?");
    else
        text_escape(name, text.at, text.size);
}
