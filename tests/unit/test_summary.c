/* Summaries of hand-assembled functions: calls and selects, stores and what is asked of them,
 * comparisons with the branch that they decide, and what leaves the frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "code/summary.h"
#include "memorytarget.h"

enum {
    ENTRY = 0x400000
};

/* Callees stand at fixed distances from the entry. */
enum {
    F = 0x8000,
    MAKE = 0x8100,
    KEEP = 0x8300,
    COPY = 0x8600,
    SELECT = 0x8700,
    SEND = 0x8800
};

/* A function with its summary. */
struct sample {
    uint8_t bytes[2048];
    struct program program;
    struct summary_context context;
    struct summary *summary;
};

static size_t from_hex(const char *hex, uint8_t *bytes, size_t room)
{
    size_t length = strlen(hex) / 2;
    assert_true(length <= room);
    for (size_t i = 0; i < length; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return length;
}

static void sample_open(struct sample *sample, enum architecture arch, const char *hex)
{
    *sample = (struct sample){.program = {.arch = arch}};
    size_t size = from_hex(hex, sample->bytes, sizeof(sample->bytes));
    struct func func = {.entry = ENTRY, .end = ENTRY + size};
    struct summary_context *context = &sample->context;
    context->target = memory_target_create(ENTRY, sample->bytes, size);
    context->program = &sample->program;
    assert_null(decoder_create(arch, &context->decoder));
    u64map_set(&context->keeps, ENTRY + KEEP, KEEPER_PLAIN);
    u64map_set(&context->keeps, ENTRY + COPY, KEEPER_COPY);
    u64map_set(&context->selects, ENTRY + SELECT, 0);
    u64map_set(&context->channels, ENTRY + SEND, 0);
    u64map_set(&context->makes, ENTRY + MAKE, 0);
    assert_null(summary_create(context, &func, &sample->summary));
}

static void sample_close(struct sample *sample)
{
    summary_destroy(sample->summary);
    decoder_destroy(sample->context.decoder);
    target_close(sample->context.target);
    summary_context_deinit(&sample->context);
}

/* The node of the instruction at an offset. */
static uint32_t node_at(const struct sample *sample, uint32_t offset)
{
    assert_true(sample->summary->traced.node_at[offset] > 0);
    return sample->summary->traced.node_at[offset] - 1;
}

static const struct summary_call *call_at(const struct sample *sample, uint32_t offset)
{
    for (size_t i = 0; i < sample->summary->calls.length; i++) {
        if (sample->summary->calls.at[i].made.node == node_at(sample, offset))
            return &sample->summary->calls.at[i];
    }
    fail_msg("no call at %x", offset);
    return NULL;
}

static struct value result_of(const struct sample *sample, uint32_t offset, int64_t reg)
{
    return (struct value){VALUE_RESULT, node_at(sample, offset), reg};
}

static void assert_value(const struct value *value, enum value_kind kind, uint32_t node,
                         int64_t number)
{
    struct value wanted = {kind, node, number};
    if (!value_same(value, &wanted))
        fail_msg("a value of kind %d, node %u, number %lld", value->kind, value->node,
                 (long long)value->number);
}

/* ---- calls ---- */

static void calls_have_their_arguments(void **state)
{
    (void)state;
    struct sample sample;
    sample_open(&sample, ARCH_AMD64,
                /* mov eax, 5; a: call F; mov rbx, rax; k: call KEEP; b: call rdx; ret */
                "b805000000e8f67f00004889c3e8ee820000ffd2c3");
    assert_int_equal(sample.summary->calls.length, 3);
    const struct summary_call *first = call_at(&sample, 0x5);
    assert_int_equal(first->made.callee, ENTRY + F);
    assert_int_equal(first->made.return_pc, ENTRY + 0x5 + 5);
    assert_value(&first->arguments[0], VALUE_NUMBER, 0, 5);
    for (uint32_t i = 1; i < 9; i++)
        assert_value(&first->arguments[i], VALUE_ENTRY, i, 0);
    for (uint32_t i = 9; i < SUMMARY_ARGUMENTS; i++)
        assert_value(&first->arguments[i], VALUE_UNKNOWN, 0, 0);
    assert_value(&first->context, VALUE_ENTRY, 9, 0);
    assert_value(&call_at(&sample, 0xd)->arguments[0], VALUE_UNKNOWN, 0, 0);
    const struct summary_call *last = call_at(&sample, 0x12);
    assert_int_equal(last->made.callee, 0);
    assert_value(&last->arguments[1], VALUE_RESULT, node_at(&sample, 0x5), 0);
    sample_close(&sample);
    sample_open(&sample, ARCH_ARM64, /* mov x15, x0; a: bl F; ret */ "ef0300aaff1f0094c0035fd6");
    for (uint32_t i = 0; i < 16; i++)
        assert_value(&call_at(&sample, 0x4)->arguments[i], VALUE_ENTRY, i < 15 ? i : 0, 0);
    assert_value(&call_at(&sample, 0x4)->context, VALUE_ENTRY, 26, 0);
    sample_close(&sample);
}

static void selects_have_their_cases(void **state)
{
    (void)state;
    struct sample sample;
    sample_open(
        &sample, ARCH_AMD64,
        /* sub rsp, 64; m: call MAKE; mov [rsp+16], rax; mov [rsp+32], rbx; lea rax, [rsp+16]; xor ebx, ebx; xor ecx, ecx; mov edi, 1; mov esi, 2; s: call SELECT; ret */
        "4883ec40e8f7800000488944241048895c2420488d44241031db31c9bf01000000be02000000e8d5860000c3");
    const struct summary_call *select = call_at(&sample, 0x26);
    const struct summary *summary = sample.summary;
    assert_int_equal(select->case_count, 3);
    assert_int_equal(select->send_count, 1);
    assert_int_equal(select->cases_at, -48);
    assert_int_equal(summary->cases.length, select->first_case + 3);
    const struct value *cases = &summary->cases.at[select->first_case];
    assert_value(&cases[0], VALUE_RESULT, node_at(&sample, 0x4), 0);
    assert_value(&cases[1], VALUE_RESULT, node_at(&sample, 0x4), 1);
    assert_value(&cases[2], VALUE_UNKNOWN, 0, 0);
    sample_close(&sample);
}

static void counts_of_cases_that_make_no_sense_are_none(void **state)
{
    (void)state;
    static const char *const hex[] = {
        /* lea rax, [rsp-64]; mov rdi, -1; mov esi, 2; call SELECT; ret */
        "488d4424c048c7c7ffffffffbe02000000e8ea860000c3",
        /* lea rax, [rsp-64]; mov edi, 2; mov rsi, -1; call SELECT; ret */
        "488d4424c0bf0200000048c7c6ffffffffe8ea860000c3",
        /* lea rax, [rsp-64]; mov edi, 1; mov esi, 0x10000; call SELECT; ret */
        "488d4424c0bf01000000be00000100e8ec860000c3",
        /* lea rax, [rsp-64]; mov edi, 1; call SELECT; ret */ "488d4424c0bf01000000e8f1860000c3",
        /* mov edi, 1; mov esi, 1; call SELECT; ret */ "bf01000000be01000000e8f1860000c3",
        /* lea rax, [rsp-64]; mov edi, 1; mov esi, 1; call F; ret */
        "488d4424c0bf01000000be01000000e8ec7f0000c3",
    };
    for (size_t i = 0; i < LENGTH_OF(hex); i++) {
        struct sample sample;
        sample_open(&sample, ARCH_AMD64, hex[i]);
        assert_int_equal(sample.summary->calls.length, 1);
        assert_int_equal(sample.summary->calls.at[0].case_count, 0);
        assert_int_equal(sample.summary->cases.length, 0);
        sample_close(&sample);
    }
}

static void returns_have_their_results(void **state)
{
    (void)state;
    struct sample sample;
    sample_open(&sample, ARCH_AMD64,
                /* test rdi, rdi; je b; mov eax, 7; a: ret; b: call F; c: ret */
                "4885ff7406b807000000c3e8f07f0000c3");
    const struct summary *summary = sample.summary;
    assert_int_equal(summary->returns.length, 2);
    unsigned first = summary->returns.at[0].node == node_at(&sample, 0xa) ? 0 : 1;
    assert_value(&summary->returns.at[first].results[0], VALUE_NUMBER, 0, 7);
    assert_value(&summary->returns.at[first].results[9], VALUE_UNKNOWN, 0, 0);
    assert_value(&summary->returns.at[1 - first].results[8], VALUE_RESULT, node_at(&sample, 0xb),
                 8);
    sample_close(&sample);
}

/* ---- stores ---- */

static void fields_are_what_was_stored_there(void **state)
{
    (void)state;
    struct sample sample;
    sample_open(
        &sample, ARCH_AMD64,
        /* push rdi; m: call MAKE; mov rdi, [rsp]; mov [rax], rdi; mov [rax+8], rdi; mov [rax+8], rdi; mov [rax+16], rdi; mov qword ptr [rax+16], 0; add rcx, rcx; mov [rax+24], rcx; mov [rax+32], rax; pop rcx; ret */
        "57e8fa800000488b3c2448893848897808488978084889781048c74010000000004801c9488948184889402059"
        "c3");
    const struct summary *summary = sample.summary;
    struct value object = result_of(&sample, 0x1, 0), other = result_of(&sample, 0x1, 1);
    struct value field = summary_field(summary, &object, 0);
    assert_value(&field, VALUE_ENTRY, 3, 0);
    field = summary_field(summary, &object, 8); /* twice the same */
    assert_value(&field, VALUE_ENTRY, 3, 0);
    field = summary_field(summary, &object, 16); /* two that differ */
    assert_value(&field, VALUE_UNKNOWN, 0, 0);
    field = summary_field(summary, &object, 24); /* not known */
    assert_value(&field, VALUE_UNKNOWN, 0, 0);
    field = summary_field(summary, &object, 40); /* none */
    assert_value(&field, VALUE_UNKNOWN, 0, 0);
    field = summary_field(summary, &other, 0); /* no object */
    assert_value(&field, VALUE_UNKNOWN, 0, 0);
    sample_close(&sample);
}

static void words_of_objects_are_resolved(void **state)
{
    (void)state;
    struct sample sample;
    sample_open(
        &sample, ARCH_AMD64,
        /* sub rsp, 8; m: call MAKE; mov [rsp], rax; n: call MAKE; mov rcx, [rsp]; mov [rax+8], rcx; mov [rcx+16], rdi; mov rbx, [rax+8]; c: call F; ret */
        "4883ec08e8f780000048890424e8ee800000488b0c244889480848897910488b5808e8d97f0000c3");
    struct value word = {VALUE_RESULT_FIELD, node_at(&sample, 0xd), 8};
    struct value resolved = summary_resolve(sample.summary, &word);
    assert_value(&resolved, VALUE_RESULT, node_at(&sample, 0x4), 0);
    assert_value(&call_at(&sample, 0x22)->arguments[1], VALUE_RESULT_FIELD, node_at(&sample, 0xd),
                 8);
    word.number = 24;
    resolved = summary_resolve(sample.summary, &word);
    assert_true(value_same(&resolved, &word));
    word = (struct value){VALUE_ENTRY, 1, 0};
    resolved = summary_resolve(sample.summary, &word);
    assert_true(value_same(&resolved, &word));
    sample_close(&sample);
    /* A word that holds itself: there is an end. */
    sample_open(&sample, ARCH_AMD64,
                /* m: call MAKE; mov rbx, [rax]; mov [rax], rbx; ret */ "e8fb800000488b18488918c3");
    word = (struct value){VALUE_RESULT_FIELD, node_at(&sample, 0x0), 0};
    resolved = summary_resolve(sample.summary, &word);
    assert_true(value_same(&resolved, &word));
    sample_close(&sample);
}

/* ---- uses ---- */

static void check_uses(const char *hex, uint32_t call, bool uses, bool keeps)
{
    struct sample sample;
    sample_open(&sample, ARCH_AMD64, hex);
    struct value result = result_of(&sample, call, 0);
    if (summary_uses(sample.summary, &result) != uses ||
        summary_keeps(sample.summary, &result) != keeps)
        fail_msg("%s: uses %d, keeps %d", hex, summary_uses(sample.summary, &result),
                 summary_keeps(sample.summary, &result));
    sample_close(&sample);
}

static void uses_of_results_are_seen(void **state)
{
    (void)state;
    check_uses(/* f: call F; xor eax, eax; ret */ "e8fb7f000031c0c3", 0x0, false, false);
    check_uses(/* f: call F; ret */ "e8fb7f0000c3", 0x0, true, false); /* returned */
    check_uses(/* f: call F; mov rbx, rax; g: call F; xor eax, eax; ret */
               "e8fb7f00004889c3e8f37f000031c0c3", 0x0, true, false); /* passed on */
    check_uses(/* f: call F; mov rcx, [rsp+8]; mov [rcx], rax; xor eax, eax; ret */
               "e8fb7f0000488b4c240848890131c0c3", 0x0, true, false); /* stored */
    check_uses(
        /* f: call F; mov rdx, rax; xor eax, eax; call rbx; ret */ "e8fb7f00004889c231c0ffd3c3",
        0x0, true, false); /* called */
    check_uses(            /* f: call F; mov [rsp-8], rax; xor eax, eax; call F; ret */
               "e8fb7f000048894424f831c0e8ef7f0000c3", 0x0, true, true); /* in a slot */
    check_uses(/* f: call F; cmp qword ptr [rsp+8], 0; jne c; xor eax, eax; c: xor eax, eax; ret */
               "e8fb7f000048837c240800750231c031c0c3", 0x0, true, true); /* where ways meet */
    /* stored into the frame, never seen at a call */
    check_uses(/* f: call F; mov [rsp-8], rax; xor eax, eax; ret */ "e8fb7f000048894424f831c0c3",
               0x0, false, false);
}

static void slots_that_are_never_read_pass_arguments(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool passes;
    } samples[] = {
        {/* sub rsp, 8; call MAKE; mov [rsp], rax; call F; ret */
         "4883ec08e8f780000048890424e8ee7f0000c3", true},
        {/* sub rsp, 8; call MAKE; mov [rsp], rax; call F; mov rax, [rsp]; ret */
         "4883ec08e8f780000048890424e8ee7f0000488b0424c3", false},
        {/* sub rsp, 8; call MAKE; mov [rsp], rbx; call F; ret */
         "4883ec08e8f780000048891c24e8ee7f0000c3", false},
        {/* sub rsp, 64; call MAKE; mov [rsp+16], rax; lea rax, [rsp+16]; xor edi, edi; mov esi, 2; call SELECT; ret */
         "4883ec40e8f78000004889442410488d44241031ffbe02000000e8e1860000c3", false},
        {/* sub rsp, 64; call MAKE; mov [rsp+48], rax; lea rax, [rsp+16]; xor edi, edi; mov esi, 2; call SELECT; ret */
         "4883ec40e8f78000004889442430488d44241031ffbe02000000e8e1860000c3", true},
    };
    for (size_t i = 0; i < LENGTH_OF(samples); i++) {
        struct sample sample;
        sample_open(&sample, ARCH_AMD64, samples[i].hex);
        struct value made = result_of(&sample, 4, 0);
        assert_int_equal(summary_gives_by_stack(sample.summary, &made), samples[i].passes);
        sample_close(&sample);
    }
}

static void check_exposed(enum architecture arch, const char *hex, unsigned expected)
{
    struct sample sample;
    sample_open(&sample, arch, hex);
    unsigned mask = 0; /* of the arguments at entry that are exposed */
    for (size_t i = 0; i < sample.summary->exposed.length; i++) {
        const struct value *value = &sample.summary->exposed.at[i];
        assert_int_equal(value->kind, VALUE_ENTRY);
        mask |= 1u << value->node;
    }
    for (size_t i = 0; i < sample.summary->held.length; i++) {
        const struct value_slot *slot = &sample.summary->held.at[i];
        if (slot->value.kind == VALUE_ENTRY && summary_is_given(sample.summary, slot))
            mask |= 1u << slot->value.node;
    }
    if (mask != expected)
        fail_msg("%s: %x is exposed", hex, mask);
    sample_close(&sample);
}

static void slots_whose_address_is_given_away_are_exposed(void **state)
{
    (void)state;
    /* a window of 64 bytes */
    check_exposed(
        ARCH_AMD64,
        /* sub rsp, 128; mov [rsp+8], rbx; mov [rsp+16], rcx; mov [rsp+72], rdi; mov [rsp+80], rsi; lea rax, [rsp+16]; call F; ret */
        "4881ec8000000048895c240848894c241048897c24484889742450488d442410e8db7f0000c3",
        1 << 2 | 1 << 3 | 1 << 4);
    /* one element */
    check_exposed(
        ARCH_AMD64,
        /* sub rsp, 128; mov [rsp+8], rbx; mov [rsp+16], rcx; mov [rsp+24], rdi; lea rbx, [rsp+16]; call SEND; ret */
        "4881ec8000000048895c240848894c241048897c2418488d5c2410e8e0870000c3", 1 << 2);
    /* copied by vectors, and by runtime.duffcopy */
    check_exposed(
        ARCH_AMD64,
        /* sub rsp, 128; mov [rsp+8], rbx; mov [rsp+16], rcx; mov [rsp+24], rdi; mov [rsp+32], rsi; movups xmm0, [rsp+16]; ret */
        "4881ec8000000048895c240848894c241048897c241848897424200f10442410c3", 1 << 2 | 1 << 3);
    check_exposed(
        ARCH_AMD64,
        /* sub rsp, 128; mov [rsp+8], rbx; mov [rsp+16], rcx; mov [rsp+24], rdi; lea rsi, [rsp+16]; call COPY; ret */
        "4881ec8000000048895c240848894c241048897c2418488d742410e8e0850000c3", 1 << 2 | 1 << 3);
    check_exposed(
        ARCH_ARM64,
        /* sub sp, sp, #128; str x1, [sp, #8]; stp x2, x3, [sp, #16]; add x20, sp, #16; bl COPY; ret */
        "ff0302d1e10700f9e20f01a9f44300917c210094c0035fd6", 1 << 2 | 1 << 3);
    check_exposed(
        ARCH_ARM64,
        /* sub sp, sp, #128; str x1, [sp, #8]; stp x2, x3, [sp, #16]; ldr q0, [sp, #16]; ret */
        "ff0302d1e10700f9e20f01a9e007c03dc0035fd6", 1 << 2 | 1 << 3);
}

static void more_slots_than_are_kept_are_told(void **state)
{
    (void)state;
    for (unsigned count = VALUE_SLOTS_MAX; count <= VALUE_SLOTS_MAX + 1; count++) {
        char hex[2 * 2048] = "";
        struct sample sample;
        for (unsigned i = 0; i < count; i++) /* mov [rsp+8*i], rax */
            sprintf(hex + strlen(hex), "48898424%02x%02x0000", 8 * i % 256, 8 * i / 256);
        strcat(hex, "e800000000c3");
        sample_open(&sample, ARCH_AMD64, hex);
        assert_int_equal(sample.summary->incomplete, count > VALUE_SLOTS_MAX);
        sample_close(&sample);
    }
}

static void constants_are_noted(void **state)
{
    (void)state;
    struct sample sample;
    uint32_t value;
    sample_open(
        &sample, ARCH_AMD64,
        /* mov eax, 5; lea rbx, [rip+F]; add rax, 2; ret */ "b805000000488d1df47f00004883c002c3");
    assert_true(u64map_get(&sample.summary->numbers, 5, &value));
    assert_true(u64map_get(&sample.summary->numbers, 7, &value));
    assert_true(u64map_get(&sample.summary->numbers, ENTRY + F, &value));
    assert_int_equal(sample.summary->numbers.length, 3);
    sample_close(&sample);
}

/* ---- comparisons ---- */

struct comparison {
    enum architecture arch;
    const char *hex;
    uint32_t branch; /* offset */
    unsigned argument;
    int64_t right;
    enum condition condition;
};

static void comparisons_have_their_branch(void **state)
{
    (void)state;
    static const struct comparison samples[] = {
        {ARCH_AMD64, /* cmp rax, 5; b: jl c; nop; c: ret */ "4883f8057c0190c3", 0x4, 0, 5,
         CONDITION_LESS},
        {ARCH_AMD64, /* cmp rbx, -1; mov rcx, rdi; lea rsi, [rsp]; b: ja c; nop; c: ret */
         "4883fbff4889f9488d3424770190c3", 0xb, 1, -1, CONDITION_ABOVE},
        {ARCH_AMD64, /* test rcx, rcx; b: jne c; nop; c: ret */ "4885c9750190c3", 0x3, 2, 0,
         CONDITION_NOT_EQUAL},
        {ARCH_AMD64, /* b0: cmp rax, 1; b: je b0; ret */ "4883f80174fac3", 0x4, 0, 1,
         CONDITION_EQUAL},
        {ARCH_ARM64, /* cmp x3, #5; b: b.le c; nop; c: ret */ "7f1400f14d0000541f2003d5c0035fd6",
         0x4, 3, 5, CONDITION_LESS_EQUAL},
        {ARCH_ARM64, /* b: cbnz x1, c; nop; c: ret */ "410000b51f2003d5c0035fd6", 0x0, 1, 0,
         CONDITION_NOT_EQUAL},
        {ARCH_ARM64, /* b: tbz w1, #0, c; nop; c: ret */ "410000361f2003d5c0035fd6", 0x0, 1, 0,
         CONDITION_EQUAL},
    };
    for (size_t i = 0; i < LENGTH_OF(samples); i++) {
        struct sample sample;
        sample_open(&sample, samples[i].arch, samples[i].hex);
        assert_int_equal(sample.summary->compares.length, 1);
        const struct summary_compare *compare = &sample.summary->compares.at[0];
        assert_int_equal(compare->branch, node_at(&sample, samples[i].branch));
        assert_value(&compare->left, VALUE_ENTRY, samples[i].argument, 0);
        assert_int_equal(compare->right, samples[i].right);
        assert_int_equal(compare->condition, samples[i].condition);
        sample_close(&sample);
    }
}

struct code_sample {
    enum architecture arch;
    const char *hex;
};

static void check_none(const struct code_sample *samples, size_t count)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < count; i++) {
        struct sample sample;
        sample_open(&sample, samples[i].arch, samples[i].hex);
        if (sample.summary->compares.length || sample.summary->counts.length) {
            wrong++;
            print_error("%s: a comparison that decides no branch\n", samples[i].hex);
        }
        sample_close(&sample);
    }
    assert_int_equal(wrong, 0);
}

static void comparisons_without_a_branch_are_none(void **state)
{
    (void)state;
    static const struct code_sample samples[] = {
        {ARCH_AMD64, /* cmp rax, 5; ret */ "4883f805c3"},
        {ARCH_AMD64, /* cmp rax, 5; nop; nop; nop; nop; nop; nop; nop; jl c; nop; c: ret */
         "4883f805909090909090907c0190c3"},
        {ARCH_AMD64, /* cmp rax, 5; jp c; nop; c: ret */ "4883f8057a0190c3"},
        {ARCH_AMD64, /* cmp rax, rbx; jl c; nop; c: ret */ "4839d87c0190c3"},
        {ARCH_AMD64, /* add rax, rax; cmp rax, 5; jl c; nop; c: ret */ "4801c04883f8057c0190c3"},
        {ARCH_ARM64, /* tbz x1, #3, c; nop; c: ret */ "410018361f2003d5c0035fd6"},
        {ARCH_ARM64, /* tbz x1, #32, c; nop; c: ret */ "410000b61f2003d5c0035fd6"},
    };
    check_none(samples, LENGTH_OF(samples));
}

/* The flags that a branch asks for may be of a later instruction: `a == 1` as a value, or a choice, then
 * another comparison. */
static void the_last_flags_decide(void **state)
{
    (void)state;
    static const struct code_sample samples[] = {
        {ARCH_AMD64,
         /* cmp rax, 1; sete cl; cmp rdx, rbx; jl c; nop; c: ret */ "4883f8010f94c14839da7c0190c3"},
        {ARCH_AMD64, /* cmp rax, 5; mov edi, 5; cmovl rdi, rax; cmp rsi, rdi; jb c; nop; c: ret */
         "4883f805bf05000000480f4cf84839fe720190c3"},
        {ARCH_AMD64, /* cmp rax, 1; sete cl; sub rbx, rsi; jne c; nop; c: ret */ "4883f8010f94c1482"
                                                                                 "9f3750190c3"},
        {ARCH_ARM64, /* cmp x0, #1; cset x4, eq; cmp x2, x3; b.lt c; nop; c: ret */
         "1f0400f1e4179f9a5f0003eb4b0000541f2003d5c0035fd6"},
        {ARCH_ARM64, /* cmp x0, #1; cset x4, eq; tst x2, #6; b.eq c; nop; c: ret */
         "1f0400f1e4179f9a5f047ff2400000541f2003d5c0035fd6"},
    };
    check_none(samples, LENGTH_OF(samples));
}

static void only_the_last_of_two_comparisons_decides(void **state)
{
    (void)state;
    struct sample sample;
    sample_open(&sample, ARCH_AMD64, /* cmp rax, 1; sete cl; cmp rbx, 7; b: jl c; nop; c: ret */
                "4883f8010f94c14883fb077c0190c3");
    assert_int_equal(sample.summary->compares.length, 1);
    assert_value(&sample.summary->compares.at[0].left, VALUE_ENTRY, 1, 0);
    sample_close(&sample);
}

static void counters_have_their_limit(void **state)
{
    (void)state;
    static const struct {
        enum architecture arch;
        const char *hex;
        uint32_t branch;
        int64_t limit;
    } samples[] = {
        {ARCH_AMD64, /* xor ecx, ecx; l: k: call KEEP; inc rcx; cmp rcx, 7; b: jl l; ret */
         "31c9e8f982000048ffc14883f9077cf2c3", 0xe, 7},
        {ARCH_AMD64, /* xor ecx, ecx; l: k: call KEEP; inc rcx; cmp rcx, 7; b: jle l; ret */
         "31c9e8f982000048ffc14883f9077ef2c3", 0xe, 8},
        {ARCH_AMD64,
         /* xor ecx, ecx; l: k: call KEEP; inc rcx; cmp rcx, 7; b: jg e; jmp l; e: ret */
         "31c9e8f982000048ffc14883f9077f02ebf0c3", 0xe, 8},
        {ARCH_AMD64, /* xor ecx, ecx; l: k: call KEEP; add rcx, 1; cmp rcx, 7; b: jne l; ret */
         "31c9e8f98200004883c1014883f90775f1c3", 0xf, 7},
        {ARCH_ARM64, /* mov x1, #0; l: k: bl KEEP; add x1, x1, #1; cmp x1, #7; b: b.lt l; ret */
         "010080d2bf200094210400913f1c00f1abffff54c0035fd6", 0x10, 7},
    };
    for (size_t i = 0; i < LENGTH_OF(samples); i++) {
        struct sample sample;
        sample_open(&sample, samples[i].arch, samples[i].hex);
        assert_int_equal(sample.summary->counts.length, 1);
        assert_int_equal(sample.summary->counts.at[0].branch, node_at(&sample, samples[i].branch));
        assert_int_equal(sample.summary->counts.at[0].limit, samples[i].limit);
        sample_close(&sample);
    }
}

static void functions_without_code_are_errors(void **state)
{
    (void)state;
    struct program program = {.arch = ARCH_AMD64};
    static const uint8_t bytes[] = {0xc3};
    struct summary_context context = {.program = &program};
    context.target = memory_target_create(ENTRY, bytes, sizeof(bytes));
    assert_null(decoder_create(ARCH_AMD64, &context.decoder));
    static const struct func funcs[] = {
        {.entry = ENTRY, .end = ENTRY},
        {.entry = ENTRY, .end = ENTRY - 1},
        {.entry = ENTRY, .end = ENTRY + 2}, /* more than can be read */
        {.entry = 0, .end = UINT64_MAX},
    };
    struct summary *summary = NULL;
    for (size_t i = 0; i < LENGTH_OF(funcs); i++) {
        assert_true(error_ignore(summary_create(&context, &funcs[i], &summary)));
        assert_null(summary);
    }
    decoder_destroy(context.decoder);
    target_close(context.target);
    summary_context_deinit(&context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_have_their_arguments),
        cmocka_unit_test(selects_have_their_cases),
        cmocka_unit_test(counts_of_cases_that_make_no_sense_are_none),
        cmocka_unit_test(returns_have_their_results),
        cmocka_unit_test(fields_are_what_was_stored_there),
        cmocka_unit_test(words_of_objects_are_resolved),
        cmocka_unit_test(uses_of_results_are_seen),
        cmocka_unit_test(slots_that_are_never_read_pass_arguments),
        cmocka_unit_test(slots_whose_address_is_given_away_are_exposed),
        cmocka_unit_test(more_slots_than_are_kept_are_told),
        cmocka_unit_test(constants_are_noted),
        cmocka_unit_test(comparisons_have_their_branch),
        cmocka_unit_test(comparisons_without_a_branch_are_none),
        cmocka_unit_test(the_last_flags_decide),
        cmocka_unit_test(only_the_last_of_two_comparisons_decides),
        cmocka_unit_test(counters_have_their_limit),
        cmocka_unit_test(functions_without_code_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
