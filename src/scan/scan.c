#include "scan/scan.h"

#include <string.h>

#include "base/text.h"
#include "scan/scanner.h"
#include "scan/starts.h"

/* FNV-1a, 64 bits: the same on every machine and in every release of seep. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (const char *byte = text ? text : ""; *byte; byte++)
        hash = (hash ^ (uint8_t)*byte) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

/* Of findings that are the same in all but their lines, the first in the code has no number. */
static char *fingerprint_of(struct scanner *scanner, const struct finding *finding,
                            const char *function, const char *mark)
{
    uint64_t hash = hash_text(UINT64_C(0xcbf29ce484222325), rule_name(finding->rule));
    hash = hash_text(hash, finding->origin.module);
    hash = hash_text(hash, function);
    hash = hash_text(hash, mark);
    uint32_t count = 0;
    u64map_get(&scanner->fingerprints, hash, &count);
    u64map_set(&scanner->fingerprints, hash, count + 1);
    if (!count)
        return sentence("%016llx", (unsigned long long)hash);
    return sentence("%016llx-%u", (unsigned long long)hash, count);
}

void scanner_report(struct scanner *scanner, struct finding *finding, address return_pc,
                    const char *mark)
{
    struct source_frame frame = {.function = "?"};
    pclntab_frames(&scanner->program->pclntab, return_pc - 1, &frame, 1);
    finding->oldest_s = finding->newest_s = -1;
    finding->origin = origin_of(scanner->program, frame.function, frame.file);
    finding->fingerprint = fingerprint_of(scanner, finding, frame.function, mark);
    VECTOR_PUSH(&scanner->scan->findings, *finding);
}

struct error *scan_program(struct target *target, struct program *program, struct scan *scan_ret)
{
    struct scan scan = {.functions = program->pclntab.function_count};
    __attribute__((cleanup(scanner_close))) struct scanner scanner = {
        .target = target, .program = program, .scan = &scan};
    TRY(scanner_open(&scanner));
    starts_gather(&scanner);
    scan_defers(&scanner);
    scan_goroutines(&scanner);
    findings_sort_by_rank(&scan.findings);
    if (!scanner_spend(&scanner, 0))
        VECTOR_PUSH(&scan.notes, sentence("the code is larger, or more tangled, than that of any "
                                          "known program: a part of it was not looked at"));
    *scan_ret = scan;
    return NULL;
}

void scan_deinit(struct scan *scan)
{
    findings_deinit(&scan->findings);
    for (size_t i = 0; i < scan->defers.length; i++)
        place_deinit(&scan->defers.at[i].at);
    VECTOR_DEINIT(&scan->defers);
    for (size_t i = 0; i < scan->notes.length; i++)
        free(scan->notes.at[i]);
    VECTOR_DEINIT(&scan->notes);
}
