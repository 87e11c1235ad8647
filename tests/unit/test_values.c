/* Where values come from: hand-assembled functions and what the visitor is told of each, then random
 * programs that are run along all their ways, against what is said to be known. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "code/values.h"

enum {
    ENTRY = 0x400000
};

/* Callees stand at fixed distances from the entry. */
enum {
    F = 0x8000,       /* returns something */
    MAKE = 0x8100,    /* results are followed as "may be" */
    MAKE2 = 0x8200,   /* … */
    KEEP = 0x8300,    /* keeps all registers */
    BARRIER = 0x8400, /* a write barrier */
    PANIC = 0x8500
};

static struct u64map keeps, makes;
static const struct value_rules rules = {.keeps = &keeps, .makes = &makes};

static int set_up(void **state)
{
    (void)state;
    u64map_set(&keeps, ENTRY + KEEP, KEEPER_PLAIN);
    u64map_set(&keeps, ENTRY + BARRIER, KEEPER_BARRIER);
    u64map_set(&makes, ENTRY + MAKE, 0);
    u64map_set(&makes, ENTRY + MAKE2, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    u64map_deinit(&keeps);
    u64map_deinit(&makes);
    return 0;
}

static enum call_effect effect_of(void *context, address callee)
{
    (void)context;
    return call_effect_named(callee == ENTRY + PANIC ? "runtime.panicIndex" : "main.other");
}

static address next_is_one_on(void *context, address pc)
{
    (void)context;
    return pc + 1;
}

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

/* A function with what is found in it. */
struct function {
    struct code code;
    struct traced traced;
};

static void function_open(struct function *function, enum architecture arch, const uint8_t *bytes,
                          size_t size)
{
    *function = (struct function){.code = {.arch = arch,
                                           .bytes = bytes,
                                           .size = size,
                                           .entry = ENTRY,
                                           .call_effect = effect_of,
                                           .next_known = next_is_one_on}};
    assert_null(decoder_create(arch, &function->code.decoder));
    assert_null(trace_function(&function->code, &function->traced));
}

static void function_close(struct function *function)
{
    traced_deinit(&function->traced);
    decoder_destroy(function->code.decoder);
}

/* ---- values as text ---- */

enum {
    VALUE_TEXT = 64
};

static void number_text(int64_t number, char *text)
{
    if (number > -10000 && number < 10000)
        snprintf(text, VALUE_TEXT, "%" PRId64, number);
    else
        snprintf(text, VALUE_TEXT, "0x%" PRIx64, (uint64_t)number);
}

/* Nodes as the offsets of their instructions. */
static const char *value_text(const struct traced *traced, const struct value *value, char *text)
{
    unsigned at = value->node < traced->at.length ? traced->at.at[value->node] : 0;
    unsigned reg = value->node;
    char number[VALUE_TEXT];
    number_text(value->number, number);
    switch (value->kind) {
    case VALUE_NUMBER:
        return strcpy(text, number);
    case VALUE_STACK:
        snprintf(text, VALUE_TEXT, "sp%+" PRId64, value->number);
        break;
    case VALUE_ENTRY:
        snprintf(text, VALUE_TEXT, "arg%u", reg);
        break;
    case VALUE_FIELD:
        snprintf(text, VALUE_TEXT, "arg%u[%.24s]", reg, number);
        break;
    case VALUE_FIELD_FIELD:
        snprintf(text, VALUE_TEXT, "arg%u[%d][%d]", reg, (int32_t)(value->number >> 32),
                 (int32_t)value->number);
        break;
    case VALUE_GLOBAL:
        snprintf(text, VALUE_TEXT, "[%.24s]", number);
        break;
    case VALUE_RESULT:
        snprintf(text, VALUE_TEXT, "r%.24s@%x", number, at);
        break;
    case VALUE_RESULT_FIELD:
        snprintf(text, VALUE_TEXT, "r0@%x[%.24s]", at, number);
        break;
    case VALUE_BARRIER:
        return strcpy(text, "barrier");
    case VALUE_MAYBE:
        snprintf(text, VALUE_TEXT, "maybe@%x", at);
        break;
    case VALUE_MAYBE_ANY:
        return strcpy(text, "maybe");
    case VALUE_RAISED:
        return strcpy(text, "raised");
    default:
        return strcpy(text, "?");
    }
    return text;
}

/* ---- what the visitor is told ---- */

enum {
    EVENTS_MAX = 32,
    EVENT_TEXT = 512
};

struct event {
    unsigned at; /* offset */
    char text[EVENT_TEXT];
};

struct record {
    const struct traced *traced;
    unsigned shown; /* how many registers */
    struct event events[EVENTS_MAX];
    unsigned length;
};

static char *new_event(struct record *record, uint32_t node)
{
    assert_true(record->length < EVENTS_MAX);
    struct event *event = &record->events[record->length++];
    *event = (struct event){.at = record->traced->at.at[node]};
    return event->text;
}

static int by_place(const void *left, const void *right)
{
    const struct value_slot *a = left, *b = right;
    return (a->at > b->at) - (a->at < b->at);
}

static void add_registers(const struct record *record, const struct values *values, char *text)
{
    char value[VALUE_TEXT];
    for (unsigned i = 0; i < record->shown; i++) {
        strcat(text, " ");
        strcat(text, value_text(record->traced, &values->registers[i], value));
    }
}

static void on_call(void *context, const struct traced_call *call, const struct values *values)
{
    struct record *record = context;
    char *text = new_event(record, call->node), value[VALUE_TEXT];
    struct values sorted = *values;
    strcpy(text, "call");
    add_registers(record, values, text);
    qsort(sorted.slots, sorted.slot_count, sizeof(*sorted.slots), by_place);
    for (unsigned i = 0; i < sorted.slot_count; i++) {
        size_t length = strlen(text);
        snprintf(text + length, EVENT_TEXT - length, " [%" PRId64 "]=%s", sorted.slots[i].at,
                 value_text(record->traced, &sorted.slots[i].value, value));
    }
}

static void on_store(void *context, uint32_t node, const struct value *base, int64_t offset,
                     const struct value *stored)
{
    struct record *record = context;
    char place[VALUE_TEXT], value[VALUE_TEXT], distance[VALUE_TEXT];
    number_text(offset, distance);
    snprintf(new_event(record, node), EVENT_TEXT, "store %s%s%s=%s",
             value_text(record->traced, base, place), offset < 0 ? "" : "+", distance,
             value_text(record->traced, stored, value));
}

static void on_return(void *context, uint32_t node, const struct values *values)
{
    struct record *record = context;
    char *text = new_event(record, node);
    strcpy(text, "return");
    add_registers(record, values, text);
}

static void on_compare(void *context, uint32_t node, const struct value *left, int64_t right)
{
    struct record *record = context;
    char value[VALUE_TEXT];
    snprintf(new_event(record, node), EVENT_TEXT, "compare %s %" PRId64,
             value_text(record->traced, left, value), right);
}

struct sample {
    enum architecture arch;
    const char *hex;
    unsigned shown;
    const char *expected; /* events by offset */
};

#define AMD64(code) ARCH_AMD64, code
#define ARM64(code) ARCH_ARM64, code

/* All events in the order of the code. */
static void describe(const struct sample *sample, char *text, size_t room)
{
    uint8_t bytes[256];
    struct function function;
    struct record *record = xcalloc(1, sizeof(*record));
    struct value_visitor visitor = {.call = on_call,
                                    .store = on_store,
                                    .returns = on_return,
                                    .compare = on_compare,
                                    .context = record};
    function_open(&function, sample->arch, bytes, from_hex(sample->hex, bytes, sizeof(bytes)));
    record->traced = &function.traced;
    record->shown = sample->shown;
    assert_null(values_follow(&function.code, &function.traced, &rules, &visitor));
    size_t length = 0;
    for (unsigned at = 0; at < function.code.size; at++) {
        for (unsigned i = 0; i < record->length; i++) {
            if (record->events[i].at == at && length < room)
                length += (size_t)snprintf(text + length, room - length, "%s%x %s",
                                           length ? "; " : "", at, record->events[i].text);
        }
    }
    text[length ? length : 0] = '\0';
    free(record);
    function_close(&function);
}

static void check_samples(const struct sample *samples, size_t count)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < count; i++) {
        char text[4096];
        describe(&samples[i], text, sizeof(text));
        if (strcmp(text, samples[i].expected) == 0)
            continue;
        wrong++;
        print_error("%s\n  expected: %s\n  but was:  %s\n", samples[i].hex, samples[i].expected,
                    text);
    }
    assert_int_equal(wrong, 0);
}

/* Arguments, spills and reloads, addresses, fields, comparisons. */
static const struct sample straight[] = {
    /* mov eax, 5; mov rbx, rax; mov rcx, rdi; a: call F; b: call F; c: ret */
    {AMD64("b8050000004889c34889f9e8f07f0000e8eb7f0000c3"), 4,
     "b call 5 5 arg3 arg3;"
     " 10 call r0@b r1@b r2@b r3@b;"
     " 15 return r0@10 r1@10 r2@10 r3@10"},
    /* sub rsp, 24; mov [rsp+8], rax; mov [rsp+16], rbx; a: call F; mov rax, [rsp+16]; mov rbx, [rsp+8]; b: call F; add rsp, 24; c: ret */
    {AMD64("4883ec18488944240848895c2410e8ed7f0000488b442410488b5c2408e8de7f00004883c418c3"), 2,
     "e call arg0 arg1 [-16]=arg0 [-8]=arg1;"
     " 1d call arg1 arg0 [-16]=arg0 [-8]=arg1;"
     " 26 return r0@1d r1@1d"},
    /* push rax; push rbx; a: call F; pop rcx; pop rax; b: call F; c: ret */
    {AMD64("5053e8f97f00005958e8f27f0000c3"), 3,
     "2 call arg0 arg1 arg2 [-16]=arg1 [-8]=arg0;"
     " 9 call arg0 r1@2 arg1 [-16]=arg1 [-8]=arg0;"
     " e return r0@9 r1@9 r2@9"},
    /* sub rsp, 32; lea rax, [rsp+8]; lea rbx, [rip+F]; mov rcx, [rip+F]; mov rdi, [rsi+8]; mov rsi, [rdi+16]; mov r8, [rsi]; a: call F; mov rbx, [rax+24]; mov rcx, [rbx+8]; mov rdi, [rsp]; b: call F; ud2 */
    {AMD64("4883ec20488d442408488d1df07f0000488b0de97f0000488b7e08488b77104c8b06e8d97f0000488b58184"
           "88b4b08488b3c24e8c87f00000f0b"),
     6,
     "22 call sp-24 0x408000 [0x408000] arg4[8] arg4[8][16] ?;"
     " 33 call r0@22 r0@22[24] ? ? r4@22 r5@22"},
    /* mov rax, [rdx+8]; mov rbx, [rdx-16]; mov rcx, [rbx+24]; a: call rdx; ud2 */
    {AMD64("488b4208488b5af0488b4b18ffd20f0b"), 3, "c call arg9[8] arg9[-16] arg9[-16][24]"},
    /* add rax, 8; inc rbx; lea rcx, [rbx+1]; lea rdi, [rsp+8]; add rdi, 8; mov esi, 5; add rsi, -7; a: call F; ud2 */
    {AMD64("4883c00848ffc3488d4b01488d7c24084883c708be050000004883c6f9e8de7f00000f0b"), 5,
     "1d call ? raised raised sp+16 -2"},
    /* add rax, rbx; mov bl, 1; mov ecx, [rsp+8]; a: call F; ud2 */
    {AMD64("4801d8b3018b4c2408e8f27f00000f0b"), 3, "9 call ? ? ?"},
    /* lea rbx, [rsp-32]; mov [rbx+8], rax; mov rax, [rsp-24]; lea rbx, [rbx+4]; mov rbx, [rbx+4]; a: call F; ud2 */
    {AMD64("488d5c24e048894308488b4424e8488d5b04488b5b04e8e57f00000f0b"), 2,
     "16 call arg0 arg0 [-24]=arg0"},
    /* a: call PANIC; call F */
    {AMD64("e8fb840000e8f67f0000"), 1, "0 call arg0"},
    /* a: jmp F */
    {AMD64("e9fb7f0000"), 1, "0 return arg0"},
    /* cmp rax, 5; cmp qword ptr [rsp+8], 5; cmp rax, rbx; mov ecx, 7; d: cmp rcx, 9; e: test rbx, rbx; f: cmp dl, 3; a: ret */
    {AMD64("4883f80548837c2408054839d8b9070000004883f9094885db80fa03c3"), 2,
     "0 compare arg0 5;"
     " 12 compare 7 9;"
     " 16 compare arg1 0;"
     " 19 compare arg9 3;"
     " 1c return arg0 arg1"},
    /* str x30, [sp, #-32]!; str x0, [sp, #8]; stp x1, x2, [sp, #16]; a: bl F; ldp x1, x0, [sp, #16]; ldr x2, [sp, #8]; b: bl F; ldr x30, [sp], #32; c: ret */
    {ARM64("fe0f1ef8e00700f9e10b01a9fd1f0094e10341a9e20740f9fa1f0094fe0742f8c0035fd6"), 3,
     "c call arg0 arg1 arg2 [-32]=arg30 [-24]=arg0 [-16]=arg1 [-8]=arg2;"
     " 18 call arg2 arg1 arg0 [-32]=arg30 [-24]=arg0 [-16]=arg1 [-8]=arg2;"
     " 20 return r0@18 r1@18 r2@18"},
    /* sub sp, sp, #32; stp xzr, xzr, [sp]; stp x0, xzr, [sp, #16]; a: bl F; ldp x0, x1, [sp, #8]; ldur x2, [sp, #24]; b: bl F; udf #0 */
    {ARM64("ff8300d1ff7f00a9e07f01a9fd1f0094e08740a9e28341f8fa1f009400000000"), 3,
     "c call arg0 arg1 arg2 [-32]=0 [-24]=0 [-16]=arg0 [-8]=0;"
     " 18 call 0 arg0 0 [-32]=0 [-24]=0 [-16]=arg0 [-8]=0"},
    /* adr x0, F; ldr x1, [x0, #8]; mov x2, #5; mov x3, #-6; mov x4, xzr; mov x5, #0xf0f0f0f0f0f0f0f0; add x6, sp, #16; sub x7, x6, #1, lsl #12; a: bl F; udf #0 */
    {ARM64("00000410010440f9a20080d2a3008092e4031faae5cf04b2e6430091c70440d1f81f009400000000"), 8,
     "20 call 0x408000 [0x408008] 5 -6 0 0xf0f0f0f0f0f0f0f0 sp+16 sp-4080"},
    /* ldr x0, [x26, #8]; ldr x1, [x0, #16]; ldp x3, x2, [x4]; add x4, x4, #1; a: bl F; udf #0 */
    {ARM64("400740f9010840f9830840a984040091fc1f009400000000"), 5,
     "10 call arg26[8] arg26[8][16] arg4[8] arg4[0] raised"},
    /* ldr x0, [x1], #8; a: bl F; mov x27, sp; str x0, [x27, #-8]; ldp x0, x1, [sp, #-8]; b: bl F; udf #0 */
    {ARM64("208440f8ff1f0094fb03009160831ff8e0877fa9fb1f009400000000"), 2,
     "4 call ? ?;"
     " 14 call r0@4 ? [-8]=r0@4"},
    /* cbz x0, b; b: tbnz w1, #0, c; c: cmp x1, #9; cmp x0, x1; tbz w1, #3, d; d: cmp x0, xzr; e: ret */
    {ARM64("200000b4210000373f2400f11f0001eb210018361f001febc0035fd6"), 2,
     "0 compare arg0 0;"
     " 4 compare arg1 0;"
     " 8 compare arg1 9;"
     " 14 compare arg0 0;"
     " 18 return arg0 arg1"},
};

static void straight_code_is_followed(void **state)
{
    (void)state;
    check_samples(straight, LENGTH_OF(straight));
}

/* Stores into what a call returned and into arguments; write barriers and their buffers. */
static const struct sample stores[] = {
    /* m: call MAKE; lea rcx, [rip+F]; s: mov [rax], rcx; t: mov [rax+8], rdi; u: mov qword ptr [rbx+16], -1; a: ret */
    {AMD64("e8fb800000488d0df47f00004889084889780848c74310ffffffffc3"), 1,
     "0 call arg0;"
     " c store r0@0+0=0x408000;"
     " f store r0@0+8=r3@0;"
     " 13 store r1@0+16=-1;"
     " 1b return r0@0"},
    /* s: mov [rdi+16], rax; mov rcx, [rdi]; u: mov [rcx-8], rsp; v: mov [rip+F], rax; w: mov [rdi+rcx*8], rbx; mov [rdi], eax; a: ret */
    {AMD64("48894710488b0f488961f8488905ee7f000048891ccf8907c3"), 1,
     "0 store arg3+16=arg0;"
     " 7 store arg3[0]-8=sp+0;"
     " b store 0+0x408000=arg0;"
     " 12 store ?+0=arg1;"
     " 18 return arg0"},
    /* cmp dword ptr [rip+F], 0; je s; b: call BARRIER; mov [r11], rax; mov rcx, [rdi]; mov [r11+8], rcx; s: mov [rdi], rax; c: call F; d: ret */
    {AMD64("833df97f000000740fe8f2830000498903488b0f49894b08488907e8e07f0000c3"), 4,
     "9 call arg0 arg1 arg2 arg3;"
     " 18 store arg3+0=arg0;"
     " 1b call arg0 arg1 ? arg3;"
     " 20 return r0@1b r1@1b r2@1b r3@1b"},
    /* b: call KEEP; s: mov [r11], rax; a: ret */
    {AMD64("e8fb820000498903c3"), 2,
     "0 call arg0 arg1;"
     " 5 store arg8+0=arg0;"
     " 8 return arg0 arg1"},
    /* m: bl MAKE; s: stp x1, x2, [x0, #16]; t: stp xzr, xzr, [x0]; u: str x1, [x0, x2]; v: stp x1, xzr, [x0], #16; w: str x1, [x0]; str w1, [x1]; a: ret */
    {ARM64("40200094010801a91f7c00a9016822f8017c81a8010000f9210000b9c0035fd6"), 2,
     "0 call arg0 arg1;"
     " 4 store r0@0+16=r1@0;"
     " 4 store r0@0+24=r2@0;"
     " 8 store r0@0+0=0;"
     " 8 store r0@0+8=0;"
     " c store ?+0=r1@0;"
     " 10 store ?+0=r1@0;"
     " 10 store ?+8=0;"
     " 14 store ?+0=r1@0;"
     " 1c return ? r1@0"},
    /* cbz x3, s; b: bl BARRIER; stp x0, x1, [x25]; s: str x0, [x2]; c: bl F; d: ret */
    {ARM64("630000b4ff200094200700a9400000f9fc1f0094c0035fd6"), 3,
     "0 compare arg3 0;"
     " 4 call arg0 arg1 arg2;"
     " c store arg2+0=arg0;"
     " 10 call arg0 arg1 arg2;"
     " 14 return r0@10 r1@10 r2@10"},
};

static void stores_out_of_the_frame_are_told(void **state)
{
    (void)state;
    check_samples(stores, LENGTH_OF(stores));
}

/* The same on both ways is kept; what a maker returned becomes "maybe". */
static const struct sample joins[] = {
    /* test rdi, rdi; jne b; mov eax, 5; mov ebx, 6; jmp c; b: mov eax, 5; mov ebx, 7; c: call F; ud2 */
    {AMD64("4885ff750cb805000000bb06000000eb0ab805000000bb07000000e8e07f00000f0b"), 3,
     "0 compare arg3 0;"
     " 1b call 5 ? arg2"},
    /* sub rsp, 24; test rdi, rdi; jne b; mov [rsp], rax; mov [rsp+8], rax; jmp c; b: mov [rsp], rax; mov [rsp+8], rbx; mov [rsp+16], rcx; c: call F; ud2 */
    {AMD64("4883ec184885ff750b488904244889442408eb0e4889042448895c240848894c2410e8d97f00000f0b"), 1,
     "4 compare arg3 0;"
     " 22 call arg0 [-24]=arg0"},
    /* test rdi, rdi; jne b; sub rsp, 8; b: mov [rsp-16], rax; lea rbx, [rsp]; c: call F; ud2 */
    {AMD64("4885ff75044883ec0848894424f0488d1c24e8e97f00000f0b"), 2,
     "0 compare arg3 0;"
     " 9 store ?-16=arg0;"
     " 12 call arg0 ?"},
    /* f: call F; cmp qword ptr [rsp+8], 0; jne c; xor eax, eax; c: call F; ud2 */
    {AMD64("e8fb7f000048837c240800750231c0e8ec7f00000f0b"), 3,
     "0 call arg0 arg1 arg2;"
     " f call ? r1@0 r2@0"},
    /* m: call MAKE; cmp qword ptr [rsp+8], 0; jne c; xor eax, eax; xor ebx, ebx; c: call F; ud2 */
    {AMD64("e8fb80000048837c240800750431c031dbe8ea7f00000f0b"), 3,
     "0 call arg0 arg1 arg2;"
     " 11 call maybe@0 ? r2@0"},
    /* test rdi, rdi; jne n; m: call MAKE; jmp c; n: call MAKE2; c: call F; ud2 */
    {AMD64("4885ff7507e8f6800000eb05e8ef810000e8ea7f00000f0b"), 2,
     "0 compare arg3 0;"
     " 5 call arg0 arg1;"
     " c call arg0 arg1;"
     " 11 call maybe ?"},
    /* test rdi, rdi; jne n; m: call MAKE; jmp c; n: call MAKE; c: call F; ud2 */
    {AMD64("4885ff7507e8f6800000eb05e8ef800000e8ea7f00000f0b"), 2,
     "0 compare arg3 0;"
     " 5 call arg0 arg1;"
     " c call arg0 arg1;"
     " 11 call maybe ?"},
    /* sub rsp, 16; mov [rsp], rax; test rdi, rdi; jne c; m: call MAKE; mov [rsp], rax; mov [rsp+8], rax; c: call F; mov rax, [rsp+8]; mov rbx, [rax]; d: call F; ud2 */
    {AMD64("4883ec10488904244885ff750ee8ee800000488904244889442408e8e07f0000488b442408488b18e8d37f0"
           "0000f0b"),
     2,
     "8 compare arg3 0;"
     " d call arg0 arg1 [-16]=arg0;"
     " 1b call maybe@d ? [-16]=maybe@d [-8]=maybe@d;"
     " 28 call maybe@d ? [-16]=maybe@d [-8]=maybe@d"},
    /* m: call MAKE; cmp qword ptr [rsp+8], 0; jne c; xor eax, eax; c: call KEEP; cmp qword ptr [rsp+8], 0; jne d; mov ebx, 1; d: call KEEP; cmp qword ptr [rsp+8], 0; jne e; n: call MAKE; e: call F; ud2 */
    {AMD64("e8fb80000048837c240800750231c0e8ec82000048837c2408007505bb01000000e8da82000048837c24080"
           "07505e8cd800000e8c87f00000f0b"),
     2,
     "0 call arg0 arg1;"
     " f call maybe@0 r1@0;"
     " 21 call maybe@0 ?;"
     " 2e call maybe@0 ?;"
     " 33 call maybe ?"},
    /* m: bl MAKE; cbz x2, c; mov x0, x1; mov x1, #3; c: bl F; udf #0 */
    {ARM64("40200094620000b4e00301aa610080d2fc1f009400000000"), 3,
     "0 call arg0 arg1 arg2;"
     " 4 compare r2@0 0;"
     " 10 call maybe@0 ? r2@0"},
};

static void where_ways_meet_only_what_is_the_same_stays(void **state)
{
    (void)state;
    check_samples(joins, LENGTH_OF(joins));
}

static const struct sample loops[] = {
    /* xor ecx, ecx; l: cmp rcx, 5; jge e; k: call KEEP; inc rcx; d: cmp rcx, 7; jl l; e: call F; ud2 */
    {AMD64("31c94883f9057d0ee8f382000048ffc14883f9077cece8e57f00000f0b"), 3,
     "8 call arg0 arg1 ?;"
     " 10 compare raised 7;"
     " 16 call arg0 arg1 ?"},
    /* k: call KEEP; mov rax, rbx; jmp k */
    {AMD64("e8fb8200004889d8ebf6"), 2, "0 call ? arg1"},
    /* f: call F; jmp f */
    {AMD64("e8fb7f0000ebf9"), 2, "0 call ? ?"},
    /* m: call MAKE; jmp m */
    {AMD64("e8fb800000ebf9"), 2, "0 call maybe@0 ?"},
    /* sub rsp, 24; mov [rsp+8], rax; mov [rsp+16], rbx; l: call F; mov [rsp+16], rax; test rax, rax; jne l; mov rax, [rsp+8]; e: call F; ud2 */
    {AMD64("4883ec18488944240848895c2410e8ed7f000048894424104885c075f1488b442408e8d97f00000f0b"), 1,
     "e call ? [-16]=arg0;"
     " 18 compare r0@e 0;"
     " 22 call arg0 [-16]=arg0 [-8]=r0@e"},
    /* sub rsp, 24; mov [rsp+8], rax; l: push rax; k: call KEEP; pop rax; test rbx, rbx; jne l; add rsp, 24; e: call F; ud2 */
    {AMD64("4883ec18488944240850e8f1820000584885db75f44883c418e8e27f00000f0b"), 1,
     "a call arg0 [-32]=arg0 [-16]=arg0;"
     " 10 compare arg1 0;"
     " 19 call arg0 [-32]=arg0 [-16]=arg0"},
    /* l: sub rsp, 8; mov [rsp], rax; k: call KEEP; jmp l */
    {AMD64("4883ec0848890424e8f3820000ebf1"), 1,
     "4 store ?+0=arg0;"
     " 8 call arg0"},
    /* mov x1, #0; l: cmp x1, #5; b.ge e; k: bl KEEP; add x1, x1, #1; d: cmp x1, #7; b.lt l; e: bl F; udf #0 */
    {ARM64("010080d23f1400f1aa000054bd200094210400913f1c00f16bffff54f91f009400000000"), 2,
     "c call arg0 ?;"
     " 14 compare raised 7;"
     " 1c call arg0 ?"},
};

static void loops_are_followed_to_the_end(void **state)
{
    (void)state;
    check_samples(loops, LENGTH_OF(loops));
}

static const struct sample smudges[] = {
    /* sub rsp, 32; mov [rsp], rax; mov [rsp+8], rax; mov [rsp+16], rax; mov [rsp+24], rax; mov dword ptr [rsp+12], 1; a: call KEEP; mov [rsp+20], rbx; b: call KEEP; movups [rsp-8], xmm0; c: call KEEP; add rcx, rcx; mov [rsp+20], rcx; d: call KEEP; ud2 */
    {AMD64("4883ec2048890424488944240848894424104889442418c744240c01000000e8dc82000048895c2414e8d28"
           "200000f114424f8e8c88200004801c948894c2414e8bb8200000f0b"),
     1,
     "1f call arg0 [-32]=arg0 [-16]=arg0 [-8]=arg0;"
     " 29 call arg0 [-32]=arg0 [-12]=arg1;"
     " 33 call arg0 [-12]=arg1;"
     " 40 call arg0"},
    /* sub rsp, 32; mov [rsp], rax; mov [rsp+8], rax; mov [rsp+16], rax; mov [rsp+24], rax; mov byte ptr [rsp+7], 1; mov byte ptr [rsp+24], 1; a: call KEEP; inc qword ptr [rsp+8]; b: call KEEP; ud2 */
    {AMD64("4883ec2048890424488944240848894424104889442418c644240701c644241801e8da82000048ff442408e"
           "8d08200000f0b"),
     1,
     "21 call arg0 [-24]=arg0 [-16]=arg0;"
     " 2b call arg0 [-16]=arg0"},
    /* sub sp, sp, #64; stp x0, x0, [sp]; stp x0, x0, [sp, #16]; stp x0, x0, [sp, #32]; stp x0, x0, [sp, #48]; str q0, [sp, #16]; a: bl KEEP; stp q0, q1, [sp, #32]; b: bl KEEP; stur q0, [sp, #-8]; c: bl KEEP; udf #0 */
    {ARM64("ff0301d1e00300a9e00301a9e00302a9e00303a9e007803dba200094e00701adb8200094e0839f3cb620009"
           "400000000"),
     1,
     "18 call arg0 [-64]=arg0 [-56]=arg0 [-32]=arg0 [-24]=arg0 [-16]=arg0 [-8]=arg0;"
     " 20 call arg0 [-64]=arg0 [-56]=arg0;"
     " 28 call arg0 [-56]=arg0"},
};

static void parts_of_slots_end_them(void **state)
{
    (void)state;
    check_samples(smudges, LENGTH_OF(smudges));
}

static const struct sample narrow_arm64[] = {
    /* sub sp, sp, #48; stp x0, x0, [sp]; stp x0, x0, [sp, #16]; stp x0, x0, [sp, #32]; str w1, [sp, #4]; strb wzr, [sp, #8]; str d0, [sp, #16]; stp w1, w2, [sp, #24]; strh w1, [sp, #38]; a: bl KEEP; udf #0 */
    {ARM64("ffc300d1e00300a9e00301a9e00302a9e10700b9ff230039e00b00fde10b0329e14f0079b72000940000000"
           "0"),
     1, "24 call arg0 [-8]=arg0"},
};

static void narrow_stores_end_slots_on_arm64(void **state)
{
    (void)state;
    check_samples(narrow_arm64, LENGTH_OF(narrow_arm64));
}

static const struct sample zero_register[] = {
    /* sub sp, sp, #32; stp x0, x1, [sp, #16]; ldp xzr, x2, [sp, #16]; str x2, [sp]; a: bl F; udf #0 */
    {ARM64("ff8300d1e00701a9ff0b41a9e20300f9fc1f009400000000"), 3,
     "10 call arg0 arg1 arg1 [-32]=arg1 [-16]=arg0 [-8]=arg1"},
    /* sub sp, sp, #32; stp x0, x1, [sp, #16]; ldp x2, xzr, [sp, #16]; str x2, [sp]; a: bl F; udf #0 */
    {ARM64("ff8300d1e00701a9e27f41a9e20300f9fc1f009400000000"), 3,
     "10 call arg0 arg1 arg0 [-32]=arg0 [-16]=arg0 [-8]=arg1"},
};

static void the_zero_register_is_not_the_stack(void **state)
{
    (void)state;
    check_samples(zero_register, LENGTH_OF(zero_register));
}

/* ---- functions that are put together here ---- */

struct bytes_made {
    uint8_t at[1 << 13];
    size_t length;
};

static void put(struct bytes_made *made, const void *bytes, size_t size)
{
    assert_true(size <= sizeof(made->at) - made->length);
    memcpy(made->at + made->length, bytes, size);
    made->length += size;
}

static void put_hex(struct bytes_made *made, const char *hex)
{
    made->length += from_hex(hex, made->at + made->length, sizeof(made->at) - made->length);
}

static void put_word(struct bytes_made *made, uint32_t word)
{
    put(made, &word, sizeof(word));
}

/* call rel32, jcc rel32, jmp rel32: to an offset of the function. */
static void put_relative(struct bytes_made *made, const char *hex, size_t to)
{
    put_hex(made, hex);
    put_word(made, (uint32_t)(to - made->length - 4));
}

/* mov [rsp+distance], rax */
static void put_spill(struct bytes_made *made, uint32_t distance)
{
    put_hex(made, "48898424");
    put_word(made, distance);
}

/* The state at the last call, by address. */
struct last_call {
    struct values values;
    unsigned calls;
};

static void keep_last_call(void *context, const struct traced_call *call,
                           const struct values *values)
{
    struct last_call *last = context;
    (void)call;
    last->values = *values;
    last->calls++;
}

static void follow_made(const struct bytes_made *made, struct last_call *last)
{
    struct function function;
    struct value_visitor visitor = {.call = keep_last_call, .context = last};
    function_open(&function, ARCH_AMD64, made->at, made->length);
    *last = (struct last_call){0};
    assert_null(values_follow(&function.code, &function.traced, &rules, &visitor));
    function_close(&function);
}

static void slots_that_do_not_fit_are_told(void **state)
{
    (void)state;
    struct last_call *last = xcalloc(1, sizeof(*last));
    for (unsigned count = VALUE_SLOTS_MAX - 1; count <= VALUE_SLOTS_MAX + 1; count++) {
        struct bytes_made made = {.length = 0};
        for (uint32_t i = 0; i < count; i++)
            put_spill(&made, 8 * i);
        put_spill(&made, 0); /* a slot that is known already takes no room */
        put_relative(&made, "e8", F);
        put_hex(&made, "c3");
        follow_made(&made, last);
        assert_int_equal(last->calls, 1);
        assert_int_equal(last->values.is_full, count > VALUE_SLOTS_MAX);
        assert_int_equal(last->values.slot_count,
                         count < VALUE_SLOTS_MAX ? count : VALUE_SLOTS_MAX);
        for (uint32_t i = 0; i < count; i++) {
            struct value value = values_slot(&last->values, 8 * i);
            assert_int_equal(value.kind, i < VALUE_SLOTS_MAX ? VALUE_ENTRY : VALUE_UNKNOWN);
        }
    }
    free(last);
}

/* Each way fills slots of its own with what a maker returned: behind them it may be in all. */
static void slots_that_do_not_fit_where_ways_meet_are_told(void **state)
{
    (void)state;
    struct last_call *last = xcalloc(1, sizeof(*last));
    for (unsigned count = VALUE_SLOTS_MAX / 2; count <= VALUE_SLOTS_MAX / 2 + 1; count++) {
        struct bytes_made made = {.length = 0};
        size_t size = 8 * (size_t)count; /* of the spills of one way */
        put_relative(&made, "e8", MAKE);
        put_relative(&made, "0f85", made.length + 6 + size + 5);
        for (uint32_t i = 0; i < count; i++)
            put_spill(&made, 8 * i);
        put_relative(&made, "e9", made.length + 5 + size);
        for (uint32_t i = 0; i < count; i++)
            put_spill(&made, 0x1000 + 8 * i);
        put_relative(&made, "e8", F);
        put_hex(&made, "c3");
        follow_made(&made, last);
        assert_int_equal(last->calls, 2);
        assert_int_equal(last->values.is_full, 2 * count > VALUE_SLOTS_MAX);
        assert_int_equal(last->values.slot_count, VALUE_SLOTS_MAX);
        for (unsigned i = 0; i < last->values.slot_count; i++)
            assert_int_equal(last->values.slots[i].value.kind, VALUE_MAYBE);
    }
    free(last);
}

/* ---- the other things that visitors are told ---- */

enum {
    TOLD_MAX = 64
};

struct told {
    const struct traced *traced;
    char text[1024];
};

static void tell(struct told *told, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct told *told, const char *format, ...)
{
    size_t length = strlen(told->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(told->text + length, sizeof(told->text) - length, format, arguments);
    va_end(arguments);
}

static void on_number(void *context, int64_t number)
{
    char text[VALUE_TEXT];
    number_text(number, text);
    tell(context, "number %s; ", text);
}

/* Once per value: it may be told more often. */
static void on_merge(void *context, const struct value *value)
{
    struct told *told = context;
    char text[VALUE_TEXT], all[VALUE_TEXT + 16];
    snprintf(all, sizeof(all), "merge %s; ", value_text(told->traced, value, text));
    if (!strstr(told->text, all))
        tell(told, "%s", all);
}

static void on_spread(void *context, int64_t at, int64_t size, const struct values *values)
{
    struct value first = values_slot(values, at);
    struct told *told = context;
    char text[VALUE_TEXT];
    tell(told, "spread %" PRId64 " %" PRId64 " %s; ", at, size,
         value_text(told->traced, &first, text));
}

static void on_slot_load(void *context, int64_t at)
{
    tell(context, "load %" PRId64 "; ", at);
}

static void on_any_store(void *context, uint32_t node, const struct value *base, int64_t offset,
                         const struct value *stored)
{
    struct told *told = context;
    char text[VALUE_TEXT];
    (void)base, (void)offset;
    tell(told, "%x stored %s; ", told->traced->at.at[node], value_text(told->traced, stored, text));
}

static void on_any_call(void *context, const struct traced_call *call, const struct values *values)
{
    struct told *told = context;
    char text[VALUE_TEXT];
    tell(told, "%x call %s; ", told->traced->at.at[call->node],
         value_text(told->traced, &values->registers[0], text));
}

static void follow_hex(enum architecture arch, const char *hex, struct value_visitor visitor,
                       struct told *told)
{
    uint8_t bytes[128];
    struct function function;
    function_open(&function, arch, bytes, from_hex(hex, bytes, sizeof(bytes)));
    *told = (struct told){.traced = &function.traced};
    visitor.context = told;
    assert_null(values_follow(&function.code, &function.traced, &rules, &visitor));
    function_close(&function);
}

static void constants_and_loads_are_told(void **state)
{
    (void)state;
    struct told told;
    struct value_visitor visitor = {.number = on_number, .slot_load = on_slot_load};
    /* mov eax, 5; lea rbx, [rip+F]; xor ecx, ecx; add rax, 2; lea rdi, [rsp+8]; mov rsi, [rsp+16]; mov rsi, [rbx]; mov qword ptr [rsp], 9; ret */
    follow_hex(ARCH_AMD64,
               "b805000000488d1df47f000031c94883c002488d7c2408488b742410488b3348c7042409000000c3",
               visitor, &told);
    assert_string_equal(told.text, "number 5; number 0x408000; number 0; number 7; load 16; ");
    /* adr x0, F; add x0, x0, #16; ldp x1, x2, [sp, #16]; ldr x3, [sp]; ldr x3, [x2]; ret */
    follow_hex(ARCH_ARM64, "0000041000400091e10b41a9e30340f9430040f9c0035fd6", visitor, &told);
    assert_string_equal(told.text, "number 0x408000; number 0x408010; load 16; load 24; load 0; ");
}

static void results_that_are_lost_where_ways_meet_are_told(void **state)
{
    (void)state;
    struct told told;
    struct value_visitor visitor = {.merges = on_merge};
    /* f: call F; cmp qword ptr [rsp+8], 0; jne c; xor eax, eax; c: ret */
    follow_hex(ARCH_AMD64, "e8fb7f000048837c240800750231c0c3", visitor, &told);
    assert_string_equal(told.text, "merge r0@0; ");
    /* f: call F; cmp qword ptr [rsp+8], 0; jne c; xor r9d, r9d; mov ebp, 7; c: ret */
    follow_hex(ARCH_AMD64, "e8fb7f000048837c24080075084531c9bd07000000c3", visitor, &told);
    assert_string_equal(told.text, "merge r6@0; ");
    /* f: call F; cmp qword ptr [rsp+8], 0; jne c; mov rax, rax; mov ebp, 7; c: ret */
    follow_hex(ARCH_AMD64, "e8fb7f000048837c24080075084889c0bd07000000c3", visitor, &told);
    assert_string_equal(told.text, "");
}

static void copies_of_slots_are_told(void **state)
{
    (void)state;
    struct told told;
    struct value_visitor visitor = {.spreads = on_spread};
    /* mov [rsp-24], rbx; movups xmm0, [rsp-24]; movups xmm1, [rdi]; vmovdqu ymm0, [rsp-64]; ret */
    follow_hex(ARCH_AMD64, "48895c24e80f104424e80f100fc5fe6f4424c0c3", visitor, &told);
    assert_string_equal(told.text, "spread -24 16 arg1; spread -64 32 ?; ");
    /* str x1, [sp, #32]; ldr q0, [sp, #32]; ldp q0, q1, [sp, #32]; ldr q0, [x1]; ret */
    follow_hex(ARCH_ARM64, "e11300f9e00bc03de00741ad2000c03dc0035fd6", visitor, &told);
    assert_string_equal(told.text, "spread 32 16 arg1; spread 32 32 arg1; ");
}

/* REP MOVSQ copies from RSI: what lies there goes where it is not followed. */
static void copies_by_string_instructions_are_told(void **state)
{
    (void)state;
    struct told told;
    struct value_visitor visitor = {.spreads = on_spread};
    /* mov [rsp-24], rbx; lea rsi, [rsp-24]; mov ecx, 3; rep movsq; ret */
    follow_hex(ARCH_AMD64, "48895c24e8488d7424e8b903000000f348a5c3", visitor, &told);
    assert_non_null(strstr(told.text, "spread -24 "));
}

/* An exchange with memory is a store, too: sync/atomic's are no calls. */
static void atomic_stores_are_told(void **state)
{
    (void)state;
    struct told told;
    struct value_visitor visitor = {.store = on_any_store};
    /* s: xchg [rdi], rax; t: lock cmpxchg [rdi], rbx; ret */
    follow_hex(ARCH_AMD64, "488707f0480fb11fc3", visitor, &told);
    assert_non_null(strstr(told.text, "0 stored arg0; "));
    assert_non_null(strstr(told.text, "3 stored arg1; "));
    /* s: stlr x1, [x2]; t: swpal x7, x3, [x2]; u: casal x4, x5, [x2]; v: stlxr w6, x8, [x2]; ret */
    follow_hex(ARCH_ARM64, "41fc9fc84380e7f845fce4c848fc06c8c0035fd6", visitor, &told);
    assert_non_null(strstr(told.text, "0 stored arg1; "));
    assert_non_null(strstr(told.text, "4 stored arg7; "));
    assert_non_null(strstr(told.text, "8 stored arg5; "));
    assert_non_null(strstr(told.text, "c stored arg8; "));
}

/* "In the order of the code" (values.h): nodes are found in another order. */
static void calls_are_told_in_the_order_of_the_code(void **state)
{
    (void)state;
    struct told told;
    struct value_visitor visitor = {.call = on_any_call};
    /* test rdi, rdi; jne b; a: call F; ret; b: call MAKE; ret */
    follow_hex(ARCH_AMD64, "4885ff7506e8f67f0000c3e8f0800000c3", visitor, &told);
    assert_string_equal(told.text, "5 call arg0; b call arg0; ");
}

/* What PUSH and POP move when it is no plain register. */
static void odd_pushes_leave_nothing_wrong(void **state)
{
    (void)state;
    struct last_call *last = xcalloc(1, sizeof(*last));
    struct bytes_made made;
    struct value value;
    /* mov [rsp-8], rax; push 5; call F */
    made.length = 0;
    put_hex(&made, "48894424f86a05e8f47f0000");
    follow_made(&made, last);
    value = values_slot(&last->values, -8);
    assert_int_not_equal(value.kind, VALUE_ENTRY);
    assert_int_equal(last->values.registers[15].number, -8);
    /* mov [rsp-8], rax; push qword ptr [rdi]; call F */
    made.length = 0;
    put_hex(&made, "48894424f8ff37e8f47f0000");
    follow_made(&made, last);
    value = values_slot(&last->values, -8);
    assert_int_not_equal(value.kind, VALUE_ENTRY);
    /* mov [rsp+16], rax; pop qword ptr [rsp+8]; call F */
    made.length = 0;
    put_hex(&made, "48894424108f442408e8f27f0000");
    follow_made(&made, last);
    value = values_slot(&last->values, 16);
    assert_int_not_equal(value.kind, VALUE_ENTRY);
    /* push rsp; pop rax; call F */
    made.length = 0;
    put_hex(&made, "5458e8f97f0000");
    follow_made(&made, last);
    value = last->values.registers[0];
    assert_true(value.kind == VALUE_UNKNOWN || (value.kind == VALUE_STACK && value.number == 0));
    free(last);
}

/* Behind bytes that are no instruction, all registers may hold anything. */
static void nothing_is_known_behind_what_is_no_instruction(void **state)
{
    (void)state;
    struct last_call *last = xcalloc(1, sizeof(*last));
    struct bytes_made made = {.length = 0};
    put_hex(&made, "06"); /* PUSH ES, not in 64-bit mode */
    put_relative(&made, "e8", F);
    follow_made(&made, last);
    assert_int_equal(last->calls, 1);
    for (unsigned i = 0; i < REGISTER_COUNT; i++)
        assert_int_equal(last->values.registers[i].kind, VALUE_UNKNOWN);
    free(last);
}

/* For the sanitizers: sums of what a program says may be anything. */
static void large_numbers_do_no_harm(void **state)
{
    (void)state;
    static const char *const hex[] = {
        "48b8ffffffffffffff7f488b5808e8ed7f0000c3", /* movabs rax, 0x7fffffffffffffff; mov rbx, [rax+8]; call F; ret */
        "48b8ffffffffffffff7f4883c00848895808c3", /* movabs rax, 0x7fffffffffffffff; add rax, 8; mov [rax+8], rbx; ret */
        "48b80000000000000080488b58f848ffc3c3", /* movabs rax, 0x8000000000000000; mov rbx, [rax-8]; inc rbx; ret */
        "48b8ffffffffffffff7f488b18488b5b08c3", /* movabs rax, 0x7fffffffffffffff; mov rbx, [rax]; mov rbx, [rbx+8]; ret */
        "488b98ffffff7f488b9bffffff7f488b5b08e8e97f0000c3", /* mov rbx, [rax+0x7fffffff]; mov rbx, [rbx+0x7fffffff]; mov rbx, [rbx+8]; call F; ret */
    };
    for (size_t i = 0; i < LENGTH_OF(hex); i++) {
        uint8_t bytes[64];
        struct function function;
        struct record *record = xcalloc(1, sizeof(*record));
        struct value_visitor visitor = {.call = on_call, .store = on_store, .context = record};
        function_open(&function, ARCH_AMD64, bytes, from_hex(hex[i], bytes, sizeof(bytes)));
        record->traced = &function.traced;
        assert_null(values_follow(&function.code, &function.traced, &rules, &visitor));
        function_close(&function);
        free(record);
    }
}

/* ---- random programs ---- */

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t limit)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % limit;
}

static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    static const address entries[] = {ENTRY, 0, INT64_MAX - 40, UINT64_MAX - 200};
    struct record *record = xcalloc(1, sizeof(*record));
    struct value_visitor visitor = {.call = NULL};
    for (unsigned round = 0; round < 20000; round++) {
        size_t size = 1 + random_below(128);
        uint8_t *bytes = xmalloc(size);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(random_below(4) ? random_below(256) : 0x48);
        struct function function;
        function_open(&function, round % 2 ? ARCH_ARM64 : ARCH_AMD64, bytes, size);
        traced_deinit(&function.traced);
        function.code.entry = entries[random_below(LENGTH_OF(entries))];
        assert_null(trace_function(&function.code, &function.traced));
        assert_null(values_follow(&function.code, &function.traced, &rules, &visitor));
        function_close(&function);
        free(bytes);
    }
    free(record);
}

/* A program is steps in a row; some of them jump. */
enum step_kind {
    STEP_NUMBER,     /* a = number */
    STEP_MOVE,       /* a = b */
    STEP_ADD,        /* a = a + number */
    STEP_PLACE,      /* a = SP + number */
    STEP_STORE,      /* [SP + number] = a */
    STEP_LOAD,       /* a = [SP + number] */
    STEP_STORE_BY,   /* [b + number] = a, where b is a place */
    STEP_LOAD_BY,    /* a = [b + number] */
    STEP_STORE_PAIR, /* [SP + number] = a, [SP + number + 8] = b */
    STEP_LOAD_PAIR,
    STEP_ZERO,   /* [SP + number] = 0, arm64: [SP + number + 8] = a */
    STEP_NARROW, /* four bytes of a */
    STEP_PUSH,
    STEP_POP,
    STEP_CALL,   /* callee */
    STEP_BRANCH, /* to, or on */
    STEP_JUMP,
    STEP_RETURN
};

enum {
    REGISTERS = 6, /* Go's first arguments */
    STEPS_MAX = 64,
    BLOCKS_MAX = 6,
    DECISIONS = 6, /* of one run: all ways through the first so many branches */
    RUN_MAX = 300  /* steps */
};

struct step {
    enum step_kind kind;
    uint8_t a, b;
    int32_t number;
    uint32_t to; /* a step; of a CALL: the callee */
    size_t at;   /* its offset in the code */
};

struct random_program {
    enum architecture arch;
    struct step steps[STEPS_MAX];
    uint32_t length;
    struct bytes_made code;
};

static void add_step(struct random_program *program, struct step step)
{
    assert_true(program->length < STEPS_MAX);
    program->steps[program->length++] = step;
}

/* Distances that overlap by half now and then. */
static int32_t random_distance(void)
{
    return (int32_t)(random_below(3) ? 8 * random_below(6) : 4 * random_below(12));
}

static void add_access_by_place(struct random_program *program)
{
    uint8_t base = (uint8_t)random_below(REGISTERS), reg = (uint8_t)random_below(REGISTERS);
    add_step(program, (struct step){.kind = STEP_PLACE, .a = base, .number = random_distance()});
    add_step(program, (struct step){.kind = random_below(2) ? STEP_STORE_BY : STEP_LOAD_BY,
                                    .a = reg,
                                    .b = base,
                                    .number = random_distance() - 16});
}

static void add_random_step(struct random_program *program, bool narrow, bool calls)
{
    static const uint32_t callees[] = {F, MAKE, MAKE2, KEEP, KEEP};
    uint8_t a = (uint8_t)random_below(REGISTERS);
    struct step step = {.kind = (enum step_kind)random_below(STEP_CALL + 3),
                        .a = a,
                        .b = (uint8_t)((a + 1 + random_below(REGISTERS - 1)) % REGISTERS),
                        .number = random_distance()};
    switch (step.kind) {
    case STEP_NUMBER:
        step.number = (int32_t)random_below(6) - 2;
        break;
    case STEP_ADD:
        step.number = random_below(2) ? 1 : 8;
        break;
    case STEP_STORE_PAIR:
    case STEP_LOAD_PAIR:
    case STEP_ZERO:
        step.number &= ~7;
        break;
    case STEP_NARROW:
        step.kind = narrow ? STEP_NARROW : STEP_LOAD;
        break;
    case STEP_STORE_BY:
    case STEP_LOAD_BY:
        add_access_by_place(program);
        return;
    case STEP_PUSH:
    case STEP_POP:
        add_step(program, (struct step){.kind = STEP_PUSH, .a = step.a});
        add_step(program, (struct step){.kind = STEP_STORE, .a = step.b, .number = step.number});
        step = (struct step){.kind = STEP_POP, .a = (uint8_t)random_below(REGISTERS)};
        break;
    default:
        if (step.kind >= STEP_CALL)
            step = (struct step){.kind = STEP_CALL, .to = calls ? callees[random_below(5)] : KEEP};
    }
    add_step(program, step);
}

/* Some blocks, each of a few steps and a jump to another's first step, maybe. */
static void make_program(struct random_program *program, bool narrow, bool calls)
{
    uint32_t starts[BLOCKS_MAX], blocks = 1 + random_below(BLOCKS_MAX);
    program->length = 0;
    for (uint32_t i = 0; i < blocks; i++) {
        starts[i] = program->length;
        for (uint32_t n = random_below(4); n-- > 0;)
            add_random_step(program, narrow, calls);
        add_step(program, (struct step){.kind = STEP_CALL, .to = KEEP});
        uint32_t way = random_below(4);
        if (way && blocks > 1)
            add_step(program, (struct step){.kind = way == 1 ? STEP_JUMP : STEP_BRANCH,
                                            .to = random_below(blocks)});
    }
    add_step(program, (struct step){.kind = STEP_RETURN});
    for (uint32_t i = 0; i < program->length; i++) {
        struct step *step = &program->steps[i];
        if (step->kind == STEP_JUMP || step->kind == STEP_BRANCH)
            step->to = starts[step->to];
    }
}

/* Go's order to the machine's. */
static const uint8_t amd64_numbers[REGISTERS] = {0, 3, 1, 7, 6, 8};

/* REX.W or not, the opcode, [base + distance]; base 4 is SP. */
static void put_amd64_access(struct bytes_made *code, bool wide, uint8_t opcode, unsigned reg,
                             unsigned base, int32_t distance)
{
    uint8_t bytes[] = {(uint8_t)((wide ? 0x48 : 0x40) | reg >> 3 << 2 | base >> 3), opcode,
                       (uint8_t)(0x80 | (reg & 7) << 3 | (base & 7)), 0x24};
    put(code, bytes, base == 4 ? 4 : 3);
    put_word(code, (uint32_t)distance);
}

static void put_amd64_one(struct bytes_made *code, unsigned reg, uint8_t opcode, uint8_t mode)
{
    uint8_t bytes[] = {(uint8_t)(0x48 | reg >> 3), opcode, (uint8_t)(mode | (reg & 7))};
    put(code, bytes, 3);
}

static void put_amd64(struct bytes_made *code, const struct step *step, size_t target)
{
    enum {
        SP = 4
    };
    unsigned a = amd64_numbers[step->a], b = amd64_numbers[step->b];
    uint8_t move[] = {(uint8_t)(0x48 | b >> 3 << 2 | a >> 3), 0x89,
                      (uint8_t)(0xc0 | (b & 7) << 3 | (a & 7))};
    uint8_t stack[] = {(uint8_t)(0x40 | a >> 3),
                       (uint8_t)((step->kind == STEP_PUSH ? 0x50 : 0x58) | (a & 7))};
    switch (step->kind) {
    case STEP_NUMBER:
        put_amd64_one(code, a, 0xc7, 0xc0);
        put_word(code, (uint32_t)step->number);
        break;
    case STEP_MOVE:
        put(code, move, sizeof(move));
        break;
    case STEP_ADD:
        put_amd64_one(code, a, 0x81, 0xc0);
        put_word(code, (uint32_t)step->number);
        break;
    case STEP_PLACE:
        put_amd64_access(code, true, 0x8d, a, SP, step->number);
        break;
    case STEP_STORE:
        put_amd64_access(code, true, 0x89, a, SP, step->number);
        break;
    case STEP_LOAD:
        put_amd64_access(code, true, 0x8b, a, SP, step->number);
        break;
    case STEP_STORE_BY:
        put_amd64_access(code, true, 0x89, a, b, step->number);
        break;
    case STEP_LOAD_BY:
        put_amd64_access(code, true, 0x8b, a, b, step->number);
        break;
    case STEP_STORE_PAIR:
        put_amd64_access(code, true, 0x89, a, SP, step->number);
        put_amd64_access(code, true, 0x89, b, SP, step->number + 8);
        break;
    case STEP_LOAD_PAIR:
        put_amd64_access(code, true, 0x8b, a, SP, step->number);
        put_amd64_access(code, true, 0x8b, b, SP, step->number + 8);
        break;
    case STEP_ZERO:
        put_amd64_access(code, true, 0xc7, 0, SP, step->number);
        put_word(code, 0);
        break;
    case STEP_NARROW:
        put_amd64_access(code, false, 0x89, a, SP, step->number);
        break;
    case STEP_PUSH:
    case STEP_POP:
        put(code, stack, sizeof(stack));
        break;
    case STEP_CALL:
        put_relative(code, "e8", step->to);
        break;
    case STEP_BRANCH:
        put_relative(code, "0f85", target);
        break;
    case STEP_JUMP:
        put_relative(code, "e9", target);
        break;
    case STEP_RETURN:
        put_hex(code, "c3");
        break;
    }
}

static uint32_t arm64_word(const struct step *step, size_t at, size_t target)
{
    uint32_t a = step->a, b = step->b, number = (uint32_t)step->number;
    uint32_t field = (number & 0x1ff) << 12, pair = (number / 8 & 0x7f) << 15;
    uint32_t away = (uint32_t)(target - at) / 4;
    enum {
        SP = 31 << 5
    };
    switch (step->kind) {
    case STEP_NUMBER:
        return step->number < 0 ? 0x92800000 | (~number & 0xffff) << 5 | a
                                : 0xd2800000 | number << 5 | a;
    case STEP_MOVE:
        return 0xaa0003e0 | b << 16 | a;
    case STEP_ADD:
        return 0x91000000 | number << 10 | a << 5 | a;
    case STEP_PLACE:
        return 0x91000000 | number << 10 | SP | a;
    case STEP_STORE:
        return 0xf8000000 | field | SP | a;
    case STEP_LOAD:
        return 0xf8400000 | field | SP | a;
    case STEP_STORE_BY:
        return 0xf8000000 | field | b << 5 | a;
    case STEP_LOAD_BY:
        return 0xf8400000 | field | b << 5 | a;
    case STEP_STORE_PAIR:
        return 0xa9000000 | pair | b << 10 | SP | a;
    case STEP_LOAD_PAIR:
        return 0xa9400000 | pair | b << 10 | SP | a;
    case STEP_ZERO:
        return 0xa900001f | pair | a << 10 | SP; /* stp xzr, a */
    case STEP_NARROW:
        return 0xb8000000 | field | SP | a;
    case STEP_PUSH:
        return 0xf81f0c00 | SP | a; /* str a, [sp, #-16]! */
    case STEP_POP:
        return 0xf8410400 | SP | a; /* ldr a, [sp], #16 */
    case STEP_CALL:
        return 0x94000000 | ((uint32_t)(step->to - at) / 4 & 0x3ffffff);
    case STEP_BRANCH:
        return 0x54000001 | (away & 0x7ffff) << 5;
    case STEP_JUMP:
        return 0x14000000 | (away & 0x3ffffff);
    default:
        return 0xd65f03c0;
    }
}

/* Twice: at first it is not known where the steps are. */
static void encode(struct random_program *program)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        program->code.length = 0;
        for (uint32_t i = 0; i < program->length; i++) {
            struct step *step = &program->steps[i];
            bool jumps = step->kind == STEP_JUMP || step->kind == STEP_BRANCH;
            size_t target = jumps ? program->steps[step->to].at : 0;
            step->at = program->code.length;
            if (program->arch == ARCH_ARM64)
                put_word(&program->code, arm64_word(step, step->at, target));
            else
                put_amd64(&program->code, step, target);
        }
    }
}

/* ---- … run ---- */

enum {
    FRAME = 256, /* bytes at either side of SP at entry */
    STORES_MAX = RUN_MAX * 2
};

#define STACK_BASE INT64_C(0x7fff00000000)

/* Where a word is from, if it is the whole of what a call left in a register. */
struct source {
    int32_t call; /* step; -1: of no call */
    uint8_t reg;
};

static const struct source no_source = {-1, 0};

struct byte_source {
    uint32_t store; /* index + 1; 0: something else */
    uint8_t part;
};

struct machine {
    const struct random_program *program;
    int64_t registers[REGISTERS], sp;
    struct source sources[REGISTERS];
    uint8_t frame[2 * FRAME];
    struct byte_source parts[2 * FRAME];
    struct source stored[STORES_MAX];
    uint32_t stores;
    uint32_t made; /* results so far */
};

static int64_t entry_register(unsigned reg)
{
    return INT64_C(0x1111000000000000) * (reg + 1);
}

static void machine_start(struct machine *machine, const struct random_program *program)
{
    *machine = (struct machine){.program = program, .sp = STACK_BASE};
    for (unsigned i = 0; i < REGISTERS; i++) {
        machine->registers[i] = entry_register(i);
        machine->sources[i] = no_source;
    }
    for (size_t i = 0; i < sizeof(machine->frame); i++)
        machine->frame[i] = (uint8_t)(37 * i + 11);
}

static size_t frame_index(int64_t at, size_t size)
{
    size_t index = (size_t)(at - STACK_BASE + FRAME);
    assert_true(index <= 2 * FRAME - size);
    return index;
}

static void machine_store(struct machine *machine, int64_t at, int64_t value, size_t size,
                          struct source source)
{
    size_t index = frame_index(at, size);
    assert_true(machine->stores < STORES_MAX);
    machine->stored[machine->stores++] = source;
    memcpy(machine->frame + index, &value, size);
    for (size_t i = 0; i < size; i++)
        machine->parts[index + i] =
            (struct byte_source){size == 8 ? machine->stores : 0, (uint8_t)i};
}

static int64_t machine_word(const struct machine *machine, int64_t at, struct source *source_ret)
{
    size_t index = frame_index(at, 8);
    const struct byte_source *parts = &machine->parts[index];
    bool whole = parts[0].store != 0;
    for (uint8_t i = 0; i < 8; i++)
        whole = whole && parts[i].store == parts[0].store && parts[i].part == i;
    *source_ret = whole ? machine->stored[parts[0].store - 1] : no_source;
    int64_t value;
    memcpy(&value, machine->frame + index, sizeof(value));
    return value;
}

static void machine_load(struct machine *machine, uint8_t reg, int64_t at)
{
    machine->registers[reg] = machine_word(machine, at, &machine->sources[reg]);
}

static void machine_call(struct machine *machine, uint32_t number, uint32_t callee)
{
    for (uint8_t i = 0; callee != KEEP && i < REGISTERS; i++) {
        machine->registers[i] = INT64_C(0x4d00000000000000) + ((int64_t)++machine->made << 16);
        machine->sources[i] = (struct source){(int32_t)number, i};
    }
}

static void machine_step(struct machine *machine, uint32_t number)
{
    const struct step *step = &machine->program->steps[number];
    int64_t *registers = machine->registers, at = machine->sp + step->number;
    struct source *sources = machine->sources;
    bool arm64 = machine->program->arch == ARCH_ARM64;
    switch (step->kind) {
    case STEP_NUMBER:
    case STEP_ADD:
    case STEP_PLACE:
        registers[step->a] = step->kind == STEP_NUMBER ? step->number
                             : step->kind == STEP_ADD  ? registers[step->a] + step->number
                                                       : at;
        sources[step->a] = no_source;
        break;
    case STEP_MOVE:
        registers[step->a] = registers[step->b];
        sources[step->a] = sources[step->b];
        break;
    case STEP_STORE:
        machine_store(machine, at, registers[step->a], 8, sources[step->a]);
        break;
    case STEP_LOAD:
        machine_load(machine, step->a, at);
        break;
    case STEP_STORE_BY:
        machine_store(machine, registers[step->b] + step->number, registers[step->a], 8,
                      sources[step->a]);
        break;
    case STEP_LOAD_BY:
        machine_load(machine, step->a, registers[step->b] + step->number);
        break;
    case STEP_STORE_PAIR:
        machine_store(machine, at, registers[step->a], 8, sources[step->a]);
        machine_store(machine, at + 8, registers[step->b], 8, sources[step->b]);
        break;
    case STEP_LOAD_PAIR:
        machine_load(machine, step->a, at);
        machine_load(machine, step->b, at + 8);
        break;
    case STEP_ZERO:
        machine_store(machine, at, 0, 8, no_source);
        if (arm64)
            machine_store(machine, at + 8, registers[step->a], 8, sources[step->a]);
        break;
    case STEP_NARROW:
        machine_store(machine, at, registers[step->a], 4, no_source);
        break;
    case STEP_PUSH:
        machine->sp -= arm64 ? 16 : 8;
        machine_store(machine, machine->sp, registers[step->a], 8, sources[step->a]);
        break;
    case STEP_POP:
        machine_load(machine, step->a, machine->sp);
        machine->sp += arm64 ? 16 : 8;
        break;
    case STEP_CALL:
        machine_call(machine, number, step->to);
        break;
    default:
        break;
    }
}

/* What is said at each call, by step. */
struct said {
    const struct random_program *program;
    const struct traced *traced;
    struct values *at[STEPS_MAX];
    uint64_t known, checked;
};

static uint32_t step_at(const struct said *said, uint32_t node)
{
    for (uint32_t i = 0; i < said->program->length; i++) {
        if (said->program->steps[i].at == said->traced->at.at[node])
            return i;
    }
    fail();
    return 0;
}

static void keep_said(void *context, const struct traced_call *call, const struct values *values)
{
    struct said *said = context;
    uint32_t step = step_at(said, call->node);
    assert_null(said->at[step]); /* once per node */
    said->at[step] = xmalloc(sizeof(*values));
    *said->at[step] = *values;
}

static bool is_maker(const struct said *said, struct source source)
{
    if (source.call < 0 || source.reg)
        return false;
    uint32_t callee = said->program->steps[source.call].to;
    return callee == MAKE || callee == MAKE2;
}

/* Is what is said true of this word? */
static bool is_true(struct said *said, const struct value *value, int64_t word,
                    struct source source)
{
    bool maker = is_maker(said, source);
    said->checked++;
    said->known += value->kind == VALUE_NUMBER || value->kind == VALUE_STACK ||
                   value->kind == VALUE_ENTRY || value->kind == VALUE_RESULT;
    switch (value->kind) {
    case VALUE_NUMBER:
        return word == value->number && !maker;
    case VALUE_STACK:
        return word == STACK_BASE + value->number && !maker;
    case VALUE_ENTRY:
        return value->node < REGISTERS && word == entry_register(value->node) && !maker;
    case VALUE_RESULT:
        return source.call >= 0 && step_at(said, value->node) == (uint32_t)source.call &&
               value->number == source.reg;
    case VALUE_MAYBE: /* this maker's or anything that no maker made */
        return !maker || step_at(said, value->node) == (uint32_t)source.call;
    case VALUE_MAYBE_ANY:
        return true;
    case VALUE_UNKNOWN:
    case VALUE_RAISED:
        return !maker; /* what was made is never lost out of sight */
    default:
        return false; /* these programs have no other words */
    }
}

static void check_state(struct said *said, const struct machine *machine, uint32_t step)
{
    const struct values *values = said->at[step];
    unsigned stack = registers_of(machine->program->arch).stack;
    assert_non_null(values); /* the call was reached */
    assert_int_equal(values->registers[stack].kind, VALUE_STACK);
    assert_true(STACK_BASE + values->registers[stack].number == machine->sp);
    for (unsigned i = 0; i < REGISTERS; i++)
        assert_true(
            is_true(said, &values->registers[i], machine->registers[i], machine->sources[i]));
    for (int64_t at = -32; at < 64; at += 4) {
        struct value value = values_slot(values, at);
        struct source source;
        int64_t word = machine_word(machine, STACK_BASE + at, &source);
        assert_true(is_true(said, &value, word, source));
    }
}

/* One way: the bits say at which branches to jump. */
static void run_once(struct said *said, struct machine *machine, uint32_t decisions)
{
    machine_start(machine, said->program);
    uint32_t at = 0;
    for (unsigned steps = 0; steps < RUN_MAX; steps++) {
        const struct step *step = &said->program->steps[at];
        if (step->kind == STEP_RETURN)
            return;
        if (step->kind == STEP_CALL)
            check_state(said, machine, at);
        machine_step(machine, at);
        at++;
        if (step->kind == STEP_JUMP)
            at = step->to;
        if (step->kind == STEP_BRANCH) {
            at = decisions & 1 ? step->to : at;
            decisions >>= 1;
        }
    }
}

static void check_program(struct random_program *program, struct machine *machine,
                          struct said *said)
{
    struct function function;
    encode(program);
    function_open(&function, program->arch, program->code.at, program->code.length);
    *said = (struct said){.program = program,
                          .traced = &function.traced,
                          .known = said->known,
                          .checked = said->checked};
    struct value_visitor visitor = {.call = keep_said, .context = said};
    assert_null(values_follow(&function.code, &function.traced, &rules, &visitor));
    for (uint32_t decisions = 0; decisions < UINT32_C(1) << DECISIONS; decisions++)
        run_once(said, machine, decisions);
    for (uint32_t i = 0; i < STEPS_MAX; i++)
        free(said->at[i]);
    function_close(&function);
}

static void check_programs(enum architecture arch, bool narrow, bool calls)
{
    struct random_program *program = xcalloc(1, sizeof(*program));
    struct machine *machine = xcalloc(1, sizeof(*machine));
    struct said said = {.known = 0};
    program->arch = arch;
    for (unsigned round = 0; round < 1000; round++) {
        make_program(program, narrow, calls);
        check_program(program, machine, &said);
    }
    assert_true(said.known > said.checked / 8); /* or little is said at all */
    free(program);
    free(machine);
}

static void what_is_known_is_so_on_every_way_on_amd64(void **state)
{
    (void)state;
    check_programs(ARCH_AMD64, true, false);
    check_programs(ARCH_AMD64, true, true);
}

static void what_is_known_is_so_on_every_way_on_arm64(void **state)
{
    (void)state;
    check_programs(ARCH_ARM64, false, false);
    check_programs(ARCH_ARM64, false, true);
}

/* Words of four bytes, too. */
static void what_is_known_is_so_with_narrow_stores_on_arm64(void **state)
{
    (void)state;
    check_programs(ARCH_ARM64, true, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(straight_code_is_followed),
        cmocka_unit_test(stores_out_of_the_frame_are_told),
        cmocka_unit_test(where_ways_meet_only_what_is_the_same_stays),
        cmocka_unit_test(loops_are_followed_to_the_end),
        cmocka_unit_test(parts_of_slots_end_them),
        cmocka_unit_test(narrow_stores_end_slots_on_arm64),
        cmocka_unit_test(the_zero_register_is_not_the_stack),
        cmocka_unit_test(slots_that_do_not_fit_are_told),
        cmocka_unit_test(slots_that_do_not_fit_where_ways_meet_are_told),
        cmocka_unit_test(constants_and_loads_are_told),
        cmocka_unit_test(results_that_are_lost_where_ways_meet_are_told),
        cmocka_unit_test(copies_of_slots_are_told),
        cmocka_unit_test(copies_by_string_instructions_are_told),
        cmocka_unit_test(atomic_stores_are_told),
        cmocka_unit_test(calls_are_told_in_the_order_of_the_code),
        cmocka_unit_test(odd_pushes_leave_nothing_wrong),
        cmocka_unit_test(nothing_is_known_behind_what_is_no_instruction),
        cmocka_unit_test(large_numbers_do_no_harm),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(what_is_known_is_so_on_every_way_on_amd64),
        cmocka_unit_test(what_is_known_is_so_on_every_way_on_arm64),
        cmocka_unit_test(what_is_known_is_so_with_narrow_stores_on_arm64),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
