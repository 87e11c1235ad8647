#include "find/origin.h"

#include <string.h>

#include "base/text.h"
#include "code/calls.h"

/* The import path in front of a function's name: up to the first dot behind the last slash, type
 * arguments apart. In it, dots of the last element are escaped (cmd/internal/objabi/path.go). */
static size_t package_length(const char *function)
{
    size_t whole = strcspn(function, "[");
    size_t start = 0;
    for (size_t i = 0; i < whole; i++) {
        if (function[i] == '/')
            start = i + 1;
    }
    return start + strcspn(function + start, ".");
}

static int hex_digit(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                                          : -1;
}

/* The import path as people write it; package main is called by its real path, if that is known. */
static char *package_of(const struct program *program, const char *function)
{
    size_t length = package_length(function);
    if (length == 4 && !memcmp(function, "main", 4) && program->info.main_path)
        return xstrdup(program->info.main_path);
    struct text path = {0};
    for (size_t i = 0; i < length; i++) {
        int high = function[i] == '%' && i + 2 < length ? hex_digit(function[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(function[i + 2]) : -1;
        char byte = low >= 0 ? (char)(high * 16 + low) : function[i];
        text_escape(&path, &byte, 1);
        i += low >= 0 ? 2 : 0;
    }
    return path.bytes ? path.bytes : xstrdup("");
}

/* The part of a package's path behind the module's, without the slash; NULL if it is not of the
 * module. */
static const char *within(const char *package, const char *module)
{
    size_t length = module ? strlen(module) : 0;
    if (!length || strncmp(package, module, length) != 0)
        return NULL;
    return package[length] == '/' ? package + length + 1
           : package[length]      ? NULL
                                  : package + length;
}

/* "sub/dir" and "/any/where/poll.go": "sub/dir/poll.go". */
static char *path_within(const char *inside, const char *file)
{
    struct text path = {0};
    const char *base = file ? strrchr(file, '/') : NULL;
    base = base ? base + 1 : file;
    if (!base || !inside || base[0] == '<')
        return NULL;
    if (*inside)
        text_printf(&path, "%s/", inside);
    text_escape(&path, base, strlen(base));
    return path.bytes;
}

static const struct build_module *module_of(const struct program *program, const char *package)
{
    const struct build_module *longest = NULL;
    for (size_t i = 0; i < program->info.modules.length; i++) {
        const struct build_module *module = &program->info.modules.at[i];
        if (within(package, module->path) &&
            (!longest || strlen(module->path) > strlen(longest->path)))
            longest = module;
    }
    return longest;
}

/* In the module cache a capital letter of a path is '!' and the small one (golang.org/x/mod
 * module.EscapePath). */
static char *without_escapes(const char *file)
{
    char *plain = xstrdup(file);
    char *to = plain;
    for (const char *from = file; *from; from++) {
        bool escaped = *from == '!' && from[1] >= 'a' && from[1] <= 'z';
        *to++ = escaped ? (char)(*++from - 'a' + 'A') : *from;
    }
    *to = '\0';
    return plain;
}

/* "…/github.com/x/y@v1.2.3/sub/file.go": the module whose name ends before the @. The path in front of it is the module
 * cache's, so the module's begins where the package's does. */
static bool module_in_file(const char *package, const char *path, struct origin *origin)
{
    AUTO_FREE char *file = path ? without_escapes(path) : NULL;
    const char *at = file ? strstr(file, "@v") : NULL;
    if (!at)
        return false;
    size_t length = strcspn(at, "/");
    for (size_t end = strlen(package); end > 0; end--) {
        bool boundary = package[end] == '/' || package[end] == '\0';
        if (boundary && (size_t)(at - file) >= end && !memcmp(at - end, package, end)) {
            origin->module = xstrndup(package, end);
            origin->version = text_escaped(at + 1, length - 1);
            origin->path = path_within(package[end] ? package + end + 1 : "", file);
            return true;
        }
    }
    return false;
}

/* What a program was built from without modules: the path of its main package up to the repository,
 * "github.com/owner/name" or "example.com/name". */
static char *repository_of(const char *main_path)
{
    size_t elements = 0, end = 0;
    size_t wanted =
        !strncmp(main_path, "github.com/", 11) || !strncmp(main_path, "gitlab.com/", 11) ? 3 : 2;
    for (;; end++) {
        if (main_path[end] && main_path[end] != '/')
            continue;
        elements++;
        if (elements == wanted || !main_path[end])
            break;
    }
    return xstrndup(main_path, end);
}

struct origin origin_of(const struct program *program, const char *function, const char *file)
{
    const struct buildinfo *info = &program->info;
    struct origin origin = {0};
    AUTO_FREE char *package = package_of(program, function);
    const struct build_module *module = module_of(program, package);
    AUTO_FREE char *repository = !info->main_module && info->main_path &&
                                         memchr(info->main_path, '.', strcspn(info->main_path, "/"))
                                     ? repository_of(info->main_path)
                                     : NULL;
    const char *main_module = info->main_module ? info->main_module : repository;
    const char *inside = within(package, main_module);
    /* A module may lie within the path of the main one: the longer path counts. */
    if (inside && (!module || strlen(module->path) < strlen(main_module)))
        module = NULL;
    bool is_main = !strncmp(function, "main.", 5);
    if (inside && !module) {
        origin = (struct origin){.module = xstrdup(main_module), .own = true};
        origin.version = info->main_version ? xstrdup(info->main_version) : NULL;
    } else if (module) {
        inside = within(package, module->path);
        origin = (struct origin){.module = xstrdup(module->path), .own = is_main};
        origin.version = *module->version ? xstrdup(module->version) : NULL;
    } else if (module_in_file(package, file, &origin)) {
        return origin;
    } else if (is_main) {
        origin = (struct origin){.own = true};
        origin.module = info->main_path ? xstrdup(info->main_path) : NULL;
        inside = "";
    } else if (calls_is_standard(program, function)) {
        origin = (struct origin){.module = xstrdup("std")};
        inside = package;
    } else {
        origin = (struct origin){.module = xstrdup(package)};
        inside = "";
    }
    origin.path = path_within(inside, file);
    return origin;
}

void origin_deinit(struct origin *origin)
{
    free(origin->module);
    free(origin->version);
    free(origin->path);
    *origin = (struct origin){0};
}
