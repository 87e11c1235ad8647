/* Type descriptors, layouts and names. The input: u8 minor Go version, u64 address, then the region from moduledata's
 * types to etypes as it stands at that address. */
#include "fuzz.h"
#include "memorytarget.h"
#include "program/types.h"
#include "runtime/observation.h"
#include "runtime/offsets.h"

enum {
    NAMES_MAX = 512,
};

static size_t sum; /* so that what is read is used */

static void look_at_layouts(const struct types *types)
{
    struct offsets offsets;
    for (const char *const *name = runtime_wanted_types; *name; name++) {
        const struct layout *layout = types_layout(types, *name);
        struct layout_field field;
        for (size_t i = 0; layout && i < layout->field_count; i++)
            sum += layout_field(layout, layout->fields[i].name, &field) +
                   strlen(layout->fields[i].name);
    }
    error_destroy(offsets_bind(types, &offsets));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    int minor = (int8_t)fuzz_number(&input, 1);
    address start = fuzz_number(&input, 8) & (UINT64_MAX >> 1);
    struct target *target = memory_target_create(start, input.at, input.left);
    struct moduledata module = {.types = start, .types_end = start + input.left};
    struct types *types = NULL;
    struct error *error = types_open(target, &module, minor, runtime_wanted_types, &types);
    if (!error_ignore(error)) {
        look_at_layouts(types);
        for (size_t at = 0, i = 0; at < input.left && i < NAMES_MAX; at += 8, i++)
            sum += strlen(types_name(types, start + at));
        types_close(types);
    }
    target_close(target);
    return 0;
}
