/* A whole text through new_file. */
#include "cli/output_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/new_file.h"

static int write_all(int file, const struct text *bytes)
{
    for (size_t done = 0; done < bytes->length;) {
        ssize_t count = write(file, bytes->bytes + done, bytes->length - done);
        if (count < 0 && errno != EINTR)
            return errno;
        done += count > 0 ? (size_t)count : 0;
    }
    return 0;
}

struct error *output_file_write(const char *path, const struct text *bytes)
{
    struct new_file file;
    TRY(new_file_create(path, true, &file));
    int problem = write_all(file.fd, bytes);
    AUTO_FREE char *shown = text_escaped(path, strlen(path));
    struct error *error =
        problem ? error_os(problem, "cannot write %s", shown) : new_file_commit(&file);
    new_file_close(&file);
    return error;
}
