/* Runs a fuzz target without a fuzzer: once over each file that is named, and over each file of the folders that are
 * named. So the corpus is an ordinary test, with any compiler. A hang ends by the alarm. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

enum {
    FILE_MAX = 64 << 20,
    ONE_INPUT_S = 30
};

static unsigned runs;

static void fail(const char *path)
{
    perror(path);
    exit(2);
}

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    struct stat status;
    if (!file || fstat(fileno(file), &status) != 0 || status.st_size > FILE_MAX)
        fail(path);
    size_t size = (size_t)status.st_size;
    uint8_t *bytes =
        malloc(size ? size : 1); /* of exactly this size: so that ASan sees a step beyond */
    if (!bytes || fread(bytes, 1, size, file) != size)
        fail(path);
    fclose(file);
    fprintf(stderr, "%s\n", path);
    alarm(ONE_INPUT_S);
    LLVMFuzzerTestOneInput(bytes, size);
    alarm(0);
    free(bytes);
    runs++;
}

static void run_folder(const char *path)
{
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0)
        fail(path);
    for (int i = 0; i < count; i++) {
        char name[4096];
        snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            run_file(name);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat status;
        if (stat(argv[i], &status) != 0)
            fail(argv[i]);
        if (S_ISDIR(status.st_mode))
            run_folder(argv[i]);
        else
            run_file(argv[i]);
    }
    fprintf(stderr, "%u inputs\n", runs);
    return runs ? 0 : 1;
}
