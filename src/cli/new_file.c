/* A file without a name (O_TMPFILE) vanishes whatever becomes of seep; it gets its name at the end. Not every file system has
 * that, and a name cannot be taken from another file that way: then it is a temporary name in the same folder, and rename. */
#include "cli/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text.h"

static struct error *failed(const char *path, int reason)
{
    AUTO_FREE char *shown = text_escaped(path, strlen(path));
    return error_os(reason, "%s cannot be written", shown);
}

static struct error *already_there(const char *path)
{
    AUTO_FREE char *shown = text_escaped(path, strlen(path));
    return error_create(ERROR_UNSUPPORTED, "%s is there already: --force replaces it", shown);
}

static struct error *check_path(const char *path, bool replace)
{
    struct stat status;
    AUTO_FREE char *shown = text_escaped(path, strlen(path));
    if (!*path)
        return error_create(ERROR_NOT_FOUND, "a file without a name");
    if (lstat(path, &status) < 0)
        return errno == ENOENT ? NULL : failed(path, errno);
    if (S_ISDIR(status.st_mode))
        return error_create(ERROR_UNSUPPORTED, "%s is a folder", shown);
    if (!S_ISREG(status.st_mode))
        return error_create(ERROR_UNSUPPORTED, "%s is no ordinary file", shown);
    return replace ? NULL : already_there(path);
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return xstrdup(".");
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static char *temporary_name(const char *path)
{
    struct text text = {0};
    text_printf(&text, "%s.XXXXXX", path);
    return text.bytes;
}

struct error *new_file_create(const char *path, bool replace, struct new_file *file_ret)
{
    *file_ret = (struct new_file){.fd = -1};
    TRY(check_path(path, replace));
    AUTO_FREE char *folder = folder_of(path);
    AUTO_FREE char *temporary = NULL;
    int fd = replace ? -1 : open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) {
        temporary = temporary_name(path);
        fd = mkostemp(temporary, O_CLOEXEC);
    }
    if (fd < 0)
        return failed(path, errno);
    *file_ret = (struct new_file){
        .fd = fd, .path = xstrdup(path), .temporary = temporary, .replace = replace};
    temporary = NULL;
    return NULL;
}

/* 0 or an errno. */
static int give_name(const struct new_file *file)
{
    char from[64];
    snprintf(from, sizeof(from), "/proc/self/fd/%d", file->fd);
    if (!file->temporary)
        return linkat(AT_FDCWD, from, AT_FDCWD, file->path, AT_SYMLINK_FOLLOW) ? errno : 0;
    unsigned flags = file->replace ? 0 : RENAME_NOREPLACE;
    return renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->path, flags) ? errno : 0;
}

static void sync_folder(const char *path)
{
    AUTO_FREE char *folder = folder_of(path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

struct error *new_file_commit(struct new_file *file)
{
    if (fsync(file->fd) < 0)
        return failed(file->path, errno);
    int reason = give_name(file);
    if (reason)
        return reason == EEXIST ? already_there(file->path) : failed(file->path, reason);
    free(file->temporary);
    file->temporary = NULL;
    sync_folder(file->path);
    return NULL;
}

void new_file_close(struct new_file *file)
{
    if (file->temporary)
        unlink(file->temporary);
    if (file->fd >= 0)
        close(file->fd);
    free(file->temporary);
    free(file->path);
    *file = (struct new_file){.fd = -1};
}
