/* The store when things go wrong: its writer is killed at any moment, the disk is full or read-only, the file is taken away, the clock
 * was set back. What was reported as written is there, once; the same batch can be written again later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store.h"

enum {
    STEP_MS = 60 * 1000,
    LIVES = 6,
    SERIES = 4,
    ROUNDS = 50, /* of killing; SEEP_KILL_ROUNDS says more */
    HOUR_MS = 3600 * 1000
};
static const int64_t begin_ms = INT64_C(1700006400000);
static const struct store_limits keep_all = {INT64_MAX / 4, INT64_MAX / 4, 0};
static const struct store_span always = {0, INT64_MAX};

static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/seep-faults-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/watch.db", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

static void fail_with(struct error *error)
{
    if (error)
        fail_msg("%s", error_message(error));
}

static void expect(struct error *error, const char *part)
{
    assert_non_null(error);
    if (!strstr(error_message(error), part))
        fail_msg("'%s' is not in: %s", part, error_message(error));
    error_destroy(error);
}

static struct store *open_writer(void)
{
    struct store *store = NULL;
    char *moved = NULL;
    fail_with(store_open_writer(path, &keep_all, &store, &moved));
    assert_null(moved);
    return store;
}

static int64_t value_of(uint32_t life, uint32_t series, int64_t number)
{
    return (int64_t)((uint64_t)(number * 31 + life * 7 + series) * 2654435761u % 1000003);
}

/* Batch number so-and-so: its samples, and once in a while a record. */
static struct error *write_number(struct store *store, int64_t number)
{
    struct batch batch = {.at_ms = begin_ms + number * STEP_MS};
    char *empty = xstrdup("");
    for (uint32_t life = 1; life <= LIVES; life++) {
        for (uint32_t series = 0; series < SERIES; series++)
            VECTOR_PUSH(&batch.samples,
                        (struct sample){life, series, value_of(life, series, number)});
        if (!number)
            VECTOR_PUSH(&batch.lives, (struct life){.id = life,
                                                    .program = "agent",
                                                    .started_ms = begin_ms,
                                                    .first_seen_ms = begin_ms,
                                                    .last_seen_ms = begin_ms});
    }
    if (number % 10 == 9)
        VECTOR_PUSH(&batch.markers,
                    (struct marker){.life = 1, .at_ms = batch.at_ms, .text = empty});
    struct error *error = store_write(store, &batch);
    VECTOR_DEINIT(&batch.samples);
    VECTOR_DEINIT(&batch.lives);
    VECTOR_DEINIT(&batch.markers);
    free(empty);
    return error;
}

/* ---- what is in it */

/* The number of batches in it; every sample of each is there, once and right, and the roll-ups count each once. */
static int64_t check_all(struct store *store)
{
    int64_t count = -1;
    for (uint32_t life = 1; life <= LIVES; life++) {
        for (uint32_t series = 0; series < SERIES; series++) {
            struct points points = {0}, wide = {0};
            int64_t step_ms = 0;
            uint64_t in_wide = 0;
            fail_with(store_points(store, life, series, always, 0, &points, &step_ms));
            if (count < 0)
                count = (int64_t)points.length;
            assert_int_equal(points.length, count);
            for (int64_t i = 0; i < count; i++) {
                assert_int_equal(points.at[i].at_ms, begin_ms + i * STEP_MS);
                assert_int_equal(points.at[i].last, value_of(life, series, i));
            }
            fail_with(store_points(store, life, series, always, 1, &wide, &step_ms));
            for (size_t i = 0; i < wide.length; i++)
                in_wide += wide.at[i].count;
            assert_int_equal(in_wide, count);
            VECTOR_DEINIT(&points);
            VECTOR_DEINIT(&wide);
        }
    }
    struct markers markers = {0};
    fail_with(store_markers(store, 1, always, &markers));
    assert_int_equal(markers.length, count / 10);
    markers_deinit(&markers);
    return count;
}

static void check_integrity(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

/* ---- killed */

/* Writes on from a number as fast as it goes, with all the maintenance that an agent would do, and tells each batch that is written. */
static void write_until_killed(int64_t number, int tell)
{
    struct store *store = NULL;
    struct error *error = store_open_writer(path, &keep_all, &store, NULL);
    while (!error) {
        bool more = true;
        error = write_number(store, number);
        if (error || write(tell, &number, sizeof(number)) != sizeof(number))
            break;
        for (unsigned i = 0; i < 3 && more && !error; i++)
            error = store_maintain(store, begin_ms + number * STEP_MS, &more);
        number++;
    }
    _exit(1);
}

/* Starts one, kills it after some microseconds, and returns the number of batches that it said were written. */
static int64_t run_and_kill(int64_t number, unsigned after_us)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child)
        write_until_killed(number, ends[1]);
    close(ends[1]);
    struct pollfd first = {.fd = ends[0], .events = POLLIN};
    poll(&first, 1, 5000);
    usleep(after_us);
    kill(child, SIGKILL);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    int64_t told = number - 1, read_one;
    while (read(ends[0], &read_one, sizeof(read_one)) == sizeof(read_one))
        told = read_one;
    close(ends[0]);
    return told + 1;
}

static void killed_at_any_moment_nothing_is_lost_or_doubled(void **state)
{
    (void)state;
    const char *said = getenv("SEEP_KILL_ROUNDS");
    unsigned rounds = said ? (unsigned)strtoul(said, NULL, 10) : ROUNDS, seed = 1;
    int64_t count = 0;
    for (unsigned round = 0; round < rounds; round++) {
        int64_t told = run_and_kill(count, (unsigned)rand_r(&seed) % 30000);
        struct store *reader = NULL;
        fail_with(store_open_reader(path, &reader)); /* beside a writer that is no more */
        count = check_all(reader);
        store_close(reader);
        /* One more may be written whose report did not come out. */
        assert_true(count == told || count == told + 1);
        if (round % 10 == 9)
            check_integrity();
    }
    struct store *store = open_writer();
    bool more = true;
    while (more)
        fail_with(store_maintain(store, begin_ms + count * STEP_MS + INT64_C(48) * HOUR_MS, &more));
    assert_int_equal(check_all(store), count);
    store_close(store);
    check_integrity();
}

/* ---- the disk */

/* The batch that fails is not there, and can be written once there is room. */
static void full_and_then_not(struct store *store, const char *says, bool (*make_room)(void))
{
    int64_t number = 0;
    struct error *error = NULL;
    while (!error && number < 1000000) {
        error = write_number(store, number);
        number += !error;
    }
    expect(error, says);
    bool more = false;
    error_ignore(store_maintain(store, begin_ms + number * STEP_MS, &more)); /* no crash, no hang */
    assert_int_equal(check_all(store), number);
    assert_true(make_room());
    for (int64_t end = number + 50; number < end; number++)
        fail_with(write_number(store, number));
    assert_int_equal(check_all(store), number);
    store_close(store);
    check_integrity();
}

static bool lift_limit(void)
{
    struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    return !setrlimit(RLIMIT_FSIZE, &limit);
}

static void a_file_that_may_not_grow(void **state)
{
    (void)state;
    struct rlimit before, limit;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    if (before.rlim_max != RLIM_INFINITY)
        skip();
    limit = (struct rlimit){400 * 1024, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    full_and_then_not(open_writer(), "the store ", lift_limit);
}

static char filler[96];

static bool remove_filler(void)
{
    return !unlink(filler);
}

/* A file of so many bytes, so that so many less are free. */
static void fill(size_t bytes)
{
    int descriptor = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(descriptor >= 0);
    assert_int_equal(posix_fallocate(descriptor, 0, (off_t)bytes), 0);
    close(descriptor);
}

static void a_disk_that_is_full(void **state)
{
    (void)state;
    snprintf(filler, sizeof(filler), "%s/filler", folder);
    if (mount("tmpfs", folder, "tmpfs", 0, "size=4m"))
        skip(); /* only root may */
    fill(3 << 20);
    full_and_then_not(open_writer(), "the disk is full", remove_filler);
    assert_int_equal(umount2(folder, MNT_DETACH), 0);
}

static void a_disk_that_is_read_only(void **state)
{
    (void)state;
    struct store *store = NULL;
    if (mount("tmpfs", folder, "tmpfs", 0, "size=4m"))
        skip();
    store = open_writer();
    fail_with(write_number(store, 0));
    store_close(store);
    assert_int_equal(mount("tmpfs", folder, "tmpfs", MS_REMOUNT | MS_RDONLY, "size=4m"), 0);
    store = NULL;
    expect(store_open_writer(path, &keep_all, &store, NULL), "cannot be written");
    fail_with(store_open_reader(path, &store));
    assert_int_equal(check_all(store), 1);
    store_close(store);
    assert_int_equal(umount2(folder, MNT_DETACH), 0);
}

static void a_folder_that_is_not_there(void **state)
{
    (void)state;
    struct store *store = NULL;
    expect(store_open_writer("/nowhere/at/all.db", &keep_all, &store, NULL), "/nowhere/at/all.db");
    expect(store_open_reader("/nowhere/at/all.db", &store), "`seep watch` makes one");
}

/* ---- others */

static void a_file_that_is_taken_away(void **state)
{
    (void)state;
    struct store *store = open_writer();
    fail_with(write_number(store, 0));
    assert_int_equal(unlink(path), 0);
    struct error *error = write_number(store, 1);
    assert_non_null(error);
    assert_int_equal(error_code(error), ERROR_NOT_FOUND);
    expect(error, "was taken away");
    store_close(store);
    store = open_writer();
    fail_with(write_number(store, 0));
    fail_with(write_number(store, 1));
    assert_int_equal(check_all(store), 2);
    store_close(store);
}

static void the_lock_ends_with_its_process(void **state)
{
    (void)state;
    int64_t count = run_and_kill(0, 1000);
    struct store *store = open_writer();
    assert_true(check_all(store) >= count);
    struct store *second = NULL;
    expect(store_open_writer(path, &keep_all, &second, NULL), "another `seep watch`");
    store_close(store);
    store_close(open_writer());
}

/* Restarted with a clock that is behind: what comes is taken, nothing of before is lost, and all is in order once the day is sealed. */
static void a_clock_that_was_set_back(void **state)
{
    (void)state;
    struct store *store = open_writer();
    bool more = true;
    for (int64_t number = 0; number < 300; number++)
        fail_with(write_number(store, number));
    while (more)
        fail_with(store_maintain(store, begin_ms + INT64_C(300) * STEP_MS, &more));
    for (int64_t number = 0; number < 60; number++) { /* between those of before */
        struct batch batch = {.at_ms = begin_ms + (100 + number) * STEP_MS + STEP_MS / 2};
        VECTOR_PUSH(&batch.samples, (struct sample){1, 0, number});
        fail_with(store_write(store, &batch));
        VECTOR_DEINIT(&batch.samples);
    }
    more = true;
    while (more)
        fail_with(store_maintain(store, begin_ms + INT64_C(48) * HOUR_MS, &more));
    struct points points = {0};
    int64_t step_ms = 0;
    fail_with(store_points(store, 1, 0, always, 0, &points, &step_ms));
    assert_int_equal(points.length, 360);
    for (size_t i = 1; i < points.length; i++)
        assert_true(points.at[i].at_ms > points.at[i - 1].at_ms);
    VECTOR_DEINIT(&points);
    store_close(store);
}

/* ---- who may only read, while it is written */

struct onlooker {
    pid_t pid;
    int socket; /* a byte each way lets it go on, and tells that it has */
};

/* Reads what is there; the status of the process that looks on is 0 if all was there, 1 if it was said that it was left unfinished. */
static void look_on(int socket)
{
    struct store *store = NULL;
    struct points points = {0};
    int64_t step_ms = 0;
    char byte;
    if ((!geteuid() && (setgid(65534) || setuid(65534))) || prctl(PR_SET_PDEATHSIG, SIGKILL) ||
        read(socket, &byte, 1) != 1)
        _exit(2);
    error_ignore(store_open_reader(path, &store));
    if (!store || store_points(store, 1, 0, always, 0, &points, &step_ms) || points.length != 10)
        _exit(3);
    if (write(socket, "", 1) != 1 || read(socket, &byte, 1) != 1)
        _exit(4);
    VECTOR_DEINIT(&points);
    struct error *error = store_points(store, 1, 0, always, 0, &points, &step_ms);
    if (!error)
        _exit(points.length == 10 ? 0 : 5);
    _exit(strstr(error_message(error), "was left unfinished") ? 1 : 6);
}

/* One who may not write. Begun before the store is open here: SQLite knows in a process what it has open, and would read with the rights of that. */
static struct onlooker onlooker_begin(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid)
        look_on(ends[0]);
    close(ends[0]);
    return (struct onlooker){pid, ends[1]};
}

/* The second copy of the log's head (https://sqlite.org/walformat.html, 2.1) differs from the first, as while it is written. */
static void tear_head(int shared)
{
    uint8_t byte;
    assert_int_equal(pread(shared, &byte, 1, 48 + 8), 1);
    byte ^= 0xff;
    assert_int_equal(pwrite(shared, &byte, 1, 48 + 8), 1);
}

static void what_is_written_half_is_waited_for(void **state)
{
    (void)state;
    static const char *const files[] = {"", "-wal", "-shm"};
    struct onlooker onlookers[2] = {onlooker_begin(), onlooker_begin()};
    struct store *writer = open_writer();
    char file[sizeof(path) + 8];
    for (int64_t i = 0; i < 10; i++)
        fail_with(write_number(writer, i));
    snprintf(file, sizeof(file), "%s-shm", path);
    int shared = open(file, O_RDWR | O_CLOEXEC); /* closed last: that drops the writer's locks */
    assert_true(shared >= 0);
    assert_int_equal(chmod(folder, 0755), 0);
    for (size_t i = 0; i < LENGTH_OF(files); i++) {
        snprintf(file, sizeof(file), "%s%s", path, files[i]);
        assert_int_equal(chmod(file, 0444), 0);
    }
    for (int left = 0; left < 2; left++) {
        int status = -1;
        char byte;
        assert_int_equal(write(onlookers[left].socket, "", 1), 1);
        assert_int_equal(read(onlookers[left].socket, &byte, 1), 1);
        tear_head(shared);
        assert_int_equal(write(onlookers[left].socket, "", 1), 1);
        if (!left) {
            usleep(100 * 1000);
            tear_head(shared);
        }
        assert_int_equal(waitpid(onlookers[left].pid, &status, 0), onlookers[left].pid);
        assert_int_equal(WIFEXITED(status) ? WEXITSTATUS(status) : 99, left);
        close(onlookers[left].socket);
    }
    store_close(writer);
    close(shared);
}

int main(void)
{
#define FAULT(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        FAULT(killed_at_any_moment_nothing_is_lost_or_doubled),
        FAULT(a_file_that_may_not_grow),
        FAULT(a_disk_that_is_full),
        FAULT(a_disk_that_is_read_only),
        FAULT(a_folder_that_is_not_there),
        FAULT(a_file_that_is_taken_away),
        FAULT(the_lock_ends_with_its_process),
        FAULT(a_clock_that_was_set_back),
        FAULT(what_is_written_half_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
