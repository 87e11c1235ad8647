/* target/: a live process (a child of this test, whose addresses are known because it is a copy),
 * its failures one by one, and the list of processes. Core files have their own test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/u64map.h"
#include "target/internal.h"
#include "target/processes.h"
#include "target/target.h"

enum {
    PAGE = 4096,
    ARENA_PAGES = 256
};

/* Pages that the child copies from here: filled with their offsets; every seventh is a hole, page 3
 * may only be written, page 5 is only reserved. */
static uint8_t *arena;
static const uint64_t constant = 0x1122334455667788; /* in a segment that nobody writes */
static pid_t child;

static bool is_hole(size_t page)
{
    return page % 7 == 6;
}

static bool is_unreadable(size_t page)
{
    return is_hole(page) || page == 5;
}

static int start_child(void **state)
{
    (void)state;
    arena =
        mmap(NULL, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t i = 0; i < ARENA_PAGES * PAGE; i += 8)
        memcpy(arena + i, &(uint64_t){i}, 8);
    int ready[2];
    if (arena == MAP_FAILED || pipe(ready) < 0)
        return -1;
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (size_t page = 0; page < ARENA_PAGES; page++)
            if (is_hole(page))
                munmap(arena + page * PAGE, PAGE);
            else /* pages that are still shared with the parent are not counted as resident */
                *(volatile uint8_t *)(arena + page * PAGE) += 0;
        mprotect(arena + 3 * PAGE, PAGE, PROT_WRITE);
        mprotect(arena + 5 * PAGE, PAGE, PROT_NONE);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char byte = 0;
    ssize_t length = read(ready[0], &byte, 1);
    close(ready[0]);
    close(ready[1]);
    return length == 1 ? 0 : -1;
}

static int end_child(void **state)
{
    (void)state;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    munmap(arena, ARENA_PAGES * PAGE);
    return 0;
}

static address arena_at(size_t offset)
{
    return (address)(uintptr_t)arena + offset;
}

static struct target *open_child(void)
{
    struct target *target = NULL;
    struct error *error = target_open_process(child, &target);
    if (error)
        fail_msg("%s", error_message(error));
    return target;
}

static enum error_code code_of(struct error *error)
{
    assert_non_null(error);
    enum error_code code = error_code(error);
    error_destroy(error);
    return code;
}

static void test_facts(void **state)
{
    (void)state;
    struct target *target = open_child();
    const struct target_facts *facts = target_facts(target);
    assert_int_equal(facts->kind, TARGET_PROCESS);
    assert_int_equal(facts->pid, child);
    assert_non_null(strstr(facts->name, "target"));
    assert_non_null(strstr(facts->exe_path, "/"));
    assert_false(facts->exe_deleted);
    assert_true(facts->uptime_s >= 0 && facts->uptime_s < 600);
    int64_t ahead = target_now_ns(target) - clock_now_ns();
    assert_true(ahead < 1000000000 && ahead > -1000000000);
    assert_null(target_check(target));
    struct thread_registers registers;
    assert_false(target_registers(target, child, &registers));
    target_close(target);
    target_close(NULL);
}

/* The bias is right if the file holds our own constant where it lies in memory. */
static void test_file_view(void **state)
{
    (void)state;
    struct target *target = open_child();
    address at = (address)(uintptr_t)&constant;
    size_t left = 0;
    const uint8_t *bytes = target_view(target, at, true, &left);
    assert_non_null(bytes);
    assert_true(left >= sizeof(constant));
    assert_memory_equal(bytes, &constant, sizeof(constant));
    assert_null(target_view(target, arena_at(0), true, &left));
    uint64_t value = 0;
    assert_null(target_read(target, at, &value, sizeof(value)));
    assert_true(value == constant);
    target_close(target);
}

static void test_mappings(void **state)
{
    (void)state;
    struct target *target = open_child();
    size_t count = 0;
    const struct mapping *mappings = target_mappings(target, &count);
    assert_true(count > 5);
    for (size_t i = 1; i < count; i++)
        assert_true(mappings[i - 1].end <= mappings[i].start);
    const struct mapping *code = target_mapping_at(target, (address)(uintptr_t)test_mappings);
    assert_true(code && code->executable && code->is_file && !code->writable);
    assert_null(target_mapping_at(target, arena_at(6 * PAGE)));

    assert_null(target_measure(target));
    const struct mapping *first = target_mapping_at(target, arena_at(0));
    assert_true(first && first->rss_bytes >= PAGE);
    uint64_t resident = 0;
    assert_null(target_resident(target, arena_at(0), 6 * PAGE, &resident));
    assert_int_equal(resident, 6 * PAGE);
    assert_null(target_resident(target, arena_at(6 * PAGE), PAGE, &resident));
    assert_int_equal(resident, 0);
    assert_null(target_resident(target, arena_at(100), 50, &resident));
    assert_int_equal(resident, 50);
    assert_null(target_resident(target, arena_at(0), 0, &resident));
    assert_int_equal(resident, 0);
    assert_int_equal(code_of(target_resident(target, 0, UINT64_MAX, &resident)), ERROR_LIMIT);
    target_close(target);
}

static void test_reads(void **state)
{
    (void)state;
    struct target *target = open_child();
    uint64_t words[PAGE / 4];
    assert_null(target_read(target, arena_at(8), words, sizeof(words)));
    assert_memory_equal(words, arena + 8, sizeof(words));
    assert_null(target_read(target, arena_at(3 * PAGE), words, 64)); /* mapped for writing only */
    assert_memory_equal(words, arena + 3 * PAGE, 64);
    assert_int_equal(code_of(target_read(target, arena_at(6 * PAGE - 4), words, 8)), ERROR_FAULT);
    assert_int_equal(code_of(target_read(target, arena_at(5 * PAGE), words, 8)), ERROR_FAULT);
    assert_int_equal(code_of(target_read(target, 0, words, 8)), ERROR_FAULT);
    assert_int_equal(code_of(target_read(target, UINT64_MAX - 3, words, 8)), ERROR_FAULT);
    assert_int_equal(code_of(target_read(target, 1ULL << 63, words, 8)), ERROR_FAULT);
    assert_null(target_read(target, 0, words, 0));

    struct error *error = target_read(target, 0x10, words, 8);
    assert_non_null(strstr(error_message(error), "0x10"));
    error_destroy(error);
    target_close(target);
}

static void test_cached_reads(void **state)
{
    (void)state;
    struct target *target = open_child();
    uint64_t value = 0;
    uint32_t half = 0;
    for (size_t offset = 0; offset < 20 * PAGE; offset += 1000) {
        struct error *error = target_u64(target, arena_at(offset), &value);
        bool is_bad = is_unreadable(offset / PAGE) || is_unreadable((offset + 7) / PAGE);
        assert_int_equal(error != NULL, is_bad);
        if (!error)
            assert_memory_equal(&value, arena + offset, sizeof(value));
        error_destroy(error);
    }
    assert_null(target_u64(target, arena_at(PAGE - 4), &value)); /* over two pages */
    assert_memory_equal(&value, arena + PAGE - 4, sizeof(value));
    assert_null(target_u32(target, arena_at(16), &half));
    assert_int_equal(half, 16);
    target_forget(target);
    assert_null(target_u32(target, arena_at(16), &half));
    assert_int_equal(code_of(target_u64(target, UINT64_MAX - 2, &value)), ERROR_FAULT);
    target_close(target);
}

struct pieces {
    struct read_request *requests;
    uint8_t *bytes;
    size_t count;
};

/* Random pieces of the arena, some of nothing, some over holes; the oracle is the arena itself,
 * which is the child's copy. */
static struct pieces random_pieces(size_t count, uint32_t size_max, uint64_t seed)
{
    struct pieces pieces = {.count = count};
    pieces.requests = xcalloc(count, sizeof(*pieces.requests));
    pieces.bytes = xcalloc(count, size_max);
    for (size_t i = 0; i < count; i++) {
        seed = u64_mix(seed + 0x9e3779b97f4a7c15ULL);
        uint32_t size = (uint32_t)(seed >> 32) % size_max;
        memset(pieces.bytes + i * size_max, 0xee, size_max);
        pieces.requests[i] = (struct read_request){
            .at = arena_at(seed % (ARENA_PAGES * PAGE - size_max)),
            .size = size,
            .failed = seed % 2,
            .to = pieces.bytes + i * size_max,
        };
    }
    return pieces;
}

static bool should_fail(const struct read_request *request)
{
    size_t offset = request->at - arena_at(0);
    for (size_t at = offset; at < offset + request->size; at++)
        if (is_unreadable(at / PAGE))
            return true;
    return false;
}

static void check_pieces(const struct pieces *pieces)
{
    for (size_t i = 0; i < pieces->count; i++) {
        const struct read_request *request = &pieces->requests[i];
        if (i)
            assert_true(pieces->requests[i - 1].at <= request->at);
        assert_int_equal(request->failed, should_fail(request));
        const uint8_t *got = request->to;
        for (size_t j = 0; j < request->size; j++)
            assert_int_equal(got[j], request->failed ? 0 : arena[request->at - arena_at(0) + j]);
    }
}

static void read_random_pieces(struct target *target)
{
    static const struct {
        size_t count;
        uint32_t size_max;
    } cases[] = {{0, 1}, {1, 100}, {40, 9000}, {5000, 40}, {3000, 600}, {300, 20000}};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct pieces pieces = random_pieces(cases[i].count, cases[i].size_max, i);
        assert_null(target_read_many(target, pieces.requests, pieces.count));
        check_pieces(&pieces);
        free(pieces.requests);
        free(pieces.bytes);
    }
}

static void test_read_many(void **state)
{
    (void)state;
    struct target *target = open_child();
    read_random_pieces(target);
    target_close(target);
}

/* Pieces in the executable's file, between pieces in memory. */
static void test_read_many_with_file(void **state)
{
    (void)state;
    struct target *target = open_child();
    uint64_t words[4] = {0};
    struct read_request requests[] = {
        {.at = arena_at(16), .size = 8, .to = &words[0]},
        {.at = (address)(uintptr_t)&constant, .size = 8, .to = &words[1], .failed = true},
        {.at = arena_at(8), .size = 8, .to = &words[2]},
        {.at = 4, .size = 8, .to = &words[3]},
    };
    assert_null(target_read_many(target, requests, LENGTH_OF(requests)));
    assert_int_equal(words[0], 16);
    assert_true(words[1] == constant);
    assert_int_equal(words[2], 8);
    assert_true(requests[0].failed && !requests[1].failed && !requests[2].failed &&
                !requests[3].failed);
    target_close(target);
}

static void test_sort(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 63, 64, 65, 5000};
    for (size_t i = 0; i < LENGTH_OF(counts); i++) {
        struct read_request *requests = xcalloc(counts[i], sizeof(*requests));
        uint64_t sum = 0;
        for (size_t j = 0; j < counts[i]; j++) {
            requests[j].at = j % 3 ? u64_mix(j + i) : 0xc000000000 + u64_mix(j) % 100000;
            requests[j].size = (uint32_t)requests[j].at;
            sum += requests[j].at;
        }
        requests_sort(requests, counts[i]);
        for (size_t j = 0; j < counts[i]; j++) {
            assert_true(!j || requests[j - 1].at <= requests[j].at);
            assert_int_equal(requests[j].size, (uint32_t)requests[j].at);
            sum -= requests[j].at;
        }
        assert_true(sum == 0);
        free(requests);
    }
}

/* Without process_vm_readv, as in a container with a strict filter, /proc/PID/mem does it. In a
 * process of its own, since a filter cannot be taken off. */
static void test_without_vm_readv(void **state)
{
    (void)state;
    pid_t strict = fork();
    if (strict == 0) {
        struct sock_filter code[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        struct sock_fprog filter = {.len = LENGTH_OF(code), .filter = code};
        struct target *target = NULL;
        uint64_t value = 0;
        uint64_t words[3] = {0};
        struct read_request requests[] = {
            {.at = arena_at(8), .size = 8, .to = &words[0]},
            {.at = arena_at(6 * PAGE), .size = 8, .to = &words[1]},
            {.at = arena_at(7 * PAGE), .size = 8, .to = &words[2]},
        };
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
            _exit(3);
        if (error_ignore(target_open_process(child, &target)) ||
            error_ignore(target_read(target, arena_at(800), &value, 8)) || value != 800)
            _exit(4);
        if (!error_ignore(target_read(target, arena_at(6 * PAGE), &value, 8)))
            _exit(5);
        if (error_ignore(target_read_many(target, requests, 3)) || words[0] != 8 ||
            words[2] != 7 * PAGE || !requests[1].failed || requests[0].failed || requests[2].failed)
            _exit(6);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(strict, &status, 0), strict);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 3)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_torture_hook(void **state)
{
    (void)state;
    struct target *target = open_child();
    uint64_t value = 0;
    uint64_t before = target_read_count(target);
    target_fail_read(target, 2, false);
    assert_null(target_u64(target, arena_at(0), &value));
    assert_int_equal(code_of(target_u64(target, arena_at(0), &value)), ERROR_FAULT);
    assert_null(target_read(target, arena_at(0), &value, 8));
    assert_int_equal(target_read_count(target) - before, 3);

    uint64_t words[3] = {7, 7, 7};
    struct read_request requests[3];
    for (size_t i = 0; i < 3; i++)
        requests[i] = (struct read_request){.at = arena_at(8 + 8 * i), .size = 8, .to = &words[i]};
    target_fail_read(target, 2, true);
    assert_null(target_read_many(target, requests, 3));
    assert_true(!requests[0].failed && requests[1].failed && requests[2].failed);
    assert_true(words[0] == 8 && words[1] == 0 && words[2] == 0);
    assert_int_equal(code_of(target_read(target, arena_at(0), &value, 8)), ERROR_FAULT);
    target_fail_read(target, 0, false);
    assert_null(target_read(target, arena_at(0), &value, 8));
    assert_int_equal(target_read_count(target) - before, 8);
    target_close(target);
}

static void test_not_a_process(void **state)
{
    (void)state;
    struct target *target = NULL;
    assert_int_equal(code_of(target_open_process(0, &target)), ERROR_NOT_FOUND);
    assert_int_equal(code_of(target_open_process(-5, &target)), ERROR_NOT_FOUND);
    assert_int_equal(code_of(target_open_process(0x7ffffff0, &target)), ERROR_NOT_FOUND);
}

/* One that sleeps, or with `path` runs that program after a byte comes. */
static pid_t start_other(int go[2], const char *path)
{
    assert_int_equal(pipe(go), 0);
    pid_t other = fork();
    if (other == 0) {
        char byte = 0;
        close(go[1]);
        if (read(go[0], &byte, 1) == 1 && path)
            execl(path, path, "60", (char *)NULL);
        _exit(0);
    }
    close(go[0]);
    return other;
}

static void test_exit_is_seen(void **state)
{
    (void)state;
    int go[2];
    pid_t other = start_other(go, NULL);
    struct target *target = NULL;
    assert_null(target_open_process(other, &target));
    assert_null(target_check(target));
    close(go[1]);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)other, &info, WEXITED | WNOWAIT), 0);
    struct target *zombie = NULL;
    assert_int_equal(code_of(target_open_process(other, &zombie)), ERROR_GONE);
    assert_int_equal(code_of(target_check(target)), ERROR_GONE);
    assert_int_equal(waitpid(other, NULL, 0), other);

    uint64_t value = 0;
    struct read_request request = {.at = arena_at(0), .size = 8, .to = &value};
    assert_int_equal(code_of(target_read_many(target, &request, 1)), ERROR_GONE);
    assert_int_equal(code_of(target_measure(target)), ERROR_GONE);
    struct error *error = target_read(target, arena_at(0), &value, 8);
    assert_int_equal(error_code(error), ERROR_GONE);
    assert_non_null(strstr(error_message(error), "exited"));
    error_destroy(error);
    target_close(target);
}

static void test_exec_is_seen(void **state)
{
    (void)state;
    int go[2];
    pid_t other = start_other(go, "/bin/sleep");
    struct target *target = NULL;
    assert_null(target_open_process(other, &target));
    assert_int_equal(write(go[1], "x", 1), 1);
    struct error *error = NULL;
    for (int i = 0; i < 1000 && !error; i++) {
        clock_sleep_ns(5000000);
        error = target_check(target);
    }
    assert_non_null(error);
    assert_int_equal(error_code(error), ERROR_GONE);
    assert_non_null(strstr(error_message(error), "another program"));
    error_destroy(error);
    target_close(target);
    close(go[1]);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
}

/* A process whose first thread ends at once. Another one goes on, and after a byte becomes another program, a moment later. */
static int exec_after;

static void *exec_soon(void *unused)
{
    char byte = 0;
    if (read(exec_after, &byte, 1) == 1) {
        clock_sleep_ns(20000000);
        execl("/bin/sleep", "sleep", "60", (char *)NULL);
    }
    return unused;
}

static pid_t start_headless(int go[2])
{
    assert_int_equal(pipe(go), 0);
    pid_t other = fork();
    if (other == 0) {
        pthread_t thread;
        close(go[1]);
        exec_after = go[0];
        if (pthread_create(&thread, NULL, exec_soon, NULL))
            _exit(1);
        pthread_exit(NULL);
    }
    close(go[0]);
    for (char state = 0; state != 'Z';) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)other);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
            fail_msg("%s is not as proc(5) says", path);
        fclose(file);
        clock_sleep_ns(1000000);
    }
    return other;
}

/* While another thread than the first does an exec, the first is a zombie, and the process lives. */
static void test_exec_in_between_is_no_exit(void **state)
{
    (void)state;
    int go[2];
    struct target *target = NULL;
    pid_t other = start_headless(go);
    assert_int_equal(write(go[1], "x", 1), 1);
    struct error *error = target_open_process(other, &target);
    if (error)
        fail_msg("%s", error_message(error));
    assert_null(target_check(target));
    assert_non_null(strstr(target_facts(target)->exe_path, "/"));
    target_close(target);
    close(go[1]);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
}

static void test_first_thread_ended(void **state)
{
    (void)state;
    int go[2];
    struct target *target = NULL;
    pid_t other = start_headless(go);
    struct error *error = target_open_process(other, &target);
    assert_non_null(error);
    assert_int_equal(error_code(error), ERROR_UNSUPPORTED);
    assert_non_null(strstr(error_message(error), "first thread has ended"));
    error_destroy(error);
    close(go[1]);
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
}

static void test_maps_text(void **state)
{
    (void)state;
    static const char text[] =
        "00400000-00452000 r-xp 00001000 08:02 173521      /usr/bin/a b (deleted)\n"
        "Size:                328 kB\n"
        "Rss:                 128 kB\n"
        "VmFlags: rd ex mr\n"
        "c000000000-c000400000 rw-p 00000000 00:00 0 \n"
        "Rss:                  4 kB\n"
        "nonsense\n"
        "Rss:                  99 kB\n"
        "00300000-00301000 ---s 00000000 00:00 0          [anon: Go: \\012heap]\n"
        "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]";
    struct mappings mappings = {0};
    assert_null(mappings_parse(text, sizeof(text) - 1, &mappings));
    assert_int_equal(mappings.length, 4);
    assert_true(mappings.at[0].start == 0x300000 && mappings.at[0].shared &&
                !mappings.at[0].readable);
    const struct mapping *file = &mappings.at[1];
    assert_true(file->start == 0x400000 && file->end == 0x452000 && file->file_offset == 0x1000);
    assert_true(file->readable && !file->writable && file->executable && !file->shared &&
                file->is_file);
    assert_string_equal(file->path, "/usr/bin/a b (deleted)");
    assert_int_equal(file->rss_bytes, 128 << 10);
    assert_string_equal(mappings.at[2].path, "");
    assert_int_equal(mappings.at[2].rss_bytes, 4 << 10);
    assert_string_equal(mappings.at[3].path, "[vsyscall]");
    assert_null(mappings_at(&mappings, 0x2fffff));
    assert_ptr_equal(mappings_at(&mappings, 0x451fff), file);
    assert_null(mappings_at(&mappings, 0x452000));
    assert_non_null(mappings_at(&mappings, 0xffffffffff600fff));
    mappings_deinit(&mappings);
}

static void test_processes(void **state)
{
    (void)state;
    struct process_entry *entries = NULL;
    size_t count = 0;
    assert_null(processes_list(&entries, &count));
    bool has_child = false;
    for (size_t i = 0; i < count; i++) {
        assert_true(!i || entries[i - 1].pid < entries[i].pid);
        assert_int_not_equal(entries[i].pid, getpid());
        if (entries[i].pid != child)
            continue;
        has_child = true;
        assert_non_null(strstr(entries[i].exe_name, "target"));
        assert_non_null(strstr(entries[i].comm, "target"));
        assert_true(entries[i].readable && entries[i].rss_bytes > 0 && entries[i].exe_inode);
        assert_true(entries[i].uptime_s >= 0 && entries[i].uptime_s < 600);
    }
    assert_true(has_child);
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_file_view),
        cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_cached_reads),
        cmocka_unit_test(test_read_many),
        cmocka_unit_test(test_read_many_with_file),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_without_vm_readv),
        cmocka_unit_test(test_torture_hook),
        cmocka_unit_test(test_not_a_process),
        cmocka_unit_test(test_exit_is_seen),
        cmocka_unit_test(test_exec_is_seen),
        cmocka_unit_test(test_exec_in_between_is_no_exit),
        cmocka_unit_test(test_first_thread_ended),
        cmocka_unit_test(test_maps_text),
        cmocka_unit_test(test_processes),
    };
    return cmocka_run_group_tests(tests, start_child, end_child);
}
