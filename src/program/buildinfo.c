/* The blob that Go's linker leaves in each program (debug/buildinfo/buildinfo.go,
 * cmd/link/internal/ld/data.go, Go 1.18 to 1.27): a magic, then the Go version and the text of
 * runtime/debug.BuildInfo, each with its length in front.
 *
 * The module text is lines of tab-separated words ("path", "mod", "dep", "=>", "build") between
 * two sentinels of 16 bytes, which cmd/go puts there so that `go version` finds the text in
 * older programs too. */
#include "program/buildinfo.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "base/memory.h"
#include "base/text.h"

static const char magic[14] = "\xff Go buildinf:";

enum {
    MAGIC_SIZE = sizeof(magic),
    MAGIC_ALIGN = 16,
    FLAGS_AT = 15,
    FLAG_INLINE = 2,
    STRINGS_AT = 32,
    SENTINEL_SIZE = 16,
    VERSION_SIZE_MAX = 256,
    TEXT_SIZE_MAX = 16 << 20,
    VALUE_SIZE_MAX = 4096,
    SEARCH_MAX = 4 << 20,
    REVISION_SHOWN = 12,
};

/* A piece of text within the blob. */
struct span {
    const char *at;
    size_t size;
};

void buildinfo_deinit(struct buildinfo *info)
{
    free(info->go_version);
    free(info->main_path);
    free(info->main_module);
    free(info->main_version);
    free(info->vcs_revision);
    free(info->release);
    for (size_t i = 0; i < info->modules.length; i++) {
        free(info->modules.at[i].path);
        free(info->modules.at[i].version);
    }
    VECTOR_DEINIT(&info->modules);
    *info = (struct buildinfo){.go_minor = -1};
}

/* "go1.26.8", "go1.26rc1", "go1.26-custom X:…", "devel go1.27-abcdef": the number after "go1.". */
static int minor_of(struct span version)
{
    static const char prefix[] = "go1.";
    const char *at = memmem(version.at, version.size, prefix, strlen(prefix));
    if (!at)
        return -1;
    const char *end = version.at + version.size;
    int minor = -1;
    for (at += strlen(prefix); at < end && *at >= '0' && *at <= '9' && minor < 1000; at++)
        minor = (minor < 0 ? 0 : minor * 10) + (*at - '0');
    return minor;
}

static void set_text(char **field, struct span value)
{
    free(*field);
    *field = NULL;
    if (value.size && value.size <= VALUE_SIZE_MAX)
        *field = text_escaped(value.at, value.size);
}

/* The text up to a separator, which is dropped from the rest. */
static struct span next_word(struct span *rest, char separator)
{
    const char *end = rest->size ? memchr(rest->at, separator, rest->size) : NULL;
    struct span word = {rest->at, end ? (size_t)(end - rest->at) : rest->size};
    size_t taken = end ? word.size + 1 : word.size;
    rest->at += taken;
    rest->size -= taken;
    return word;
}

static bool is_word(struct span word, const char *text)
{
    return word.size == strlen(text) && memcmp(word.at, text, word.size) == 0;
}

/* Values with a blank or quote in them are quoted; none that seep reads has an escape within. */
static struct span unquoted(struct span value)
{
    bool quoted = value.size >= 2 && (value.at[0] == '"' || value.at[0] == '`') &&
                  value.at[value.size - 1] == value.at[0];
    return quoted ? (struct span){value.at + 1, value.size - 2} : value;
}

static void take_setting(struct buildinfo *info, struct span rest)
{
    struct span key = unquoted(next_word(&rest, '='));
    struct span value = unquoted(rest);
    if (is_word(key, "vcs.revision"))
        set_text(&info->vcs_revision, value);
    else if (is_word(key, "vcs.modified"))
        info->vcs_modified = is_word(value, "true");
}

static void take_module(struct buildinfo *info, struct span rest)
{
    struct span path = next_word(&rest, '\t');
    set_text(&info->main_module, path);
    set_text(&info->main_version, next_word(&rest, '\t'));
}

static char *span_escaped(struct span text)
{
    return text_escaped(text.at, text.size);
}

static void take_dependency(struct buildinfo *info, struct span rest)
{
    struct span path = next_word(&rest, '\t');
    struct span version = next_word(&rest, '\t');
    VECTOR_PUSH(&info->modules, (struct build_module){span_escaped(path), span_escaped(version)});
}

/* "=>": what stands for the dependency before it. Its packages keep their import paths. */
static void take_replacement(struct buildinfo *info, struct span rest)
{
    if (!info->modules.length)
        return;
    struct build_module *module = &info->modules.at[info->modules.length - 1];
    next_word(&rest, '\t');
    struct span version = next_word(&rest, '\t');
    free(module->version);
    module->version = span_escaped(version);
}

static void take_text(struct buildinfo *info, struct span text)
{
    while (text.size) {
        struct span line = next_word(&text, '\n');
        struct span word = next_word(&line, '\t');
        if (is_word(word, "path"))
            set_text(&info->main_path, line);
        else if (is_word(word, "mod"))
            take_module(info, line);
        else if (is_word(word, "dep"))
            take_dependency(info, line);
        else if (is_word(word, "=>"))
            take_replacement(info, line);
        else if (is_word(word, "build"))
            take_setting(info, line);
    }
}

static struct error *next_string(struct cursor *cursor, size_t max, struct span *text_ret)
{
    uint64_t size = 0;
    const uint8_t *bytes = NULL;
    TRY(cursor_uvarint(cursor, &size));
    if (size > max)
        return error_create(ERROR_LIMIT, "%s: a text of %llu bytes", cursor->source,
                            (unsigned long long)size);
    TRY(cursor_bytes(cursor, size, &bytes));
    *text_ret = (struct span){(const char *)bytes, size};
    return NULL;
}

struct error *buildinfo_parse(const uint8_t *bytes, size_t size, struct buildinfo *info_ret)
{
    if (size < STRINGS_AT || memcmp(bytes, magic, MAGIC_SIZE) != 0)
        return error_create(ERROR_BAD_DATA, "build info: no magic");
    if (!(bytes[FLAGS_AT] & FLAG_INLINE))
        return error_create(ERROR_UNSUPPORTED,
                            "build info is of Go 1.17 or older: seep reads 1.18 and newer");
    struct cursor cursor = cursor_over(bytes, size, "build info");
    struct span version = {0};
    struct span text = {0};
    TRY(cursor_seek(&cursor, STRINGS_AT));
    TRY(next_string(&cursor, VERSION_SIZE_MAX, &version));
    TRY(next_string(&cursor, TEXT_SIZE_MAX, &text));

    struct buildinfo info = {.go_minor = minor_of(version)};
    set_text(&info.go_version, version);
    if (text.size > 2 * SENTINEL_SIZE && text.at[text.size - SENTINEL_SIZE - 1] == '\n')
        take_text(&info, (struct span){text.at + SENTINEL_SIZE, text.size - 2 * SENTINEL_SIZE});
    *info_ret = info;
    return NULL;
}

/* The magic at an aligned address of a segment. */
static const uint8_t *search_segment(const struct elffile *file, const struct elf_segment *segment,
                                     size_t *left_ret)
{
    size_t left = 0;
    const uint8_t *bytes = elffile_at(file, segment->address, &left, NULL);
    if (!bytes)
        return NULL;
    size_t limit = left < SEARCH_MAX ? left : SEARCH_MAX;
    for (size_t at = -segment->address % MAGIC_ALIGN;
         limit >= STRINGS_AT && at <= limit - STRINGS_AT; at += MAGIC_ALIGN) {
        if (bytes[at] == (uint8_t)magic[0] && memcmp(bytes + at, magic, MAGIC_SIZE) == 0) {
            *left_ret = left - at;
            return bytes + at;
        }
    }
    return NULL;
}

static const uint8_t *find_blob(const struct elffile *file, size_t *left_ret)
{
    const struct elf_section *section = elffile_section(file, ".go.buildinfo");
    if (section && section->bytes && section->size >= STRINGS_AT &&
        memcmp(section->bytes, magic, MAGIC_SIZE) == 0) {
        *left_ret = section->size;
        return section->bytes;
    }
    for (size_t i = 0; i < file->segment_count; i++) {
        const struct elf_segment *segment = &file->segments[i];
        if (segment->type != PT_LOAD || !(segment->flags & PF_W))
            continue;
        const uint8_t *blob = search_segment(file, segment, left_ret);
        if (blob)
            return blob;
    }
    return NULL;
}

struct error *buildinfo_read(const struct elffile *file, struct buildinfo *info_ret)
{
    size_t left = 0;
    const uint8_t *blob = find_blob(file, &left);
    if (!blob)
        return error_create(ERROR_NOT_FOUND, "%s has no Go build info", file->path);
    struct error *error = buildinfo_parse(blob, left, info_ret);
    return error ? error_context(error, "%s", file->path) : NULL;
}

/* A tag, not "(devel)", nor a pseudo-version, which says no more than the revision from which it
 * was made. */
static bool has_real_version(const struct buildinfo *info)
{
    const char *version = info->main_version;
    return version && strcmp(version, "(devel)") != 0 &&
           (!info->vcs_revision || strncmp(version, "v0.0.0-", 7) != 0);
}

const char *buildinfo_release(struct buildinfo *info, const char **source_ret)
{
    if (has_real_version(info)) {
        *source_ret = "module";
        return info->main_version;
    }
    if (!info->vcs_revision)
        return NULL;
    if (!info->release) {
        struct text release = {0};
        text_add(&release, info->vcs_revision, strnlen(info->vcs_revision, REVISION_SHOWN));
        text_puts(&release, info->vcs_modified ? "+dirty" : "");
        info->release = release.bytes;
    }
    *source_ret = "vcs";
    return info->release;
}
