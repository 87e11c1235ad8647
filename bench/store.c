/* What a store costs to read, as JSON: bytes a sample, and how long it takes to open all of one life's past as the page does. The store is one that
 * tests/store/fixture.c has written.
 *
 *   bench-store FILE LIFE */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "store/store.h"

enum {
    POINTS = 1000,
    RUNS = 9
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int give_up(struct error *error)
{
    fprintf(stderr, "bench-store: %s\n", error_message(error));
    error_destroy(error);
    return 1;
}

/* Four charts over all of its past, the store opened anew. */
static struct error *open_all(const char *file, uint32_t life, double *seconds_ret,
                              size_t *points_ret)
{
    static const uint32_t metrics[] = {SERIES_RSS, SERIES_HEAP_LIVE, SERIES_GOROUTINES, SERIES_CPU};
    struct store *store = NULL;
    struct error *error = NULL;
    double begun = now();
    TRY(store_open_reader(file, &store));
    *points_ret = 0;
    for (size_t i = 0; i < LENGTH_OF(metrics) && !error; i++) {
        struct points points = {0};
        int64_t step_ms = 0;
        error = store_points(store, life, metrics[i], (struct store_span){0, INT64_MAX}, POINTS,
                             &points, &step_ms);
        *points_ret += points.length;
        VECTOR_DEINIT(&points);
    }
    store_close(store);
    *seconds_ret = now() - begun;
    return error;
}

static int by_value(const void *left, const void *right)
{
    const double *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: bench-store FILE LIFE\n", stderr);
        return 2;
    }
    struct store *store = NULL;
    struct store_size size = {0};
    struct stat file = {0};
    double seconds[RUNS];
    size_t points = 0;
    struct error *error = store_open_reader(argv[1], &store);
    if (!error)
        error = store_size(store, &size);
    store_close(store);
    for (unsigned i = 0; i < RUNS && !error; i++)
        error = open_all(argv[1], (uint32_t)strtoul(argv[2], NULL, 10), &seconds[i], &points);
    if (error)
        return give_up(error);
    qsort(seconds, RUNS, sizeof(*seconds), by_value);
    stat(argv[1], &file);
    printf(
        "{\"sealed_samples\": %llu, \"sealed_bytes\": %llu, \"file_bytes\": %llu, "
        "\"open_median_s\": %.6f, \"open_min_s\": %.6f, \"open_max_s\": %.6f, \"points\": %zu}\n",
        (unsigned long long)size.sealed_samples, (unsigned long long)size.sealed_bytes,
        (unsigned long long)file.st_size, seconds[RUNS / 2], seconds[0], seconds[RUNS - 1], points);
    return 0;
}
