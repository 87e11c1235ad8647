#include "target/registers.h"

#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"

enum {
    AMD64_GENERAL = 15, /* r15 to rdi: what stands before orig_rax */
    AMD64_PC = 16,      /* index in user_regs_struct */
    AMD64_SP = 19,
    ARM64_GENERAL = 31, /* x0 to x30 */
    ARM64_LR = 30,      /* index in user_pt_regs */
    ARM64_SP = 31,
    ARM64_PC = 32,
};

static bool word_at(const uint8_t *bytes, uint64_t size, unsigned index, uint64_t *word_ret)
{
    return bytes_u64(bytes, size, 8 * (uint64_t)index, word_ret);
}

bool registers_decode(bool is_amd64, const uint8_t *bytes, uint64_t size,
                      struct thread_registers *registers_ret)
{
    struct thread_registers registers = {.general_count = is_amd64 ? AMD64_GENERAL : ARM64_GENERAL};
    for (unsigned i = 0; i < registers.general_count; i++)
        if (!word_at(bytes, size, i, &registers.general[i]))
            return false;
    if (!word_at(bytes, size, is_amd64 ? AMD64_PC : ARM64_PC, &registers.pc) ||
        !word_at(bytes, size, is_amd64 ? AMD64_SP : ARM64_SP, &registers.sp))
        return false;
    registers.lr = is_amd64 ? 0 : registers.general[ARM64_LR];
    *registers_ret = registers;
    return true;
}

/* Words that no program has as an address are left out. */
static void add_other(const uint8_t *bytes, uint64_t size, uint64_t at,
                      struct thread_registers *registers)
{
    enum {
        LOWEST = 4096,
        ADDRESS_BITS = 47
    };
    uint64_t word = 0;
    if (!bytes_u64(bytes, size, at, &word) || word < LOWEST || word >> ADDRESS_BITS)
        return;
    if (registers->other_count < VECTOR_OTHERS)
        registers->other[registers->other_count++] = word;
    else
        registers->vector_known = false;
}

/* Where they stand is fixed up to the upper halves (Intel SDM volume 1, 13.4 and 13.5); what is behind these differs from processor to processor. */
static void decode_xsave(const uint8_t *bytes, uint64_t size, struct thread_registers *registers)
{
    enum {
        X87 = 32, /* bytes */
        X87_END = 160,
        LOWER = 160,
        HEADER = 512,
        UPPER = 576,
        UPPER_END = 832,
        REGISTERS = 16,
        HALF = 16
    };
    for (uint64_t at = X87; at < X87_END; at += 8)
        add_other(bytes, size, at, registers);
    for (uint64_t at = UPPER_END; at < size; at += 8)
        add_other(bytes, size, at, registers);
    for (unsigned i = 0; i < REGISTERS; i++) {
        memcpy(&registers->vector[4 * (size_t)i], bytes + LOWER + (size_t)i * HALF, HALF);
        if (size >= UPPER_END)
            memcpy(&registers->vector[4 * (size_t)i + 2], bytes + UPPER + (size_t)i * HALF, HALF);
    }
}

void registers_decode_vector(bool is_amd64, bool old, const uint8_t *bytes, uint64_t size,
                             struct thread_registers *registers)
{
    enum {
        FXSAVE_BYTES = 512
    };
    if (size < FXSAVE_BYTES || (old && registers->vector_known))
        return;
    registers->other_count = 0;
    registers->vector_known = !is_amd64 || !old;
    if (is_amd64)
        decode_xsave(bytes, old ? FXSAVE_BYTES : size, registers);
    else
        memcpy(registers->vector, bytes, sizeof(registers->vector));
}

const struct thread_registers *registers_find(const struct thread_registers *threads, size_t count,
                                              pid_t tid)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (threads[middle].tid < tid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && threads[low].tid == tid ? &threads[low] : NULL;
}

static int by_tid(const void *left, const void *right)
{
    const struct thread_registers *a = left;
    const struct thread_registers *b = right;
    return (a->tid > b->tid) - (a->tid < b->tid);
}

void registers_sort(struct thread_registers *threads, size_t count)
{
    if (count)
        qsort(threads, count, sizeof(*threads), by_tid);
}
