#include "target/landing.h"

#include <string.h>

static const uint8_t clone_end[] = {
    0x0f, 0x05,             /* SYSCALL */
    0x48, 0x83, 0xf8, 0x00, /* CMPQ AX, $0 */
    0x74, 0x05,             /* JEQ to the child's part */
    0x89, 0x44, 0x24, 0x30, /* MOVL AX, 48(SP) */
    0xc3,                   /* RET */
    0x48, 0x89, 0xf4,       /* MOVQ SI, SP */
    0x49, 0x83, 0xfd, 0x00, /* CMPQ R13, $0 */
    0x74,                   /* JEQ, and how far */
};
static const uint8_t child_end[] = {
    0x41, 0xff, 0xd4,             /* CALL R12 */
    0xbf, 0x6f, 0x00, 0x00, 0x00, /* MOVL $111, DI */
    0xb8, 0x3c, 0x00, 0x00, 0x00, /* MOVL $SYS_exit, AX */
    0x0f, 0x05,                   /* SYSCALL */
};

enum {
    CALL_BYTES = 3
};

static bool fits_in(const struct file_range *range, const uint8_t *found, struct landing *ret)
{
    const uint8_t *end = range->bytes + (range->end - range->start);
    const uint8_t *jump = found + sizeof(clone_end);
    if (jump >= end || *jump > 127)
        return false;
    const uint8_t *child = jump + 1 + *jump;
    if (child > end || (size_t)(end - child) < sizeof(child_end) ||
        memcmp(child, child_end, sizeof(child_end)) != 0)
        return false;
    ret->call = range->start + (uint64_t)(found - range->bytes);
    ret->exit = range->start + (uint64_t)(child - range->bytes) + CALL_BYTES;
    return true;
}

static bool find_in(const struct file_range *range, struct landing *ret)
{
    const uint8_t *at = range->bytes;
    const uint8_t *end = at + (range->end - range->start);
    for (;;) {
        at = memmem(at, (size_t)(end - at), clone_end, sizeof(clone_end));
        if (!at || fits_in(range, at, ret))
            return at != NULL;
        at++;
    }
}

static bool is_code(const struct target *target, const struct file_range *range)
{
    const struct mapping *mapping = mappings_at(&target->mappings, range->start);
    return !range->writable && mapping && mapping->executable;
}

struct landing landing_find(const struct target *target)
{
    struct landing landing = {0};
#if defined(__x86_64__)
    for (size_t i = 0; i < target->file_ranges.length; i++)
        if (is_code(target, &target->file_ranges.at[i]) &&
            find_in(&target->file_ranges.at[i], &landing))
            break;
#else
    (void)find_in, (void)is_code, (void)target;
#endif
    return landing;
}

bool landing_fits(const uint8_t bytes[LANDING_FUTEX_BYTES])
{
    static const uint8_t futex_end[LANDING_FUTEX_BYTES] = {0x89, 0x44, 0x24, 0x30, 0xc3};
    return memcmp(bytes, futex_end, sizeof(futex_end)) == 0;
}
