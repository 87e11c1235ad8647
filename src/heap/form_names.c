/* How forms are called, and the fields in them: for what is shown, so nothing here is fast. Names come from the target: they are escaped, and bounded by
 * what types_name() reads. */
#include <string.h>

#include "heap/forms.h"

enum {
    DEPTH_MAX = 24,
    FIELDS_AT_A_TIME = 32,
    FUNCTION_NAME_MAX = 4096,
};

/* A type's own name; of one that reflect made at run time no name can be read. */
static void put_type(struct forms *forms, address type, struct text *text)
{
    struct type_info info;
    const char *name = types_name(forms->types, type);
    bool nameless = !strcmp(name, "?") && type_info_read(forms->types, type, &info);
    text_puts(text, nameless ? "type made by reflect" : name);
}

static void put_function(struct forms *forms, address entry, struct text *text)
{
    const struct pclntab *table = &forms->runtime->program->pclntab;
    struct func func;
    if (!pclntab_func(table, entry, &func)) {
        text_puts(text, "?");
        return;
    }
    AUTO_FREE char *name = function_shown(func_name(table, &func));
    text_add(text, name, strnlen(name, FUNCTION_NAME_MAX));
}

static const char *const prefixes[] = {
    [FORM_VALUE] = "",
    [FORM_ARRAY] = "[]",
    [FORM_MAP] = "",
    [FORM_BUCKETS] = "map buckets of ",
    [FORM_TABLE] = "map table of ",
    [FORM_DIRECTORY] = "map directory of ",
    [FORM_MAP_EXTRA] = "map overflow of ",
    [FORM_OVERFLOWS] = "map overflow of ",
    [FORM_OVERFLOW_ARRAY] = "map overflow of ",
    [FORM_CHANNEL] = "chan ",
    [FORM_BUFFER] = "chan buffer of ",
    [FORM_CLOSURE] = "closure of ",
    [FORM_TIMER] = "",
    [FORM_STRING] = "string bytes",
    [FORM_TINY] = "tiny objects",
};

const char *form_name(struct forms *forms, uint32_t index)
{
    const struct form form = *form_at(forms, index);
    if (form.name || form.kind == FORM_UNKNOWN)
        return form.name ? form.name : "?";
    struct text text = {0};
    text_puts(&text, prefixes[form.kind]);
    if (form.kind == FORM_CLOSURE)
        put_function(forms, form.type, &text);
    else if (form.kind != FORM_STRING && form.kind != FORM_TINY)
        put_type(forms, form.type, &text);
    forms->list.at[index].name = text.bytes;
    return text.bytes;
}

/* ---- fields */

/* The field of a struct that holds an offset. */
static bool find_field(struct forms *forms, const struct type_info *info, uint64_t offset,
                       struct type_field *field_ret)
{
    struct type_field fields[FIELDS_AT_A_TIME];
    struct type_info type;
    for (uint64_t first = 0;;) {
        size_t count = type_info_fields(forms->types, info, first, fields, FIELDS_AT_A_TIME);
        for (size_t i = 0; i < count; i++) {
            if (offset < fields[i].offset || !type_info_read(forms->types, fields[i].type, &type) ||
                offset - fields[i].offset >= type.size)
                continue;
            *field_ret = fields[i];
            return true;
        }
        first += count;
        if (count < FIELDS_AT_A_TIME)
            return false;
    }
}

/* From a type down to the word at an offset: fields of structs and elements of arrays. */
static bool put_path(struct forms *forms, address type, uint64_t offset, struct text *text)
{
    struct type_info info, element;
    struct type_field field;
    for (unsigned depth = 0; depth < DEPTH_MAX; depth++) {
        if (!type_info_read(forms->types, type, &info) || offset >= info.size)
            return false;
        if (info.kind == KIND_STRUCT && find_field(forms, &info, offset, &field)) {
            text_puts(text, ".");
            type_field_name(forms->types, &field, text);
            type = field.type;
            offset -= field.offset;
        } else if (info.kind == KIND_ARRAY &&
                   type_info_read(forms->types, info.element, &element) && element.size) {
            text_printf(text, "[%llu]", (unsigned long long)(offset / element.size));
            type = info.element;
            offset %= element.size;
        } else {
            return info.kind != KIND_STRUCT;
        }
    }
    return true;
}

/* A place in a bucket or group: of a key, or of a value. Their types' fields are named by the compiler (cmd/compile/internal/reflectdata/map.go). */
static bool put_map_slot(struct forms *forms, address bucket, uint64_t offset, struct text *text)
{
    struct text path = {0};
    bool known = put_path(forms, bucket, offset, &path);
    const char *at = path.bytes ? path.bytes : "";
    bool key = !strncmp(at, ".keys[", 6) || (!strncmp(at, ".slots[", 7) && strstr(at, "].key"));
    const char *rest = strchr(at, ']');
    if (rest && !strncmp(at, ".slots[", 7)) {
        rest += strcspn(rest, ".");
        rest += strcspn(*rest ? rest + 1 : rest, ".[") + (*rest != 0);
    } else if (rest) {
        rest++;
    }
    bool overflow = !strncmp(at, ".overflow", 9);
    if (overflow)
        text_puts(text, ".overflow");
    else if (known)
        text_printf(text, "%s%s", key ? "[key]" : "[value]", rest ? rest : "");
    text_deinit(&path);
    return known;
}

/* An index, if there can be several, and what stands there. */
static bool put_element(struct forms *forms, const struct form *form, uint64_t offset,
                        struct text *text)
{
    uint64_t index = form->size ? offset / form->size : 0;
    uint64_t within = form->size ? offset % form->size : 0;
    if (form->kind == FORM_BUCKETS)
        return put_map_slot(forms, form->map_type, within, text);
    text_printf(text, "[%llu]", (unsigned long long)index);
    struct type_info info;
    bool scalar = type_info_read(forms->types, form->type, &info) && info.kind != KIND_STRUCT &&
                  info.kind != KIND_ARRAY;
    return form->kind == FORM_DIRECTORY || form->kind == FORM_OVERFLOW_ARRAY || scalar ||
           put_path(forms, form->type, within, text);
}

static bool put_captured(struct forms *forms, const struct form *form, uint64_t offset,
                         struct text *text)
{
    if (form->map_type)
        return put_path(forms, form->map_type, offset, text);
    text_printf(text, "[captured +%llu]", (unsigned long long)offset);
    return true;
}

bool form_field(struct forms *forms, uint32_t index, uint64_t offset, struct text *text)
{
    const struct form *form = form_at(forms, index);
    switch ((enum form_kind)form->kind) {
    case FORM_VALUE:
        return put_path(forms, form->type, offset, text);
    case FORM_MAP:
    case FORM_TABLE:
    case FORM_MAP_EXTRA:
    case FORM_TIMER:
        return put_path(forms, form->map_type, offset, text);
    case FORM_CHANNEL:
        return put_path(forms, forms->layouts.hchan, offset, text);
    case FORM_ARRAY:
    case FORM_BUCKETS:
    case FORM_BUFFER:
    case FORM_DIRECTORY:
    case FORM_OVERFLOW_ARRAY:
        return put_element(forms, form, offset, text);
    case FORM_CLOSURE:
        return put_captured(forms, form, offset, text);
    default:
        return false;
    }
}
