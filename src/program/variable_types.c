/* Go's DWARF has variables as children of their compilation units, with a fixed address. A type is what it is by DW_AT_go_kind: slices and strings are structs,
 * maps, channels and interfaces are typedefs. A unit's functions are passed over.
 *
 * The debug information may be that of another program: it is believed if its runtime.firstmoduledata is where the program's own is. */
#include "program/variable_types.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/u64map.h"
#include "elf/debug_info.h"
#include "program/type_info.h"

enum {
    AT_GO_KIND = 0x2900,
    AT_GO_ELEMENT = 0x2902,
    AT_GO_RUNTIME_TYPE = 0x2904,
    VARIABLES_MAX = 1 << 20,
    LED_TO_MAX = 1 << 16,
    PARTS_MAX = 1 << 22,
    PARTS_OF_ONE_MAX = 1024,
    DEPTH_MAX = 12,
    TYPEDEFS_MAX = 4,
    ENTRIES_MAX = 1 << 26, /* of all units */
    ELEMENTS_MAX = 256,
    MEMBERS_MAX = 1 << 10,
    VARIABLE_BYTES_MAX = 1 << 28,
};

/* An object in the program's data, whose type has no descriptor. */
struct led_to {
    Dwarf_Die type;
    address at, from;
    uint64_t count, each; /* values; bytes of one */
    bool several;
};

struct reading {
    struct target *target;
    const struct program *program;
    struct variable_types *types;
    struct text path;
    uint64_t bias;
    address types_base;
    uint64_t entries_left;
    struct led_to_list VECTOR_OF(struct led_to) led_to;
    struct u64map led_to_seen; /* addresses */
    address at;                /* of what is taken now */
    uint32_t first_part;
    unsigned depth;
    bool ours; /* firstmoduledata is where it must be */
};

static bool number_of(Dwarf_Die *entry, unsigned name, uint64_t *number_ret)
{
    Dwarf_Attribute attribute;
    Dwarf_Word word = 0;
    if (!dwarf_attr(entry, name, &attribute) || dwarf_formudata(&attribute, &word) != 0)
        return false;
    *number_ret = word;
    return true;
}

static bool address_of(Dwarf_Die *entry, unsigned name, uint64_t *address_ret)
{
    Dwarf_Attribute attribute;
    Dwarf_Addr word = 0;
    if (!dwarf_attr(entry, name, &attribute) || dwarf_formaddr(&attribute, &word) != 0)
        return false;
    *address_ret = word;
    return true;
}

static bool refers_to(Dwarf_Die *entry, unsigned name, Dwarf_Die *type_ret)
{
    Dwarf_Attribute attribute;
    return dwarf_attr(entry, name, &attribute) && dwarf_formref_die(&attribute, type_ret);
}

/* A type with a name is a typedef that says nothing but what it is a name of (cmd/link/internal/ld/dwarf.go, dotypedef). */
static bool type_of(Dwarf_Die *entry, unsigned name, Dwarf_Die *type_ret)
{
    Dwarf_Die of;
    if (!refers_to(entry, name, type_ret))
        return false;
    for (unsigned depth = 0; depth < TYPEDEFS_MAX && dwarf_tag(type_ret) == DW_TAG_typedef &&
                             !dwarf_hasattr(type_ret, AT_GO_KIND);
         depth++) {
        if (!refers_to(type_ret, DW_AT_type, &of))
            return true;
        *type_ret = of;
    }
    return true;
}

/* What the address of a descriptor is told from: where the section begins that has them (cmd/link, AddSectionOffset, R_ADDROFF). */
static address types_base(struct target *target, const struct moduledata *module)
{
    const struct elffile *file = target_executable(target);
    uint64_t bias = target_bias(target), linked = module->types - bias;
    for (size_t i = 0; i < file->section_count; i++) {
        const struct elf_section *section = &file->sections[i];
        if (section->address && linked >= section->address &&
            linked - section->address < section->size)
            return section->address + bias;
    }
    return module->types;
}

/* The type's descriptor; 0 if the linker left it out. */
static address descriptor_of(const struct reading *reading, Dwarf_Die *type)
{
    const struct moduledata *module = &reading->program->module;
    struct type_info info;
    uint64_t at = 0;
    if (!address_of(type, AT_GO_RUNTIME_TYPE, &at) || !at)
        return 0;
    at += reading->types_base;
    return at >= module->types && at < module->types_end &&
                   type_info_read(reading->program->types, at, &info)
               ? at
               : 0;
}

static void add_part(struct reading *reading, enum part_kind kind, uint64_t offset, address type)
{
    struct variable_types *types = reading->types;
    if (types->parts.length >= PARTS_MAX ||
        types->parts.length - reading->first_part >= PARTS_OF_ONE_MAX)
        return;
    VECTOR_PUSH(
        &types->parts,
        (struct variable_part){.kind = kind,
                               .offset = offset,
                               .type = type,
                               .name = reading->path.length ? xstrdup(reading->path.bytes) : NULL});
}

/* What a pointer or a slice leads to, if that is in the data. */
static void note_led_to(struct reading *reading, const Dwarf_Die *type, enum part_kind kind,
                        uint64_t offset)
{
    const struct moduledata *module = &reading->program->module;
    struct led_to led_to = {
        .type = *type, .from = reading->at + offset, .several = kind == PART_SLICE};
    uint64_t words[2] = {0, 1}; /* the pointer, and of a slice its length */
    bool is_new = false;
    if (reading->led_to.length >= LED_TO_MAX ||
        error_ignore(target_read_cached(reading->target, led_to.from, words,
                                        led_to.several ? sizeof(words) : sizeof(*words))))
        return;
    led_to.at = words[0];
    led_to.count = words[1];
    if (led_to.at % 8 || led_to.at < module->noptrdata || led_to.at >= module->noptrbss_end ||
        !number_of(&led_to.type, DW_AT_byte_size, &led_to.each) || !led_to.each ||
        led_to.count > (module->noptrbss_end - led_to.at) / led_to.each || !led_to.count)
        return;
    u64map_intern(&reading->led_to_seen, led_to.at, 1, &is_new);
    if (is_new)
        VECTOR_PUSH(&reading->led_to, led_to);
}

/* A part that leads to values of the type at an attribute of it. */
static void add_leading(struct reading *reading, Dwarf_Die *type, unsigned attribute,
                        enum part_kind kind, uint64_t offset)
{
    Dwarf_Die element;
    if (!type_of(type, attribute, &element))
        return;
    address descriptor = descriptor_of(reading, &element);
    add_part(reading, kind, offset, descriptor);
    if (!descriptor && kind != PART_CHANNEL)
        note_led_to(reading, &element, kind, offset);
}

static void take_type(struct reading *reading, Dwarf_Die *type, uint64_t offset);

static void take_below(struct reading *reading, Dwarf_Die *type, uint64_t offset, const char *step,
                       size_t size)
{
    size_t length = reading->path.length;
    text_escape(&reading->path, step, size);
    take_type(reading, type, offset);
    reading->path.length = length;
    if (reading->path.bytes)
        reading->path.bytes[length] = 0;
}

static void take_members(struct reading *reading, Dwarf_Die *type, uint64_t offset)
{
    Dwarf_Die member, of;
    char step[512];
    if (dwarf_child(type, &member) != 0)
        return;
    for (unsigned i = 0; i < MEMBERS_MAX; i++) {
        uint64_t at = 0;
        const char *name = dwarf_diename(&member);
        if (dwarf_tag(&member) == DW_TAG_member &&
            number_of(&member, DW_AT_data_member_location, &at) && at < VARIABLE_BYTES_MAX &&
            type_of(&member, DW_AT_type, &of)) {
            int size = snprintf(step, sizeof(step), ".%s", name ? name : "?");
            take_below(reading, &of, offset + at, step, strnlen(step, (size_t)size));
        }
        if (dwarf_siblingof(&member, &member) != 0)
            return;
    }
}

static void take_values(struct reading *reading, Dwarf_Die *type, uint64_t count, uint64_t size,
                        uint64_t offset)
{
    for (uint64_t i = 0; i < count && i < ELEMENTS_MAX; i++) {
        char step[32];
        int length = snprintf(step, sizeof(step), "[%llu]", (unsigned long long)i);
        take_below(reading, type, offset + i * size, step, (size_t)length);
    }
}

static void take_elements(struct reading *reading, Dwarf_Die *type, uint64_t offset)
{
    Dwarf_Die range, of;
    uint64_t count = 0, size = 0;
    if (dwarf_child(type, &range) != 0 || !number_of(&range, DW_AT_count, &count) ||
        !type_of(type, DW_AT_type, &of) || !number_of(&of, DW_AT_byte_size, &size) || !size ||
        size > VARIABLE_BYTES_MAX)
        return;
    take_values(reading, &of, count, size, offset);
}

/* Interfaces are typedefs of runtime.eface, which has no itab, or runtime.iface. */
static enum part_kind interface_kind(Dwarf_Die *type)
{
    Dwarf_Die of;
    const char *name = type_of(type, DW_AT_type, &of) ? dwarf_diename(&of) : NULL;
    return name && !strcmp(name, "runtime.eface") ? PART_ANY : PART_METHODS;
}

static void take_kind(struct reading *reading, Dwarf_Die *type, uint64_t kind, uint64_t offset)
{
    switch (kind) {
    case KIND_POINTER:
        add_leading(reading, type, DW_AT_type, PART_POINTER, offset);
        break;
    case KIND_SLICE:
        add_leading(reading, type, AT_GO_ELEMENT, PART_SLICE, offset);
        break;
    case KIND_CHAN:
        add_leading(reading, type, AT_GO_ELEMENT, PART_CHANNEL, offset);
        break;
    case KIND_STRING:
        add_part(reading, PART_STRING, offset, 0);
        break;
    case KIND_INTERFACE:
        add_part(reading, interface_kind(type), offset, 0);
        break;
    case KIND_UNSAFE_POINTER:
        add_part(reading, PART_POINTER, offset, 0);
        break;
    case KIND_FUNC:
        add_part(reading, PART_FUNCTION, offset, 0);
        break;
    case KIND_ARRAY:
        take_elements(reading, type, offset);
        break;
    case KIND_STRUCT:
        take_members(reading, type, offset);
        break;
    default:
        break;
    }
}

static void take_type(struct reading *reading, Dwarf_Die *type, uint64_t offset)
{
    address descriptor = descriptor_of(reading, type);
    uint64_t kind = 0;
    if (descriptor) {
        add_part(reading, PART_VALUE, offset, descriptor);
        return;
    }
    if (reading->depth >= DEPTH_MAX ||
        reading->types->parts.length - reading->first_part >= PARTS_OF_ONE_MAX)
        return;
    reading->depth++;
    if (number_of(type, AT_GO_KIND, &kind))
        take_kind(reading, type, kind, offset);
    else if (dwarf_tag(type) == DW_TAG_pointer_type)
        take_kind(reading, type, KIND_POINTER, offset);
    else if (dwarf_tag(type) == DW_TAG_structure_type)
        take_kind(reading, type, KIND_STRUCT, offset);
    reading->depth--;
}

/* A variable has one address. Go writes the expression as a block, which libdw does not take for an expression in DWARF 5. */
static bool place_of(Dwarf_Die *variable, uint64_t *at_ret)
{
    Dwarf_Attribute attribute;
    Dwarf_Block block;
    if (!dwarf_attr(variable, DW_AT_location, &attribute) ||
        dwarf_formblock(&attribute, &block) != 0 || block.length != 1 + sizeof(*at_ret) ||
        block.data[0] != DW_OP_addr)
        return false;
    memcpy(at_ret, block.data + 1, sizeof(*at_ret));
    return true;
}

static void take_variable(struct reading *reading, Dwarf_Die *variable)
{
    const struct moduledata *module = &reading->program->module;
    struct variable_types *types = reading->types;
    Dwarf_Die type;
    uint64_t at = 0, size = 0;
    const char *name = dwarf_diename(variable);
    if (!name || !place_of(variable, &at) || !type_of(variable, DW_AT_type, &type))
        return;
    at += reading->bias;
    if (at == module->at && !strcmp(name, "runtime.firstmoduledata"))
        reading->ours = true;
    if (!number_of(&type, DW_AT_byte_size, &size))
        size = 8; /* typedefs of maps and channels */
    if (at < module->noptrdata || at >= module->noptrbss_end || size > module->noptrbss_end - at ||
        types->list.length >= VARIABLES_MAX)
        return;
    reading->first_part = (uint32_t)types->parts.length;
    reading->at = at;
    take_type(reading, &type, 0);
    VECTOR_PUSH(
        &types->list,
        (struct variable_type){.at = at,
                               .size = size,
                               .name = text_escaped(name, strnlen(name, 4096)),
                               .first_part = reading->first_part,
                               .part_count = (uint32_t)types->parts.length - reading->first_part});
}

static void take_unit(struct reading *reading, Dwarf_Die *unit)
{
    Dwarf_Die entry;
    if (dwarf_child(unit, &entry) != 0)
        return;
    for (; reading->entries_left; reading->entries_left--) {
        if (dwarf_tag(&entry) == DW_TAG_variable)
            take_variable(reading, &entry);
        if (dwarf_siblingof(&entry, &entry) != 0)
            return;
    }
}

static void take_all(struct reading *reading, Dwarf *dwarf)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die entry;
    while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &entry, NULL) == 0 &&
           reading->entries_left)
        take_unit(reading, &entry);
}

/* What variables lead to, and what that leads to. */
static void take_led_to(struct reading *reading)
{
    struct variable_types *types = reading->types;
    for (size_t i = 0; i < reading->led_to.length && types->list.length < VARIABLES_MAX; i++) {
        struct led_to led_to = reading->led_to.at[i];
        struct text name = {0};
        const char *type = dwarf_diename(&led_to.type);
        reading->at = led_to.at;
        reading->first_part = (uint32_t)types->parts.length;
        if (led_to.several)
            take_values(reading, &led_to.type, led_to.count, led_to.each, 0);
        else
            take_type(reading, &led_to.type, 0);
        text_puts(&name, led_to.several ? "[]" : "");
        text_escape(&name, type ? type : "?", type ? strnlen(type, 4096) : 1);
        VECTOR_PUSH(&types->list,
                    (struct variable_type){.at = led_to.at,
                                           .size = led_to.count * led_to.each,
                                           .name = name.bytes,
                                           .from = led_to.from,
                                           .first_part = reading->first_part,
                                           .part_count = (uint32_t)types->parts.length -
                                                         reading->first_part});
    }
    VECTOR_DEINIT(&reading->led_to);
    u64map_deinit(&reading->led_to_seen);
}

/* Variables first, then the larger. */
static int by_address(const void *left, const void *right)
{
    const struct variable_type *a = left, *b = right;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    if (!a->from != !b->from)
        return a->from ? 1 : -1;
    return (a->size < b->size) - (a->size > b->size);
}

/* Where one lies over another one, the first stays. */
static void put_in_order(struct variable_types *types)
{
    size_t kept = 0;
    address end = 0;
    if (types->list.length)
        qsort(types->list.at, types->list.length, sizeof(*types->list.at), by_address);
    for (size_t i = 0; i < types->list.length; i++) {
        struct variable_type variable = types->list.at[i];
        if (variable.at < end || !variable.size) {
            free(variable.name);
            continue;
        }
        end = variable.at + variable.size;
        types->list.at[kept++] = variable;
    }
    types->list.length = kept;
}

/* What must be opened to read the executable anew. */
static struct debug_info *open_info(struct target *target)
{
    const struct target_facts *facts = target_facts(target);
    char place[64];
    if (facts->kind == TARGET_SNAPSHOT) /* the path that it names is of another machine */
        return debug_info_open(target_executable(target), NULL, NULL);
    if (facts->kind != TARGET_PROCESS && facts->kind != TARGET_FROZEN)
        return debug_info_open(target_executable(target), facts->exe_path, NULL);
    snprintf(place, sizeof(place), "/proc/%d/exe", (int)facts->pid);
    return debug_info_open(target_executable(target), facts->exe_path, place);
}

void variable_types_read(struct target *target, const struct program *program,
                         struct variable_types *types_ret)
{
    *types_ret = (struct variable_types){0};
    if (!target_executable(target))
        return;
    struct reading reading = {.target = target,
                              .program = program,
                              .types = types_ret,
                              .bias = target_bias(target),
                              .types_base = types_base(target, &program->module),
                              .entries_left = ENTRIES_MAX};
    struct debug_info *info = open_info(target);
    if (!info)
        return;
    take_all(&reading, debug_info_dwarf(info));
    take_led_to(&reading);
    debug_info_close(info);
    text_deinit(&reading.path);
    put_in_order(types_ret);
    if (!reading.ours)
        variable_types_deinit(types_ret);
}

void variable_types_deinit(struct variable_types *types)
{
    for (size_t i = 0; i < types->list.length; i++)
        free(types->list.at[i].name);
    for (size_t i = 0; i < types->parts.length; i++)
        free(types->parts.at[i].name);
    VECTOR_DEINIT(&types->list);
    VECTOR_DEINIT(&types->parts);
}

const struct variable_type *variable_type_at(const struct variable_types *types, address at)
{
    size_t low = 0, high = types->list.length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct variable_type *variable = &types->list.at[middle];
        if (at < variable->at)
            high = middle;
        else if (at >= variable->at + variable->size)
            low = middle + 1;
        else
            return variable;
    }
    return NULL;
}
