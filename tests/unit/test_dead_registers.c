/* Which scratch registers the code ahead still uses: hand-assembled functions, and random bytes. That a program really misses none of those called dead is shown in
 * tests/cli/test_registers.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "code/dead_registers.h"
#include "memorytarget.h"
#include "reportworld.h"

enum {
    R12 = 1 << 10,
    R13 = 1 << 11,
    R15 = 1 << 13,
    X0 = 1 << 16,
    X1 = 1 << 17,
    ALL = R12 | R13 | R15,
    FUNCTIONS = 6,
    CODE = FUNCTIONS * WORLD_FUNC_SIZE,
};

/* In the code of a case: a call of (jump to, branch if zero to) the function with the number behind it; 0xf3 stands in no case otherwise. */
#define CALL   "\xf3\xe8"
#define JUMP   "\xf3\xe9"
#define BRANCH "\xf3\x84"

/* Numbers of functions. */
#define WORK      "\x00"
#define OTHER     "\x01"
#define BARRIER   "\x02"
#define MORESTACK "\x03"
#define DUFFZERO  "\x04"
#define NOWHERE   "\x63"

#define READ_R12        "\x4c\x89\xe0"     /* mov rax, r12 */
#define READ_R13_BASE   "\x49\x8b\x45\x08" /* mov rax, [r13 + 8] */
#define READ_R15_INDEX  "\x4a\x8d\x04\x39" /* lea rax, [rcx + r15] */
#define STORE_R12       "\x4c\x89\x20"     /* mov [rax], r12 */
#define WRITE_R12       "\x49\x89\xc4"     /* mov r12, rax */
#define WRITE_R12_HALF  "\x41\x89\xc4"     /* mov r12d, eax */
#define WRITE_R12_BYTE  "\x41\x88\xc4"     /* mov r12b, al */
#define WRITE_BY_ITSELF "\x4d\x8b\x24\x24" /* mov r12, [r12] */
#define CLEAR_R13       "\x45\x31\xed"     /* xor r13d, r13d */
#define MIX_R13         "\x4d\x31\xe5"     /* xor r13, r12 */
#define CHOOSE_R12      "\x4c\x0f\x44\xe0" /* cmove r12, rax */
#define SWAP_R15        "\x49\x87\xc7"     /* xchg r15, rax */
#define CALL_R12        "\x41\xff\xd4"
#define CALL_RAX        "\xff\xd0"
#define JUMP_RAX        "\xff\xe0"
#define READ_X0         "\x0f\x11\x00"     /* movups [rax], xmm0 */
#define READ_X1_HIGH    "\xc5\xfe\x7f\x08" /* vmovdqu [rax], ymm1 */
#define WRITE_X0        "\x0f\x10\x00"     /* movups xmm0, [rax] */
#define WRITE_X0_WORD   "\xf2\x0f\x10\x00" /* movsd xmm0, [rax] */
#define PART_OF_X0      "\xf2\x0f\x10\xc1" /* movsd xmm0, xmm1 */
#define CLEAR_X0        "\x0f\x57\xc0"     /* xorps xmm0, xmm0 */
#define X0_FROM_X1      "\x0f\x28\xc1"     /* movaps xmm0, xmm1 */
#define RETURN          "\xc3"
#define TRAP            "\x0f\x0b"
#define NONE            "\x90"
#define BAD             "\x06"

static const struct {
    const char *what, *code;
    size_t length;
    uint32_t dead;
} cases[] = {
#define CASE(what, code, dead)             \
    {                                      \
        what, code, sizeof(code) - 1, dead \
    }
    CASE("a return", RETURN, ALL),
    CASE("a trap", TRAP, ALL),
    CASE("a register that is read", READ_R12 RETURN, R13 | R15),
    CASE("one that an address is made of", READ_R13_BASE RETURN, R12 | R15),
    CASE("an index", READ_R15_INDEX RETURN, R12 | R13),
    CASE("one that is stored", STORE_R12 RETURN, R13 | R15),
    CASE("one that is overwritten first", WRITE_R12 READ_R12 RETURN, ALL),
    CASE("its lower half clears the upper one", WRITE_R12_HALF READ_R12 RETURN, ALL),
    CASE("a byte leaves the rest", WRITE_R12_BYTE RETURN, R13 | R15),
    CASE("overwritten with what it leads to", WRITE_BY_ITSELF RETURN, R13 | R15),
    CASE("cleared", CLEAR_R13 READ_R13_BASE RETURN, ALL),
    CASE("an xor with another one", MIX_R13 RETURN, R15),
    CASE("perhaps overwritten", CHOOSE_R12 RETURN, R13 | R15),
    CASE("exchanged", SWAP_R15 RETURN, R12 | R13),
    CASE("an ordinary call", CALL OTHER READ_R12 RETURN, ALL),
    CASE("a closure that is called", CALL_RAX READ_R12 RETURN, ALL),
    CASE("one whose code is in the register", CALL_R12 RETURN, R13 | R15),
    CASE("the stack grows", CALL MORESTACK READ_R12 RETURN, ALL),
    CASE("a write barrier keeps them", CALL BARRIER READ_R12 RETURN, R13 | R15),
    CASE("clearing by Duff's device, too", CALL DUFFZERO READ_R13_BASE RETURN, R12 | R15),
    CASE("a call to nowhere", CALL NOWHERE STORE_R12 RETURN, R13 | R15),
    CASE("a tail call", JUMP OTHER, ALL),
    CASE("a jump to nowhere", JUMP NOWHERE, 0),
    CASE("a jump to what a register says", JUMP_RAX, 0),
    CASE("either way", BRANCH OTHER READ_R12 RETURN, 0),
    CASE("a loop", NONE WRITE_R12 JUMP WORK, ALL),
    CASE("a loop that reads", NONE READ_R15_INDEX JUMP WORK, R12 | R13),
    CASE("no instruction", BAD, 0),
    CASE("no instruction behind one that reads", READ_R12 BAD, 0),
    CASE("no instruction behind one that overwrites", WRITE_R12 BAD, R12),
};

/* Of the vector registers X0 and X1. */
static const struct {
    const char *what, *code;
    size_t length;
    uint32_t dead;
} vector_cases[] = {
    CASE("a return", RETURN, X0 | X1),
    CASE("one that is stored", READ_X0 RETURN, X1),
    CASE("the upper half as well", READ_X1_HIGH RETURN, X0),
    CASE("one that is loaded first", WRITE_X0 READ_X0 RETURN, X0 | X1),
    CASE("a word that is loaded clears the rest", WRITE_X0_WORD READ_X0 RETURN, X0 | X1),
    CASE("a word from another one leaves the rest", PART_OF_X0 RETURN, 0),
    CASE("cleared", CLEAR_X0 READ_X0 RETURN, X0 | X1),
    CASE("copied", X0_FROM_X1 RETURN, X0),
    CASE("an ordinary call", CALL OTHER READ_X0 RETURN, X0 | X1),
    CASE("a write barrier keeps them", CALL BARRIER READ_X0 RETURN, X1),
    CASE("a jump to nowhere", JUMP NOWHERE, 0),
    CASE("no instruction", BAD, 0),
};

struct bench {
    struct world world;
    uint8_t code[CODE];
    struct target *target;
    struct decoder *decoder;
};

static void bench_init(struct bench *bench, enum architecture arch)
{
    static const char *const names[] = {
        "main.work",        "main.other", "runtime.gcWriteBarrier2", "runtime.morestack_noctxt",
        "runtime.duffzero", "main.last"};
    world_init(&bench->world);
    for (size_t i = 0; i < LENGTH_OF(names); i++)
        world_func(&bench->world, names[i], "/src/a.go", 1, false, NULL);
    world_link(&bench->world);
    bench->world.program.arch = arch;
    memset(bench->code, 0xc3, CODE);
    bench->target = memory_target_create(WORLD_TEXT, bench->code, CODE);
    assert_null(decoder_create(arch, &bench->decoder));
}

static void bench_deinit(struct bench *bench)
{
    decoder_destroy(bench->decoder);
    target_close(bench->target);
    world_deinit(&bench->world);
}

/* Puts in the distances of calls and jumps. */
static void assemble(uint8_t *out, const char *code, size_t length)
{
    size_t at = 0;
    for (size_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)code[i];
        if (byte != 0xf3) {
            out[at++] = byte;
            continue;
        }
        if ((uint8_t)code[++i] == 0x84)
            out[at++] = 0x0f;
        out[at++] = (uint8_t)code[i];
        int32_t distance = (uint8_t)code[++i] * WORLD_FUNC_SIZE - (int32_t)(at + 4);
        memcpy(out + at, &distance, 4);
        at += 4;
    }
}

static uint32_t dead_at(struct bench *bench, address pc)
{
    struct func func;
    target_forget(bench->target);
    assert_true(pclntab_func(&bench->world.program.pclntab, pc, &func));
    return dead_registers(bench->target, &bench->world.program, bench->decoder, &func, pc);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct bench bench;
        bench_init(&bench, ARCH_AMD64);
        assemble(bench.code, cases[i].code, cases[i].length);
        uint32_t dead = dead_at(&bench, WORLD_TEXT) & ALL;
        if (dead != cases[i].dead)
            print_error("%s: %x\n", cases[i].what, dead);
        assert_int_equal(dead, cases[i].dead);
        bench_deinit(&bench);
    }
}

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH_OF(vector_cases); i++) {
        struct bench bench;
        bench_init(&bench, ARCH_AMD64);
        assemble(bench.code, vector_cases[i].code, vector_cases[i].length);
        uint32_t dead = dead_at(&bench, WORLD_TEXT) & (X0 | X1);
        if (dead != vector_cases[i].dead)
            print_error("%s: %x\n", vector_cases[i].what, dead);
        assert_int_equal(dead, vector_cases[i].dead);
        bench_deinit(&bench);
    }
}

/* From the middle on, what was before does not count. */
static void test_from_the_middle(void **state)
{
    (void)state;
    static const char code[] = READ_R12 WRITE_R12 READ_R12 RETURN;
    struct bench bench;
    bench_init(&bench, ARCH_AMD64);
    assemble(bench.code, code, sizeof(code) - 1);
    assert_int_equal(dead_at(&bench, WORLD_TEXT) & ALL, R13 | R15);
    assert_int_equal(dead_at(&bench, WORLD_TEXT + 3) & ALL, ALL);
    assert_int_equal(dead_at(&bench, WORLD_TEXT + 6) & ALL, R13 | R15);
    bench_deinit(&bench);
}

static void test_arm64_is_not_judged(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, ARCH_ARM64);
    assert_int_equal(dead_at(&bench, WORLD_TEXT), 0);
    bench_deinit(&bench);
}

static void test_random_bytes(void **state)
{
    (void)state;
    struct bench bench;
    bench_init(&bench, ARCH_AMD64);
    srand(1);
    for (unsigned round = 0; round < 3000; round++) {
        for (size_t i = 0; i < CODE; i++)
            bench.code[i] = (uint8_t)rand();
        for (unsigned i = 0; i < 8; i++)
            assert_int_equal(dead_at(&bench, WORLD_TEXT + (address)(rand() % CODE)) & ~ALL & 0xffff,
                             0);
    }
    bench_deinit(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),           cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_from_the_middle), cmocka_unit_test(test_arm64_is_not_judged),
        cmocka_unit_test(test_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
