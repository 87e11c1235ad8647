#include "heap/frame_maps.h"

#include <string.h>

#include "base/cursor.h"

enum {
    SLOTS_MAX = 1 << 24,
    OBJECTS_MAX = 1 << 16,
    OBJECT_RECORD = 16,
    STUB_ARGUMENTS = 128, /* words of arguments that reflect's stubs may have */
    ARGUMENT_WORDS_MAX = 1 << 16,
};

static const uint32_t NO_UNIT = UINT32_MAX;

/* False only if there is a map that makes no sense; no map at all is an empty one. */
static bool read_map(const struct pclntab *table, const struct func *func, unsigned which,
                     address pc, struct slot_map *map_ret, bool *missing_ret)
{
    struct bytes blob = func_funcdata_bytes(table, func, which);
    uint32_t maps = 0, bits = 0;
    *map_ret = (struct slot_map){0};
    *missing_ret = !blob.size;
    if (*missing_ret)
        return true;
    if (!bytes_u32(blob.at, blob.size, 0, &maps) || !bytes_u32(blob.at, blob.size, 4, &bits))
        return false;
    if (!bits || !maps)
        return true;
    int32_t index = func_pcdata(table, func, PCDATA_STACK_MAP_INDEX, pc);
    index = index < 0 ? 0 : index; /* in the prologue: as getStackMap does */
    uint64_t each = ((uint64_t)bits + 7) / 8;
    if ((uint32_t)index >= maps || bits > SLOTS_MAX || 8 + ((uint64_t)index + 1) * each > blob.size)
        return false;
    *map_ret = (struct slot_map){.bits = blob.at + 8 + (uint64_t)index * each, .words = bits};
    return true;
}

/* Functions whose arguments only the runtime knows how to find (runtime/traceback.go, reflect/asm_amd64.s). */
static bool is_stub(const char *name)
{
    return !strcmp(name, "reflect.makeFuncStub") || !strcmp(name, "reflect.methodValueCall");
}

static bool read_objects(const struct pclntab *table, const struct func *func,
                         struct frame_map *map)
{
    struct bytes blob = func_funcdata_bytes(table, func, FUNCDATA_STACK_OBJECTS);
    uint64_t count = 0;
    if (!blob.size)
        return true;
    if (!bytes_u64(blob.at, blob.size, 0, &count) || count > OBJECTS_MAX ||
        8 + count * OBJECT_RECORD > blob.size)
        return false;
    map->objects = blob.at + 8;
    map->object_count = (uint32_t)count;
    return true;
}

/* The linker puts functions in one unit that were compiled together, and assembly in others (cmd/link/internal/ld/pcln.go, _func.cuOffset; since
 * 1.16). */
static bool is_runtime_unit(struct frame_maps *maps, const struct func *func)
{
    struct func park;
    if (!maps->sought) {
        maps->sought = true;
        maps->found =
            pclntab_func_named(&maps->runtime->program->pclntab, "runtime.gopark", &park) &&
            park.cu_offset != NO_UNIT;
        maps->runtime_unit = maps->found ? park.cu_offset : NO_UNIT;
    }
    return !maps->found || func->cu_offset == NO_UNIT || func->cu_offset == maps->runtime_unit;
}

static bool is_plain(struct frame_maps *maps, const struct func *func)
{
    static const char *const below[] = {"runtime.", "runtime/internal/", "internal/runtime/",
                                        "internal/abi."};
    const char *name = func_name(&maps->runtime->program->pclntab, func);
    for (size_t i = 0; i < LENGTH_OF(below); i++) {
        if (!strncmp(name, below[i], strlen(below[i])))
            return false;
    }
    return !(func->flags & FUNC_ASM) && !is_runtime_unit(maps, func);
}

bool frame_maps_is_plain(struct frame_maps *maps, address pc)
{
    struct func func;
    return pclntab_func(&maps->runtime->program->pclntab, pc, &func) && is_plain(maps, &func);
}

static struct frame_map read_frame_map(struct frame_maps *maps, const struct frame *frame,
                                       address pc)
{
    const struct runtime *runtime = maps->runtime;
    const struct pclntab *table = &runtime->program->pclntab;
    struct frame_map map = {0};
    struct func func;
    bool no_locals = false, no_arguments = false;
    if (!pclntab_func(table, pc, &func))
        return map;
    map.plain = is_plain(maps, &func);
    map.assembly = func.flags & FUNC_ASM;
    map.known = read_map(table, &func, FUNCDATA_LOCALS, pc, &map.locals, &no_locals) &&
                read_map(table, &func, FUNCDATA_ARGS, pc, &map.arguments, &no_arguments) &&
                read_objects(table, &func, &map);
    if (no_locals && frame_locals_end(runtime, frame) > frame->sp)
        map.known = false;
    int32_t bytes = func_argument_bytes(&func);
    if (is_stub(func_name(table, &func))) {
        map.known = false;
        map.stub = true;
        bytes = STUB_ARGUMENTS * 8;
    }
    if (bytes > 0)
        map.argument_words =
            (uint32_t)bytes / 8 < ARGUMENT_WORDS_MAX ? (uint32_t)bytes / 8 : ARGUMENT_WORDS_MAX;
    if (no_arguments || !map.known)
        map.guessed_arguments = map.argument_words;
    return map;
}

/* A faulted frame goes on behind the call of deferreturn, if it has one (runtime/traceback.go, continpc). */
static address pc_of(const struct frame *frame)
{
    if (frame->faulted)
        return frame->facts->entry + frame->facts->deferreturn;
    bool exact = frame->exact || frame->pc == frame->facts->entry;
    return exact ? frame->pc : frame->pc - 1;
}

const struct frame_map *frame_map_of(struct frame_maps *maps, const struct frame *frame)
{
    bool is_new = false;
    address pc = pc_of(frame);
    uint32_t index = u64map_intern(&maps->by_pc, pc, (uint32_t)maps->list.length, &is_new);
    if (is_new) {
        struct frame_map map = read_frame_map(maps, frame, pc);
        VECTOR_PUSH(&maps->list, map);
    }
    return &maps->list.at[index];
}

struct stack_object frame_map_object(const struct frame_maps *maps, const struct frame_map *map,
                                     uint32_t i)
{
    const uint8_t *record = map->objects + (size_t)i * OBJECT_RECORD;
    int32_t pointers =
        (int32_t)load_u32(record + 8); /* negative: a program makes the bit map (up to 1.23) */
    address rodata = maps->runtime->program->module.rodata;
    struct stack_object object = {.offset = (int32_t)load_u32(record),
                                  .size = load_u32(record + 4)};
    if (pointers >= 0 && (uint32_t)pointers <= object.size && rodata) {
        object.pointer_bytes = (uint32_t)pointers;
        object.bits = rodata + load_u32(record + 12);
    }
    return object;
}

address frame_arguments(const struct runtime *runtime, const struct frame *frame)
{
    return runtime->program->arch == ARCH_AMD64 ? frame->fp : frame->fp + 8;
}

void frame_maps_close(struct frame_maps *maps)
{
    u64map_deinit(&maps->by_pc);
    VECTOR_DEINIT(&maps->list);
}
