#include "program/program.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/memory.h"
#include "program/version.h"

static void program_cleanup(struct program **program)
{
    program_close(*program);
}

static struct error *read_info(const struct elffile *file, struct program *program)
{
    struct error *error = buildinfo_read(file, &program->info);
    if (error && error_code(error) == ERROR_NO_MEMORY)
        return error;
    program->info_missing = error_ignore(error);
    if (program->info_missing)
        program->info = (struct buildinfo){.go_minor = -1};
    return NULL;
}

struct error *program_open(struct target *target, const char *const *wanted,
                           struct program **program_ret)
{
    const struct elffile *file = target_executable(target);
    __attribute__((cleanup(program_cleanup))) struct program *program =
        xcalloc(1, sizeof(*program));
    program->arch = file->machine == EM_AARCH64 ? ARCH_ARM64 : ARCH_AMD64;
    program->stripped = !elffile_has_symbols(file);
    program->position_independent = file->type == ET_DYN;
    program->dynamic = file->has_interpreter;
    program->build_id = elffile_build_id(file);
    TRY(read_info(file, program));
    TRY(moduledata_find(target, &program->module, &program->pclntab));
    if (!program->info.go_version)
        version_from_data(target, &program->module, &program->info);
    TRY(types_open(target, &program->module, program->info.go_minor, wanted, &program->types));
    *program_ret = program;
    program = NULL;
    return NULL;
}

void program_close(struct program *program)
{
    if (!program)
        return;
    types_close(program->types);
    pclntab_deinit(&program->pclntab);
    buildinfo_deinit(&program->info);
    free(program->build_id);
    free(program);
}

/* Without build info: the section that every Go linker makes, by content. */
static bool has_pclntab_section(const struct elffile *file)
{
    static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        const struct elf_section *section = elffile_section(file, names[i]);
        uint32_t magic = 0;
        if (section && section->bytes && bytes_u32(section->bytes, section->size, 0, &magic) &&
            magic >= 0xfffffff0)
            return true;
    }
    return false;
}

struct error *program_is_go(const struct elffile *file, bool *is_go_ret, struct buildinfo *info_ret)
{
    struct buildinfo info = {.go_minor = -1};
    struct error *error = buildinfo_read(file, &info);
    if (error && error_code(error) == ERROR_NO_MEMORY)
        return error;
    /* any other error: not Go's, or so old or broken that there is nothing to tell but that it
     * is Go's */
    bool has_blob = !error || error_code(error) != ERROR_NOT_FOUND;
    error_destroy(error);
    *is_go_ret = has_blob || has_pclntab_section(file);
    *info_ret = info;
    return NULL;
}
