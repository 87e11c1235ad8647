/* Places in SARIF. A path is relative to the root of its module, and a base id says which that is:
 * SRCROOT for the program's own, "module@version" for what it depends on. Where these roots are on a
 * machine, a program does not tell. */
#include <string.h>

#include "base/text.h"
#include "find/origin.h"
#include "report/sarif_internal.h"

/* RFC 3986, "path": what may stand as it is. A colon is encoded, so that no folder looks like a
 * scheme. */
static bool is_plain(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte && strchr("-._~/!$&'()*+,;=@", byte));
}

json_t *sarif_uri(const char *path)
{
    struct text uri = {0};
    text_puts(&uri, *path == '/' ? "file://" : "");
    for (; *path; path++) {
        if (is_plain(*path))
            text_add(&uri, path, 1);
        else
            text_printf(&uri, "%%%02X", (unsigned char)*path);
    }
    json_t *value = json_string(uri.bytes);
    text_deinit(&uri);
    return value;
}

static char *base_id(const struct origin *origin)
{
    struct text id = {0};
    if (origin->own || !origin->module)
        text_puts(&id, "SRCROOT");
    else
        text_printf(&id, "%s%s%s", origin->module, origin->version ? "@" : "",
                    origin->version ? origin->version : "");
    return id.bytes;
}

static char *base_description(const struct scan_report *report, const struct origin *origin)
{
    struct text text = {0};
    const char *go = report->program->info.go_version;
    if (origin->own || !origin->module)
        text_printf(&text, "the root of the program's own module%s%s", origin->module ? ", " : "",
                    origin->module ? origin->module : "");
    else if (!strcmp(origin->module, "std"))
        text_printf(&text, "the folder src of %s", go ? go : "Go");
    else
        text_printf(&text, "the root of the module %s%s%s", origin->module,
                    origin->version ? " " : "", origin->version ? origin->version : "");
    return text.bytes;
}

static void declare_base(const struct scan_report *report, const struct origin *origin,
                         const char *id, json_t *bases)
{
    if (json_object_get(bases, id))
        return;
    AUTO_FREE char *description = base_description(report, origin);
    json_object_set_new(bases, id,
                        json_pack("{s:{s:o}}", "description", "text", json_text(description)));
}

static json_t *physical(const struct scan_report *report, const struct place *place,
                        const struct origin *origin, json_t *bases)
{
    AUTO_FREE char *id = base_id(origin);
    declare_base(report, origin, id, bases);
    json_t *value = json_pack("{s:{s:o, s:o}}", "artifactLocation", "uri", sarif_uri(origin->path),
                              "uriBaseId", json_text(id));
    if (place->line > 0)
        json_object_set_new(value, "region", json_pack("{s:i}", "startLine", (int)place->line));
    return value;
}

json_t *sarif_location(const struct scan_report *report, const struct place *place,
                       const struct origin *origin, json_t *bases)
{
    json_t *value = json_object();
    if (origin->path)
        json_object_set_new(value, "physicalLocation", physical(report, place, origin, bases));
    if (place->function)
        json_object_set_new(value, "logicalLocations",
                            json_pack("[{s:o, s:s}]", "fullyQualifiedName",
                                      json_text(place->function), "kind", "function"));
    return value;
}

json_t *sarif_other_location(const struct scan_report *report, const struct place *place,
                             json_t *bases)
{
    struct origin origin = origin_of(report->program, place->function, place->file);
    json_t *value = sarif_location(report, place, &origin, bases);
    origin_deinit(&origin);
    return value;
}
