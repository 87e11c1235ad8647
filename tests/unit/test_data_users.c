/* Who names a variable: the quick pass over the code against all functions decoded one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "code/data_users.h"
#include "packed.h"

enum {
    VARIABLES = 64
};

struct ref {
    address entry, at;
    bool taken;
};

struct all {
    struct refs VECTOR_OF(struct ref) refs;
    address entry, low, high;
};

static void note(void *context, address at, bool taken)
{
    struct all *all = context;
    if (at >= all->low && at < all->high)
        VECTOR_PUSH(&all->refs, (struct ref){.entry = all->entry, .at = at, .taken = taken});
}

static void decode_all(struct target *target, const struct program *program, struct all *all)
{
    struct func func;
    all->low = program->module.noptrdata;
    all->high = program->module.noptrbss_end;
    for (uint64_t i = 0; i < program->pclntab.function_count; i++) {
        if (!pclntab_func_at(&program->pclntab, i, &func))
            continue;
        all->entry = func.entry;
        error_ignore(data_refs_each(target, program, &func, note, all));
    }
}

static bool is_user(const struct data_users *users, address entry, uint32_t variable,
                    bool *exact_ret)
{
    for (size_t i = 0; i < users->length; i++) {
        *exact_ret = users->at[i].exact;
        if (users->at[i].entry == entry && users->at[i].variable == variable)
            return true;
    }
    return false;
}

static void compare(struct target *target, const struct program *program)
{
    struct all all = {0};
    address variables[VARIABLES];
    size_t count = 0, found = 0;
    struct data_users users;
    decode_all(target, program, &all);
    assert_int_not_equal(all.refs.length, 0);
    size_t step = all.refs.length / VARIABLES + 1;
    for (size_t i = 0; i < all.refs.length && count < VARIABLES; i += step)
        variables[count++] = all.refs.at[i].at;
    assert_true(data_users_find(target, program, variables, count, &users));
    for (size_t i = 0; i < all.refs.length; i++) {
        const struct ref *ref = &all.refs.at[i];
        for (uint32_t k = 0; k < count; k++) {
            bool exact = false, near = ref->taken && ref->at < variables[k] &&
                                       variables[k] - ref->at <= DATA_USERS_WINDOW;
            if (ref->at != variables[k] && !near)
                continue;
            assert_true(is_user(&users, ref->entry, k, &exact));
            assert_true(exact || near);
            found++;
        }
    }
    assert_true(found >= users.length);
    VECTOR_DEINIT(&users);
    VECTOR_DEINIT(&all.refs);
}

static uint32_t random_below(uint32_t limit)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % limit;
}

/* Loads the word at an address, or takes the address: mov rax, [rip + …]; lea rax, [rip + …]. */
static void write_amd64(uint8_t *code, address pc, address at, bool takes)
{
    int32_t distance = (int32_t)(int64_t)(at - (pc + 7));
    memcpy(code, takes ? "\x48\x8d\x05" : "\x48\x8b\x05", 3);
    memcpy(code + 3, &distance, 4);
    code[7] = 0xc3;
}

/* adrp x0, …; add x0, x0, …, or ldr x0, [x0, …]. */
static void write_arm64(uint8_t *code, address pc, address at, bool takes)
{
    uint64_t pages = (at >> 12) - (pc >> 12);
    uint32_t low = (uint32_t)(at & 0xfff);
    uint32_t words[2] = {0x90000000 | (uint32_t)(pages & 3) << 29 |
                             (uint32_t)(pages >> 2 & 0x7ffff) << 5,
                         takes ? 0x91000000 | low << 10 : 0xf9400000 | low / 8 << 10};
    memcpy(code, words, sizeof(words));
}

/* Each function names one word. */
static void write_code(struct target *target, const struct program *program, uint8_t *file,
                       size_t size)
{
    const struct moduledata *module = &program->module;
    uint32_t words = (uint32_t)((module->noptrbss_end - module->noptrdata) / 8);
    struct func func;
    for (uint64_t i = 0; i < program->pclntab.function_count; i++) {
        size_t left = 0;
        if (!pclntab_func_at(&program->pclntab, i, &func) || func.end - func.entry < 8)
            continue;
        const uint8_t *code = target_view(target, func.entry, false, &left);
        assert_true(code >= file && code + 8 <= file + size);
        address at =
            ((module->noptrdata + 7) & ~UINT64_C(7)) + random_below(words - 1) * UINT64_C(8);
        bool takes = random_below(2);
        if (program->arch == ARCH_AMD64)
            write_amd64(file + (code - file), func.entry, at, takes);
        else
            write_arm64(file + (code - file), func.entry, at, takes);
    }
}

static void check_program(const char *name)
{
    static const char *const none[] = {NULL};
    char path[512];
    struct target *target = NULL;
    struct program *program = NULL;
    snprintf(path, sizeof(path), "%s/%s.packed", TEST_DATA, name);
    struct unpacked file = packed_read(path);
    assert_null(target_open_executable_bytes(file.bytes, file.size, name, &target));
    assert_null(program_open(target, none, &program));
    write_code(target, program, file.bytes, file.size);
    compare(target, program);
    program_close(program);
    target_close(target);
    free(file.bytes);
}

static void test_amd64(void **state)
{
    (void)state;
    check_program("shop-amd64");
}

static void test_arm64(void **state)
{
    (void)state;
    check_program("shop-arm64");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amd64),
        cmocka_unit_test(test_arm64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
