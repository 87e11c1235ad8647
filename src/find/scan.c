#include "find/scan_internal.h"

#include <string.h>

#include "base/text.h"
#include "code/flow.h"

static const char *const callees[CALLEE_COUNT] = {
    [CALLEE_DEFERPROC] = "runtime.deferproc",
    [CALLEE_DEFERPROCAT] = "runtime.deferprocat",
    [CALLEE_DEFERRANGEFUNC] = "runtime.deferrangefunc",
    [CALLEE_NEWPROC] = "runtime.newproc",
    [CALLEE_CHANSEND] = "runtime.chansend1",
    [CALLEE_CHANRECV1] = "runtime.chanrecv1",
    [CALLEE_CHANRECV2] = "runtime.chanrecv2",
    [CALLEE_SELECTGO] = "runtime.selectgo",
};

bool scanner_trace(struct scanner *scanner, const struct func *func, struct traced *traced_ret)
{
    scanner->scan->examined++;
    struct error *error =
        flow_function(scanner->target, scanner->program, func, scanner->decoder, traced_ret);
    bool failed = error_ignore(error);
    if (failed || traced_ret->undecoded)
        scanner->scan->undecoded++;
    return !failed;
}

bool scanner_call_node(const struct traced *traced, address return_pc, uint32_t *node_ret)
{
    for (size_t i = 0; i < traced->calls.length; i++) {
        if (traced->calls.at[i].return_pc != return_pc)
            continue;
        *node_ret = traced->calls.at[i].node;
        return true;
    }
    return false;
}

/* FNV-1a, 64 bits: the same on every machine and in every release of seep. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (const char *byte = text ? text : ""; *byte; byte++)
        hash = (hash ^ (uint8_t)*byte) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static bool is_taken(const struct findings *findings, const char *fingerprint)
{
    for (size_t i = 0; i < findings->length; i++) {
        if (!strcmp(findings->at[i].fingerprint, fingerprint))
            return true;
    }
    return false;
}

/* Of findings that are the same in all but their lines, the first in the code is number 0. */
static char *fingerprint_of(const struct findings *findings, const struct finding *finding,
                            const char *function, const char *mark)
{
    uint64_t hash = hash_text(UINT64_C(0xcbf29ce484222325), rule_name(finding->rule));
    hash = hash_text(hash, finding->origin.module);
    hash = hash_text(hash, function);
    hash = hash_text(hash, mark);
    char *text = sentence("%016llx", (unsigned long long)hash);
    for (unsigned n = 1; is_taken(findings, text); n++) {
        free(text);
        text = sentence("%016llx-%u", (unsigned long long)hash, n);
    }
    return text;
}

void scanner_report(struct scanner *scanner, struct finding *finding, const char *function,
                    const char *file, const char *mark)
{
    finding->oldest_s = finding->newest_s = -1;
    finding->origin = origin_of(scanner->program, function, file);
    finding->fingerprint = fingerprint_of(&scanner->scan->findings, finding, function, mark);
    VECTOR_PUSH(&scanner->scan->findings, *finding);
}

struct error *scan_program(struct target *target, struct program *program, struct scan *scan_ret)
{
    struct scan scan = {.functions = program->pclntab.function_count};
    struct scanner scanner = {.target = target, .program = program, .scan = &scan};
    TRY(decoder_create(program->arch, &scanner.decoder));
    struct error *error = call_sites_find(target, program, callees, CALLEE_COUNT, &scanner.sites);
    if (!error) {
        scan_defers(&scanner);
        findings_sort_by_rank(&scan.findings);
    }
    VECTOR_DEINIT(&scanner.sites);
    decoder_destroy(scanner.decoder);
    if (error)
        return error;
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
