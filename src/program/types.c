/* Layouts of the runtime's structs, from the program's own type descriptors
 * (internal/abi/type.go and cmd/compile/internal/reflectdata/reflect.go, Go 1.18 to 1.27). The
 * runtime allocates its structs with new, so their descriptors are in every program, stripped or
 * not, but nothing lists them: they are found by one pass over the region [types, etypes) at
 * steps of 8 bytes, where a descriptor of a named struct shows itself by its kind, flags and
 * name. The name has only the last element of the package's path, so the path behind the
 * descriptor is compared too: a package example.com/runtime may well have a type named
 * runtime.p.
 *
 * Kind, flags and offsets of names are plain data and are looked at in place. Pointers (fields,
 * field names, field types) come from the target's memory, where the dynamic loader has put them
 * right. */
#include "program/types.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/memory.h"
#include "base/text.h"
#include "base/u64map.h"
#include "base/vector.h"
#include "program/region.h"
#include "program/types_internal.h"

enum { /* abi.Type, 48 bytes; abi.StructType follows on; then abi.UncommonType */
    TYPE_SIZE = 0,
    TYPE_POINTER_BYTES = 8,
    TYPE_MARKS = 20, /* flags, alignment, field alignment, kind: one byte each */
    TYPE_NAME = 40,
    TYPE_BYTES = 48,
    STRUCT_FIELDS = 56,
    STRUCT_BYTES = 80,
    FIELD_BYTES = 24, /* {name, type, offset} */

    FLAG_UNCOMMON = 1,
    FLAG_EXTRA_STAR = 2,
    FLAG_NAMED = 4,
    KIND_MASK = 0x1f,
    KIND_STRUCT = 25,
    NAME_FLAGS_MAX = 15,
};

enum {
    SCAN_MAX = 256 << 20,
    STRUCT_FIELDS_MAX = 512,
    LAYOUT_FIELDS_MAX = 4096,
    DEPTH_MAX = 4,
    WANTED_MAX = 64,
    SHORT_NAME_MAX =
        127, /* a length of one varint byte: the pass over all types looks at no longer names */
    NAMES_CACHED_MAX = 1 << 20,
};

/* A struct that is looked for: "internal/abi.Type" is shown as "abi.Type" by the descriptor. */
struct wanted {
    const char *name;
    const char *shown;
    size_t shown_size, path_size;
    bool found;
};

struct scan {
    struct bytes bytes; /* [types, etypes) */
    struct wanted wanted[WANTED_MAX];
    size_t count, left;
    bool lengths[SHORT_NAME_MAX + 1];
};

/* The parts of a descriptor that seep needs. */
struct descriptor {
    uint64_t size;
    uint8_t flags, kind;
    uint32_t name;
};

static void layout_deinit(struct layout *layout)
{
    for (size_t i = 0; i < layout->field_count; i++)
        free(layout->fields[i].name);
    free(layout->fields);
    free(layout->name);
}

void types_close(struct types *types)
{
    if (!types)
        return;
    for (size_t i = 0; i < types->layouts.length; i++)
        layout_deinit(&types->layouts.at[i]);
    for (size_t i = 0; i < types->names.length; i++)
        free(types->names.at[i]);
    VECTOR_DEINIT(&types->layouts);
    VECTOR_DEINIT(&types->names);
    u64map_deinit(&types->name_index);
    free(types);
}

static void types_cleanup(struct types **types)
{
    types_close(*types);
}

/* Reading one descriptor. */

static struct error *read_descriptor(struct types *types, address at,
                                     struct descriptor *descriptor_ret)
{
    uint8_t bytes[TYPE_BYTES];
    TRY(target_read_cached(types->target, at, bytes, sizeof(bytes)));
    struct descriptor descriptor = {.flags = bytes[TYPE_MARKS],
                                    .kind = bytes[TYPE_MARKS + 3] & KIND_MASK};
    memcpy(&descriptor.size, bytes + TYPE_SIZE, sizeof(descriptor.size));
    memcpy(&descriptor.name, bytes + TYPE_NAME, sizeof(descriptor.name));
    *descriptor_ret = descriptor;
    return NULL;
}

/* Names are plain data: the file's bytes serve. */
struct error *types_read_name(struct types *types, address at, struct name_text *name)
{
    uint8_t head[1 + 5];
    size_t left = 0;
    const uint8_t *view = target_view(types->target, at, true, &left);
    if (!view || left < sizeof(head)) {
        view = NULL;
        TRY(target_read_cached(types->target, at, head, sizeof(head)));
    }
    struct cursor cursor =
        cursor_over(view ? view : head, view ? left : sizeof(head), "name of a type");
    uint8_t flags = 0;
    uint64_t size = 0;
    TRY(cursor_u8(&cursor, &flags));
    TRY(cursor_uvarint(&cursor, &size));
    if (flags > NAME_FLAGS_MAX)
        return error_create(ERROR_BAD_DATA, "name of a type: flags 0x%x", flags);
    name->cut = size > NAME_READ_MAX;
    name->size = name->cut ? NAME_READ_MAX : size;
    const uint8_t *text = (const uint8_t *)name->room;
    if (view)
        TRY(cursor_bytes(&cursor, name->size, &text));
    else
        TRY(target_read_cached(types->target, at + cursor.at, name->room, name->size));
    name->at = (const char *)text;
    return NULL;
}

/* From a descriptor to a layout. */

struct raw_field {
    uint64_t name, type, offset;
};

/* The fields of the struct at `at` into `fields`, which has room for STRUCT_FIELDS_MAX. */
static struct error *read_fields(struct types *types, address at, struct raw_field *fields,
                                 size_t *count_ret)
{
    uint64_t slice[2];
    TRY(target_read_cached(types->target, at + STRUCT_FIELDS, slice, sizeof(slice)));
    if (slice[1] > STRUCT_FIELDS_MAX)
        return error_create(ERROR_LIMIT, "a struct of %llu fields", (unsigned long long)slice[1]);
    TRY(target_read_cached(types->target, slice[0], fields, slice[1] * FIELD_BYTES));
    *count_ret = slice[1];
    return NULL;
}

/* Whether the fields lie within the struct, one behind the other; one whose type can't be read counts as of no size. */
static bool fields_fit(struct types *types, uint64_t struct_size, const struct raw_field *fields,
                       size_t count, unsigned shift)
{
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        struct descriptor type = {0};
        uint64_t offset = fields[i].offset >> shift;
        (void)error_ignore(read_descriptor(types, fields[i].type, &type));
        if (offset < end || offset > struct_size || type.size > struct_size - offset)
            return false;
        end = offset + type.size;
    }
    return true;
}

/* Up to Go 1.18 the third word of a field was offset << 1 | embedded. Without the version: plain
 * offsets do not reach over the struct's end, doubled ones do in the first struct that is not
 * tiny, and then they are so in all. */
static void unshift_offsets(struct types *types, uint64_t struct_size, struct raw_field *fields,
                            size_t count)
{
    if (types->offset_form == OFFSETS_UNKNOWN &&
        !fields_fit(types, struct_size, fields, count, 0) &&
        fields_fit(types, struct_size, fields, count, 1))
        types->offset_form = OFFSETS_SHIFTED;
    for (size_t i = 0; i < count && types->offset_form == OFFSETS_SHIFTED; i++)
        fields[i].offset >>= 1;
}

static char *field_path(const char *prefix, const struct name_text *name)
{
    struct text path = {0};
    if (*prefix) {
        text_puts(&path, prefix);
        text_puts(&path, ".");
    }
    text_escape(&path, name->at, name->size);
    return path.bytes ? path.bytes : xstrdup("?");
}

static struct layout_field *add_field(struct layout *layout, struct layout_field field)
{
    if (layout->field_count % 64 == 0)
        layout->fields =
            xrealloc(layout->fields, (layout->field_count + 64) * sizeof(*layout->fields));
    layout->fields[layout->field_count] = field;
    return &layout->fields[layout->field_count++];
}

static struct error *flatten(struct types *types, struct layout *layout, address at,
                             uint64_t struct_size, const struct layout_field *outer,
                             unsigned depth);

/* One field, and what is nested in it. A field that can't be read is left out: whoever needs it
 * will miss it. */
static void flatten_field(struct types *types, struct layout *layout, const struct raw_field *raw,
                          uint64_t struct_size, const struct layout_field *outer, unsigned depth)
{
    struct name_text name;
    struct descriptor type = {0};
    if (error_ignore(types_read_name(types, raw->name, &name)) ||
        (name.size == 1 && name.at[0] == '_') ||
        error_ignore(read_descriptor(types, raw->type, &type)) || raw->offset > struct_size ||
        type.size > struct_size - raw->offset || layout->field_count >= LAYOUT_FIELDS_MAX)
        return;
    struct layout_field field = {
        .name = field_path(outer->name, &name),
        .offset = outer->offset + raw->offset,
        .size = type.size,
        .type = raw->type,
    };
    add_field(layout, field);
    if (type.kind == KIND_STRUCT && depth < DEPTH_MAX)
        (void)error_ignore(flatten(types, layout, raw->type, type.size, &field, depth + 1));
}

static struct error *flatten(struct types *types, struct layout *layout, address at,
                             uint64_t struct_size, const struct layout_field *outer, unsigned depth)
{
    AUTO_FREE struct raw_field *fields = xmalloc(STRUCT_FIELDS_MAX * sizeof(*fields));
    size_t count = 0;
    TRY(read_fields(types, at, fields, &count));
    unshift_offsets(types, struct_size, fields, count);
    for (size_t i = 0; i < count; i++)
        flatten_field(types, layout, &fields[i], struct_size, outer, depth);
    return NULL;
}

static struct error *add_layout(struct types *types, address at, const char *name)
{
    struct descriptor descriptor = {0};
    char root_name[] = "";
    struct layout_field root = {.name = root_name};
    struct layout layout = {0};
    struct error *error = read_descriptor(types, at, &descriptor);
    layout.size = descriptor.size;
    layout.type = at;
    if (!error)
        error = flatten(types, &layout, at, descriptor.size, &root, 1);
    if (error) {
        layout_deinit(&layout);
        return error_context(error, "type descriptor of %s", name);
    }
    layout.name = xstrdup(name);
    VECTOR_PUSH(&types->layouts, layout);
    return NULL;
}

/* The pass over all types. */

static uint32_t u32_at(const struct bytes *bytes, size_t at)
{
    uint32_t value;
    memcpy(&value, bytes->at + at, sizeof(value));
    return value;
}

static bool is_alignment(uint8_t align)
{
    return align == 1 || align == 2 || align == 4 || align == 8;
}

/* The text of a short name at an offset, {0} if there is none. */
static struct bytes short_name(const struct bytes *bytes, uint32_t offset)
{
    if (!offset || bytes->size < 2 || offset > bytes->size - 2 ||
        bytes->at[offset] > NAME_FLAGS_MAX)
        return (struct bytes){0};
    size_t size = bytes->at[offset + 1];
    if (size > SHORT_NAME_MAX || size > bytes->size - 2 - offset)
        return (struct bytes){0};
    return (struct bytes){bytes->at + offset + 2, size};
}

/* The package's path behind the descriptor, if it tells one, is that of the wanted name. */
static bool is_of_package(const struct bytes *bytes, size_t at, const struct wanted *wanted)
{
    if (!(bytes->at[at + TYPE_MARKS] & FLAG_UNCOMMON) ||
        bytes->size - at < STRUCT_BYTES + sizeof(uint32_t))
        return true;
    struct bytes path = short_name(bytes, u32_at(bytes, at + STRUCT_BYTES));
    return !path.at ||
           (path.size == wanted->path_size && memcmp(path.at, wanted->name, path.size) == 0);
}

static struct wanted *match(struct scan *scan, size_t at)
{
    const struct bytes *bytes = &scan->bytes;
    struct bytes name = short_name(bytes, u32_at(bytes, at + TYPE_NAME));
    if (name.size && bytes->at[at + TYPE_MARKS] & FLAG_EXTRA_STAR) {
        if (name.at[0] != '*')
            return NULL;
        name = (struct bytes){name.at + 1, name.size - 1};
    }
    if (!name.size || !scan->lengths[name.size])
        return NULL;
    for (size_t i = 0; i < scan->count; i++) {
        struct wanted *wanted = &scan->wanted[i];
        if (!wanted->found && wanted->shown_size == name.size &&
            !memcmp(wanted->shown, name.at, name.size) && is_of_package(bytes, at, wanted))
            return wanted;
    }
    return NULL;
}

static bool is_plausible(const struct bytes *bytes, size_t at)
{
    uint64_t size;
    uint64_t pointer_bytes;
    memcpy(&size, bytes->at + at + TYPE_SIZE, sizeof(size));
    memcpy(&pointer_bytes, bytes->at + at + TYPE_POINTER_BYTES, sizeof(pointer_bytes));
    return pointer_bytes <= size && is_alignment(bytes->at[at + TYPE_MARKS + 1]) &&
           is_alignment(bytes->at[at + TYPE_MARKS + 2]);
}

static struct error *scan_types(struct types *types, struct scan *scan)
{
    const uint32_t mask = (uint32_t)KIND_MASK << 24 | FLAG_NAMED;
    const uint32_t named_struct = (uint32_t)KIND_STRUCT << 24 | FLAG_NAMED;
    const struct bytes *bytes = &scan->bytes;
    for (size_t at = -types->start % 8;
         scan->left && bytes->size >= STRUCT_BYTES && at <= bytes->size - STRUCT_BYTES; at += 8) {
        if ((u32_at(bytes, at + TYPE_MARKS) & mask) != named_struct || !is_plausible(bytes, at))
            continue;
        struct wanted *wanted = match(scan, at);
        if (!wanted)
            continue;
        TRY(add_layout(types, types->start + at, wanted->name));
        wanted->found = true;
        scan->left--;
    }
    return NULL;
}

static void scan_want(struct scan *scan, const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *shown = slash ? slash + 1 : name;
    const char *dot = strchr(shown, '.');
    size_t size = strlen(shown);
    if (!dot || size > SHORT_NAME_MAX || scan->count == WANTED_MAX)
        return;
    scan->wanted[scan->count++] = (struct wanted){
        .name = name, .shown = shown, .shown_size = size, .path_size = (size_t)(dot - name)};
    scan->lengths[size] = true;
    scan->left++;
}

static void types_init(struct types *types, struct target *target, const struct moduledata *module,
                       int go_minor)
{
    types->target = target;
    types->start = module->types;
    types->end = module->types_end;
    types->go_minor = go_minor;
    types->offset_form = go_minor < 0     ? OFFSETS_UNKNOWN
                         : go_minor <= 18 ? OFFSETS_SHIFTED
                                          : OFFSETS_PLAIN;
}

struct error *types_open(struct target *target, const struct moduledata *module, int go_minor,
                         const char *const *wanted, struct types **types_ret)
{
    if (module->types >= module->types_end)
        return error_create(ERROR_BAD_DATA, "the region of types is empty");
    __attribute__((cleanup(types_cleanup))) struct types *types = xcalloc(1, sizeof(*types));
    types_init(types, target, module, go_minor);
    struct scan scan = {0};
    for (; wanted && *wanted; wanted++)
        scan_want(&scan, *wanted);

    uint64_t size = module->types_end - module->types;
    AUTO_FREE void *owned = NULL;
    TRY(region_bytes(target, module->types, size < SCAN_MAX ? size : SCAN_MAX, &scan.bytes,
                     &owned));
    TRY(scan_types(types, &scan));
    *types_ret = types;
    types = NULL;
    return NULL;
}

const struct layout *types_layout(const struct types *types, const char *name)
{
    for (size_t i = 0; i < types->layouts.length; i++)
        if (!strcmp(types->layouts.at[i].name, name))
            return &types->layouts.at[i];
    return NULL;
}

bool layout_field(const struct layout *layout, const char *name, struct layout_field *field_ret)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        if (strcmp(layout->fields[i].name, name) != 0)
            continue;
        *field_ret = layout->fields[i];
        return true;
    }
    return false;
}

/* Names of any type. */

static char *fetch_name(struct types *types, address type)
{
    struct descriptor descriptor = {0};
    struct name_text name;
    if (type < types->start || type >= types->end ||
        error_ignore(read_descriptor(types, type, &descriptor)) ||
        descriptor.name >= types->end - types->start ||
        error_ignore(types_read_name(types, types->start + descriptor.name, &name)))
        return xstrdup("?");
    bool star = descriptor.flags & FLAG_EXTRA_STAR && name.size && name.at[0] == '*';
    struct text shown = {0};
    text_escape(&shown, name.at + star, name.size - star);
    text_puts(&shown, name.cut ? "…" : "");
    return shown.bytes;
}

const char *types_name(struct types *types, address type)
{
    uint32_t index = 0;
    if (u64map_get(&types->name_index, type, &index))
        return types->names.at[index];
    if (types->names.length >= NAMES_CACHED_MAX)
        return "?";
    char *name = fetch_name(types, type);
    u64map_set(&types->name_index, type, (uint32_t)types->names.length);
    VECTOR_PUSH(&types->names, name);
    return name;
}
