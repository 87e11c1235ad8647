#include "cli/ps_look.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/inspection.h"
#include "report/places.h"
#include "target/processes.h"

/* What an executable tells, once for all its processes. */
struct executable {
    uint64_t device, inode;
    int64_t changed_ns;
    bool is_go, forbidden, stripped;
    bool gone; /* the process ended before it could be read: this says nothing of the executable */
    char *go_version, *release;
    const char *release_source;
};

struct executables VECTOR_OF(struct executable);

static void describe(struct executable *executable, const struct elffile *file,
                     struct buildinfo *info)
{
    AUTO_FREE char *build_id = elffile_build_id(file);
    executable->stripped = !elffile_has_symbols(file);
    executable->go_version = info->go_version ? xstrdup(info->go_version) : NULL;
    executable->release = release_name(info, build_id, &executable->release_source);
}

static void examine(struct executable *executable, pid_t pid)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    struct elffile *file = NULL;
    struct error *error = elffile_open(path, NULL, &file);
    if (error) {
        executable->forbidden = error_code(error) == ERROR_PERMISSION;
        executable->gone = !executable->forbidden;
        error_destroy(error);
        return;
    }
    struct buildinfo info = {0};
    error_ignore(program_is_go(file, &executable->is_go, &info));
    if (executable->is_go)
        describe(executable, file, &info);
    buildinfo_deinit(&info);
    elffile_close(file);
}

/* The executable of a process; where its identity is unknown it is examined anew. */
static const struct executable *executable_of(struct executables *executables,
                                              const struct process_entry *entry)
{
    for (size_t i = 0; i < executables->length && entry->exe_inode; i++) {
        const struct executable *known = &executables->at[i];
        if (known->inode == entry->exe_inode && known->device == entry->exe_device &&
            known->changed_ns == entry->exe_changed_ns && !known->forbidden && !known->gone)
            return known;
    }
    struct executable executable = {.device = entry->exe_device,
                                    .inode = entry->exe_inode,
                                    .changed_ns = entry->exe_changed_ns};
    examine(&executable, entry->pid);
    VECTOR_PUSH(executables, executable);
    return &executables->at[executables->length - 1];
}

static void count(struct inspection *inspection, struct ps_row *row)
{
    const struct observation *now = inspection_now(inspection);
    row->counted = true;
    row->goroutines = now->user;
    for (size_t i = 0; i < now->goroutines.length; i++)
        row->deferred += now->goroutines.at[i].deferred;
    if (inspection->findings.length)
        row->mark = PS_LEAK;
    else if (inspection_wants_second_look(inspection))
        row->mark = PS_SUSPECT;
}

/* False if the process is gone. */
static bool look(const struct process_entry *entry, struct ps_row *row)
{
    struct wanted wanted = {.pid = entry->pid};
    struct inspection *inspection = NULL;
    struct error *error =
        inspection_start(&wanted, NULL, OBSERVE_STACKS, (struct freeze_options){0}, &inspection);
    if (!error)
        error = inspection_finish(inspection, false);
    if (!error)
        count(inspection, row);
    inspection_destroy(inspection);
    if (!error)
        return true;
    bool gone = error_code(error) == ERROR_GONE || error_code(error) == ERROR_NOT_FOUND;
    row->no_permission = error_code(error) == ERROR_PERMISSION;
    row->problem = xstrdup(error_message(error));
    error_destroy(error);
    return !gone;
}

static void add_row(const struct process_entry *entry, const struct executable *executable,
                    struct ps_rows *rows)
{
    const char *name = *entry->exe_name ? entry->exe_name : entry->comm;
    struct ps_row row = {
        .pid = entry->pid,
        .name = text_escaped(name, strlen(name)),
        .go_version = executable->go_version ? xstrdup(executable->go_version) : NULL,
        .release = executable->release ? xstrdup(executable->release) : NULL,
        .release_source = executable->release_source,
        .stripped = executable->stripped,
        .uptime_s = entry->uptime_s,
        .rss_bytes = entry->rss_bytes,
    };
    VECTOR_PUSH(rows, row);
    if (look(entry, &rows->at[rows->length - 1]))
        return;
    struct ps_rows gone = {.at = xmalloc(sizeof(row)), .length = 1};
    gone.at[0] = rows->at[--rows->length];
    ps_rows_deinit(&gone);
}

static void executables_deinit(struct executables *executables)
{
    for (size_t i = 0; i < executables->length; i++) {
        free(executables->at[i].go_version);
        free(executables->at[i].release);
    }
    VECTOR_DEINIT(executables);
}

struct error *ps_look(struct ps_rows *rows_ret, uint64_t *hidden_ret)
{
    AUTO_FREE struct process_entry *entries = NULL;
    size_t length = 0;
    struct executables executables = {0};
    TRY(processes_list(&entries, &length));
    for (size_t i = 0; i < length; i++) {
        const struct executable *executable = executable_of(&executables, &entries[i]);
        *hidden_ret += executable->forbidden;
        if (executable->is_go)
            add_row(&entries[i], executable, rows_ret);
    }
    executables_deinit(&executables);
    return NULL;
}
