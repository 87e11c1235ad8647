#include "agent/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "target/procfs.h"

enum {
    PATH_ROOM = 4096,
    FILE_ROOM = 8192,
    ID_LENGTH = 64, /* of a container */
    ID_SHOWN = 12,
    POD_SHOWN = 8,
    LEVELS_MAX = 64
};

/* No limit is written as a number near 2⁶³ by version 1. */
static const uint64_t no_limit_v1 = UINT64_C(1) << 60;

void cgroups_init(struct cgroups *cgroups, int root)
{
    *cgroups = (struct cgroups){.root = root};
}

static void destroy(struct cgroup *cgroup)
{
    free(cgroup->path);
    free(cgroup);
}

void cgroups_deinit(struct cgroups *cgroups)
{
    for (size_t i = 0; i < cgroups->list.length; i++)
        destroy(cgroups->list.at[i]);
    VECTOR_DEINIT(&cgroups->list);
}

/* ---- which group */

/* "4:memory:/a" names the group of version 1's memory controller, "0::/a" that of version 2. */
static bool find_line(const char *text, const char *controllers, char path[PATH_ROOM])
{
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *first = strchr(line, ':');
        const char *second = first ? strchr(first + 1, ':') : NULL;
        if (!second)
            return false;
        size_t length = (size_t)(second - first - 1), path_length = strcspn(second + 1, "\n");
        bool same = length == strlen(controllers) && !memcmp(first + 1, controllers, length);
        if (same && path_length && path_length < PATH_ROOM) {
            memcpy(path, second + 1, path_length);
            path[path_length] = '\0';
            return true;
        }
    }
    return false;
}

struct cgroup *cgroups_join(struct cgroups *cgroups, const char *text)
{
    char path[PATH_ROOM];
    bool is_v1 = find_line(text, "memory", path);
    if (!is_v1 && !find_line(text, "", path))
        return NULL;
    for (size_t i = 0; i < cgroups->list.length; i++) {
        struct cgroup *cgroup = cgroups->list.at[i];
        if (cgroup->is_v1 == is_v1 && !strcmp(cgroup->path, path)) {
            cgroup->users++;
            return cgroup;
        }
    }
    if (cgroups->list.length == CGROUPS_MAX)
        return NULL;
    struct cgroup *cgroup = xcalloc(1, sizeof(*cgroup));
    *cgroup = (struct cgroup){.path = xstrdup(path),
                              .is_v1 = is_v1,
                              .users = 1,
                              .read_boot_ms = INT64_MIN / 2,
                              .current_bytes = UINT64_MAX,
                              .anon_bytes = UINT64_MAX,
                              .limit_bytes = UINT64_MAX};
    VECTOR_PUSH(&cgroups->list, cgroup);
    return cgroup;
}

void cgroups_leave(struct cgroups *cgroups, struct cgroup *cgroup)
{
    if (!cgroup || --cgroup->users)
        return;
    for (size_t i = 0; i < cgroups->list.length; i++) {
        if (cgroups->list.at[i] == cgroup)
            cgroups->list.at[i] = cgroups->list.at[--cgroups->list.length];
    }
    destroy(cgroup);
}

/* ---- its files */

static bool is_safe(const char *path)
{
    return path[0] == '/' && !strstr(path, "/../") && !strstr(path, "/..");
}

enum {
    FILE_PATH_ROOM = PATH_ROOM + 64
};

/* Where a file is of the group whose path is `length` long. */
static void path_of(const struct cgroup *cgroup, size_t length, const char *name,
                    char path_ret[FILE_PATH_ROOM])
{
    const char *slash = length > 1 ? "/" : "";
    snprintf(path_ret, FILE_PATH_ROOM, "%s%.*s%s%s", cgroup->is_v1 ? "memory/" : "",
             (int)(length > 1 ? length - 1 : 0), cgroup->path + 1, slash, name);
}

/* A file of such a group; the length of the text or -errno. */
static ssize_t read_file_of(const struct cgroups *cgroups, const struct cgroup *cgroup,
                            size_t length, const char *name, char buffer[FILE_ROOM])
{
    char path[FILE_PATH_ROOM];
    path_of(cgroup, length, name, path);
    ssize_t done = procfs_read_small(cgroups->root, path, buffer, FILE_ROOM);
    if (done < 0 && !cgroup->is_v1) { /* both versions at once: the second lies beside */
        char unified[FILE_PATH_ROOM + 16];
        snprintf(unified, sizeof(unified), "unified/%s", path);
        done = procfs_read_small(cgroups->root, unified, buffer, FILE_ROOM);
    }
    return done;
}

static uint64_t read_number(const struct cgroups *cgroups, const struct cgroup *cgroup,
                            size_t length, const char *name)
{
    char text[FILE_ROOM], *end = NULL;
    if (read_file_of(cgroups, cgroup, length, name, text) <= 0)
        return UINT64_MAX;
    uint64_t number = strtoull(text, &end, 10);
    return end == text ? UINT64_MAX : number; /* "max" */
}

/* A number behind a word at the start of a line. */
static uint64_t number_after(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *line = text; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, word, length) && line[length] == ' ')
            return strtoull(line + length + 1, NULL, 10);
    }
    return UINT64_MAX;
}

/* How long the path of the group above is. */
static size_t length_above(const char *path, size_t length)
{
    while (length > 1 && path[length - 1] != '/')
        length--;
    return length - (length > 1); /* the slash */
}

/* The least of the limits up the tree. */
static uint64_t least_limit(const struct cgroups *cgroups, const struct cgroup *cgroup)
{
    const char *name = cgroup->is_v1 ? "memory.limit_in_bytes" : "memory.max";
    uint64_t least = UINT64_MAX;
    size_t length = strlen(cgroup->path);
    for (unsigned level = 0; level < LEVELS_MAX; level++) {
        uint64_t limit = read_number(cgroups, cgroup, length, name);
        if (limit < least && limit < no_limit_v1)
            least = limit;
        if (length <= 1)
            break;
        length = length_above(cgroup->path, length);
    }
    return least;
}

void cgroups_refresh(const struct cgroups *cgroups, struct cgroup *cgroup, int64_t boot_ms,
                     int64_t age_ms)
{
    char text[FILE_ROOM];
    if (cgroups->root < 0 || boot_ms - cgroup->read_boot_ms < age_ms || !is_safe(cgroup->path))
        return;
    size_t length = strlen(cgroup->path);
    cgroup->read_boot_ms = boot_ms;
    cgroup->current_bytes = read_number(cgroups, cgroup, length,
                                        cgroup->is_v1 ? "memory.usage_in_bytes" : "memory.current");
    bool stat = read_file_of(cgroups, cgroup, length, "memory.stat", text) > 0;
    cgroup->anon_bytes =
        stat ? number_after(text, cgroup->is_v1 ? "total_rss" : "anon") : UINT64_MAX;
    cgroup->limit_bytes = least_limit(cgroups, cgroup);
}

/* ---- kills */

uint64_t cgroup_kills(const struct cgroups *cgroups, const struct cgroup *cgroup, bool around)
{
    char text[FILE_ROOM];
    const char *name = cgroup->is_v1 ? "memory.oom_control" : "memory.events";
    size_t length = strlen(cgroup->path);
    if (cgroups->root < 0 || !is_safe(cgroup->path) || (around && cgroup->is_v1))
        return UINT64_MAX;
    if (around)
        length = length_above(cgroup->path, length);
    return read_file_of(cgroups, cgroup, length, name, text) > 0 ? number_after(text, "oom_kill")
                                                                 : UINT64_MAX;
}

uint64_t cgroup_directory(const struct cgroups *cgroups, const struct cgroup *cgroup)
{
    char path[FILE_PATH_ROOM], unified[FILE_PATH_ROOM + 16];
    struct stat stat;
    if (cgroups->root < 0 || !is_safe(cgroup->path))
        return 0;
    path_of(cgroup, strlen(cgroup->path), ".", path);
    if (!fstatat(cgroups->root, path, &stat, 0))
        return stat.st_ino;
    snprintf(unified, sizeof(unified), "unified/%s", path);
    return !cgroup->is_v1 && !fstatat(cgroups->root, unified, &stat, 0) ? stat.st_ino : 0;
}

/* ---- its name */

static bool is_hex(const char *text, size_t length)
{
    return strspn(text, "0123456789abcdef") >= length;
}

/* The id of a container at the end of a part such as "docker-3f2a….scope" or "3f2a…", and what stands before it. */
static const char *container_id(const char *part, size_t length)
{
    for (size_t i = 0; i + ID_LENGTH <= length; i++) {
        if ((i == 0 || part[i - 1] == '-' || part[i - 1] == ':') && is_hex(part + i, ID_LENGTH))
            return part + i;
    }
    return NULL;
}

static const char *engine_of(const char *path)
{
    static const char *const engines[][2] = {
        {"libpod", "podman"}, {"crio", "crio"}, {"containerd", "containerd"}, {"docker", "docker"}};
    for (size_t i = 0; i < LENGTH_OF(engines); i++) {
        if (strstr(path, engines[i][0]))
            return engines[i][1];
    }
    return "container";
}

/* "kubepods-burstable-pod7d1c2b3a_….slice" and "/kubepods/burstable/pod7d1c2b3a-…" */
static const char *pod_of(const char *path)
{
    const char *kube = strstr(path, "kubepods");
    const char *pod = kube;
    while ((pod = pod ? strstr(pod + 1, "pod") : NULL)) {
        if ((pod[-1] == '-' || pod[-1] == '/') && is_hex(pod + 3, POD_SHOWN))
            return pod + 3;
    }
    return NULL;
}

char *cgroup_unit(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *last = slash ? slash + 1 : path;
    size_t length = strlen(last);
    const char *id = container_id(last, length), *pod = pod_of(path);
    char *unit = NULL;
    int printed = -1;
    if (id && pod)
        printed = asprintf(&unit, "pod:%.*s/%.*s", POD_SHOWN, pod, ID_SHOWN, id);
    else if (id)
        printed = asprintf(&unit, "%s:%.*s", engine_of(path), ID_SHOWN, id);
    if (printed >= 0)
        return unit;
    /* The unit that a process belongs to may have groups of its own below it: the last ".service" counts, but the one of a login's session. */
    for (const char *at = path; (at = strchr(at, '/')); at++) {
        size_t part = strcspn(at + 1, "/");
        if (part > 8 && !memcmp(at + 1 + part - 8, ".service", 8) &&
            strncmp(at + 1, "user@", 5) != 0) {
            free(unit);
            unit = text_escaped(at + 1, part);
        }
    }
    return unit ? unit : xstrdup("");
}

uint64_t memory_available(int proc)
{
    char text[FILE_ROOM];
    uint64_t kib = 0;
    if (procfs_read_small(proc, "meminfo", text, sizeof(text)) <= 0)
        return 0;
    return procfs_status_number(text, "MemAvailable", &kib) ? kib * 1024 : 0;
}
