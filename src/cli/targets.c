/* The order of guesses is that of least surprise: digits are a pid, a core file is a core file, a snapshot a snapshot; a word is the name of a process even if
 * a program of that name lies in the current directory. */
#include "cli/targets.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "program/program.h"
#include "target/processes.h"
#include "target/snapshot.h"

enum file_kind {
    FILE_NONE,
    FILE_CORE,
    FILE_SNAPSHOT,
    FILE_PROGRAM,
    FILE_OTHER
};

static enum file_kind file_kind(const char *path)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return FILE_NONE;
    if (!S_ISREG(status.st_mode))
        return FILE_OTHER;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return FILE_OTHER;
    Elf64_Ehdr header = {0};
    ssize_t size = pread(fd, &header, sizeof(header), 0);
    close(fd);
    if (size > 0 && snapshot_is_one((const uint8_t *)&header, (size_t)size))
        return FILE_SNAPSHOT;
    if (size < (ssize_t)offsetof(Elf64_Ehdr, e_machine) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return FILE_OTHER;
    if (header.e_type == ET_CORE)
        return FILE_CORE;
    return header.e_type == ET_EXEC || header.e_type == ET_DYN ? FILE_PROGRAM : FILE_OTHER;
}

static void add_pid(struct wanted_list *wanted, pid_t pid)
{
    for (size_t i = 0; i < wanted->length; i++) {
        if (wanted->at[i].pid == pid)
            return;
    }
    VECTOR_PUSH(wanted, (struct wanted){.pid = pid});
}

/* An executable that may not be read counts as Go: opening it says what is missing. */
static bool may_be_go(const struct process_entry *entry)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)entry->pid);
    struct elffile *file = NULL;
    struct error *error = elffile_open(path, NULL, &file);
    if (error) {
        bool forbidden = error_code(error) == ERROR_PERMISSION;
        error_destroy(error);
        return forbidden;
    }
    bool is_go = false;
    struct buildinfo info = {0};
    error_ignore(program_is_go(file, &is_go, &info));
    buildinfo_deinit(&info);
    elffile_close(file);
    return is_go;
}

static struct error *add_named(const char *name, struct wanted_list *wanted, size_t *named_ret,
                               size_t *added_ret)
{
    AUTO_FREE struct process_entry *entries = NULL;
    size_t count = 0;
    TRY(processes_list(&entries, &count));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(entries[i].exe_name, name) != 0 && strcmp(entries[i].comm, name) != 0)
            continue;
        ++*named_ret;
        if (!may_be_go(&entries[i]))
            continue;
        ++*added_ret;
        add_pid(wanted, entries[i].pid);
    }
    return NULL;
}

static struct error *not_resolved(const char *shown, enum file_kind kind, size_t named)
{
    if (named == 1)
        return error_create(ERROR_UNSUPPORTED, "the process '%s' is not a Go program", shown);
    if (named)
        return error_create(ERROR_UNSUPPORTED,
                            "none of the %zu processes named '%s' is a Go program", named, shown);
    if (kind == FILE_PROGRAM)
        return error_create(
            ERROR_UNSUPPORTED,
            "'%s' is a program, not a process: start it, or give the pid of one that runs", shown);
    if (kind == FILE_OTHER)
        return error_create(ERROR_UNSUPPORTED,
                            "'%s' is neither a process nor a core file nor a snapshot", shown);
    if (strchr(shown, '/'))
        return error_create(ERROR_NOT_FOUND, "there is no file '%s'", shown);
    return error_create(
        ERROR_NOT_FOUND,
        "no process, core file or snapshot is named '%s': `seep ps` lists the Go processes", shown);
}

static struct error *add_digits(const char *digits, struct wanted_list *wanted)
{
    errno = 0;
    long pid = strtol(digits, NULL, 10);
    if (errno || pid <= 0 || pid > INT32_MAX)
        return error_create(ERROR_NOT_FOUND, "no process has the pid %.20s", digits);
    add_pid(wanted, (pid_t)pid);
    return NULL;
}

struct error *targets_resolve(const char *name, struct wanted_list *wanted)
{
    AUTO_FREE char *shown = text_escaped(name, strlen(name));
    if (*name && !name[strspn(name, "0123456789")])
        return add_digits(name, wanted);
    enum file_kind kind = file_kind(name);
    if (kind == FILE_CORE || kind == FILE_SNAPSHOT) {
        VECTOR_PUSH(wanted, (struct wanted){.path = name, .is_snapshot = kind == FILE_SNAPSHOT});
        return NULL;
    }
    size_t named = 0;
    size_t added = 0;
    if (*name && !strchr(name, '/'))
        TRY(add_named(name, wanted, &named, &added));
    return added ? NULL : not_resolved(shown, kind, named);
}
