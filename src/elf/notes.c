/* Notes of an ELF file (gABI, "Note Section"): a header of three words, a name, a description; both
 * padded to 4 bytes, or to 8 where the segment is aligned to 8. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/text.h"
#include "elf/elffile.h"

enum {
    BUILD_ID_MAX = 256
};

/* Moves to the next multiple of `alignment`; the last padding may be missing. */
static void align(struct cursor *cursor, size_t alignment)
{
    size_t padding = -cursor->at & (alignment - 1);
    size_t left = cursor->size - cursor->at;
    cursor->at += padding < left ? padding : left;
}

static struct error *next_note(struct cursor *cursor, size_t alignment, struct elf_note *note_ret)
{
    uint32_t name_size = 0;
    uint32_t size = 0;
    uint32_t type = 0;
    TRY(cursor_u32(cursor, &name_size));
    TRY(cursor_u32(cursor, &size));
    TRY(cursor_u32(cursor, &type));
    const uint8_t *name = NULL;
    const uint8_t *bytes = NULL;
    TRY(cursor_bytes(cursor, name_size, &name));
    align(cursor, alignment);
    TRY(cursor_bytes(cursor, size, &bytes));
    align(cursor, alignment);
    bool has_end = name_size && memchr(name, 0, name_size);
    *note_ret = (struct elf_note){
        .name = has_end ? (const char *)name : "",
        .type = type,
        .bytes = bytes,
        .size = size,
    };
    return NULL;
}

struct error *elffile_notes(const struct elffile *file,
                            bool (*each)(const struct elf_note *note, void *context), void *context)
{
    for (size_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segments[i];
        if (segment->type != PT_NOTE || !segment->present_size)
            continue;
        struct cursor cursor =
            cursor_over(file->bytes + segment->offset, segment->present_size, "notes");
        size_t alignment = segment->alignment == 8 ? 8 : 4;
        while (cursor.size - cursor.at >= sizeof(Elf64_Nhdr)) {
            struct elf_note note;
            struct error *error = next_note(&cursor, alignment, &note);
            if (error)
                return error_context(error, "%s", file->path);
            if (!each(&note, context))
                return NULL;
        }
    }
    return NULL;
}

struct build_ids {
    struct elf_note gnu;
    struct elf_note go;
};

static bool keep_build_id(const struct elf_note *note, void *context)
{
    enum {
        NT_GO_BUILD_ID = 4
    }; /* cmd/link/internal/ld/elf.go, Go 1.5 and later */
    struct build_ids *ids = context;
    if (!note->size || note->size > BUILD_ID_MAX)
        return true;
    if (note->type == NT_GNU_BUILD_ID && strcmp(note->name, "GNU") == 0)
        ids->gnu = *note;
    else if (note->type == NT_GO_BUILD_ID && strcmp(note->name, "Go") == 0)
        ids->go = *note;
    return !ids->gnu.size;
}

char *elffile_build_id(const struct elffile *file)
{
    struct build_ids ids = {0};
    error_ignore(elffile_notes(file, keep_build_id, &ids));
    if (!ids.gnu.size)
        return ids.go.size ? text_escaped((const char *)ids.go.bytes, ids.go.size) : NULL;
    struct text text = {0};
    for (size_t i = 0; i < ids.gnu.size; i++)
        text_printf(&text, "%02x", ids.gnu.bytes[i]);
    return text.bytes;
}
