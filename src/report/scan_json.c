/* A scan as JSON: docs/scan.schema.json is the contract. */
#include <math.h>
#include <string.h>

#include "report/json_internal.h"
#include "report/report_scan.h"

enum {
    SCHEMA = 1
};

static json_t *binary_json(const struct scan_report *report)
{
    struct program *program = report->program;
    const char *source = NULL;
    AUTO_FREE char *release = release_name(&program->info, program->build_id, &source);
    return json_pack(
        "{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "path",
        json_text(report->facts->exe_path), "go_version", json_text(program->info.go_version),
        "arch", program->arch == ARCH_ARM64 ? "arm64" : "amd64", "main_path",
        json_text(program->info.main_path), "main_module", json_text(program->info.main_module),
        "release", json_text(release), "release_source", json_text(release ? source : NULL),
        "build_id", json_text(program->build_id), "stripped", program->stripped,
        "position_independent", program->position_independent);
}

static const char *way_out_name(enum way_out way)
{
    return way == WAY_OUT_NONE ? "none" : way == WAY_OUT_EXISTS ? "exists" : "unknown";
}

static json_t *defers_json_of(const struct scan *scan)
{
    json_t *values = json_array();
    for (size_t i = 0; i < scan->defers.length; i++) {
        const struct scanned_defer *defer = &scan->defers.at[i];
        json_array_append_new(
            values,
            json_pack("{s:o, s:b, s:s, s:s, s:b}", "at", json_place(&defer->at), "in_loop",
                      defer->facts.in_loop, "way_out", way_out_name(defer->facts.loop_exit),
                      "returns", way_out_name(defer->facts.returns), "reported", defer->reported));
    }
    return values;
}

static json_t *scan_finding_json(const struct finding *finding)
{
    json_t *value = finding_json(finding);
    json_object_set_new(value, "call_bytes",
                        finding->call_bytes ? json_count(finding->call_bytes) : json_null());
    json_object_set_new(value, "module",
                        json_pack("{s:o, s:o, s:o, s:b}", "path", json_text(finding->origin.module),
                                  "version", json_text(finding->origin.version), "file",
                                  json_text(finding->origin.path), "own", finding->origin.own));
    json_object_set_new(value, "fingerprint", json_text(finding->fingerprint));
    return value;
}

json_t *report_scan_json(const struct scan_report *report)
{
    const struct scan *scan = report->scan;
    json_t *findings = json_array(), *notes = json_array();
    uint64_t suppressed = 0, known = 0;
    for (size_t i = 0; i < scan->findings.length; i++) {
        const struct known *of = &report->known[i];
        suppressed += of->suppression != NULL;
        known += !of->suppression && of->in_baseline;
        if (scan_report_shows(report, &scan->findings.at[i]))
            json_array_append_new(findings, scan_finding_json(&scan->findings.at[i]));
    }
    for (size_t i = 0; i < scan->notes.length; i++)
        json_array_append_new(notes, json_text(scan->notes.at[i]));
    json_t *value = json_object();
    json_object_set_new(value, "schema", json_integer(SCHEMA));
    json_object_set_new(value, "seep", json_string(SEEP_VERSION));
    json_object_set_new(value, "binary", binary_json(report));
    json_object_set_new(value, "read_s", json_real(round(report->read_s * 1e6) / 1e6));
    json_object_set_new(value, "functions",
                        json_pack("{s:o, s:o, s:o}", "total", json_count(scan->functions),
                                  "examined", json_count(scan->examined), "undecoded",
                                  json_count(scan->undecoded)));
    json_object_set_new(value, "defers", defers_json_of(scan));
    json_object_set_new(value, "findings", findings);
    json_object_set_new(value, "suppressed", json_count(suppressed));
    json_object_set_new(value, "known", report->has_baseline ? json_count(known) : json_null());
    json_object_set_new(value, "notes", notes);
    return value;
}

void report_scan_json_unused(json_t *document, const struct suppressions *suppressions)
{
    json_t *unused = json_array();
    for (size_t i = 0; i < suppressions->list.length; i++) {
        const struct suppression *suppression = &suppressions->list.at[i];
        if (!suppression->used)
            json_array_append_new(unused, json_pack("{s:o, s:I, s:o}", "file",
                                                    json_text(suppressions->path), "line",
                                                    (json_int_t)suppression->line, "reason",
                                                    json_text(suppression->reason)));
    }
    json_object_set_new(document, "unused_suppressions", unused);
}
