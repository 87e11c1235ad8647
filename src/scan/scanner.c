#include "scan/scanner.h"

#include <string.h>

#include "code/calls.h"
#include "code/flow.h"

enum {
    SPEND_MAX = 1 << 26,
    CACHED_NODES_MAX = 1 << 19 /* instructions of kept summaries: some 40 MB */
};

/* Where a name is known by its number in this list; several may mean the same. */
static const struct {
    enum callee callee;
    const char *name;
} callees[] = {
    {CALLEE_DEFERPROC, "runtime.deferproc"},
    {CALLEE_DEFERPROCAT, "runtime.deferprocat"},
    {CALLEE_DEFERRANGEFUNC, "runtime.deferrangefunc"},
    {CALLEE_NEWPROC, "runtime.newproc"},
    {CALLEE_MAKECHAN, "runtime.makechan"},
    {CALLEE_CHANSEND, "runtime.chansend1"},
    {CALLEE_CHANRECV1, "runtime.chanrecv1"},
    {CALLEE_CHANRECV2, "runtime.chanrecv2"},
    {CALLEE_SELECTGO, "runtime.selectgo"},
    {CALLEE_SELECTNBSEND, "runtime.selectnbsend"},
    {CALLEE_SELECTNBRECV, "runtime.selectnbrecv"},
    {CALLEE_CLOSECHAN, "runtime.closechan"},
    {CALLEE_SLEEP, "time.Sleep"},
    {CALLEE_AFTER, "time.After"},
    {CALLEE_TICK, "time.Tick"},
    {CALLEE_NEW_TICKER, "time.NewTicker"},
    {CALLEE_NEW_TIMER, "time.NewTimer"},
    {CALLEE_WAITGROUP_ADD, "sync.(*WaitGroup).Add"},
    {CALLEE_WAITGROUP_DONE, "sync.(*WaitGroup).Done"},
    {CALLEE_WAITGROUP_WAIT, "sync.(*WaitGroup).Wait"},
    {CALLEE_WITH_CANCEL, "context.WithCancel"},
    {CALLEE_WITH_CANCEL_INLINED, "context.withCancel"},
    {CALLEE_HANDLE_FUNC, "net/http.HandleFunc"},
    {CALLEE_MUX_HANDLE_FUNC, "net/http.(*ServeMux).HandleFunc"},
    {CALLEE_REQUEST, "net/http.(*Request).FormValue"},
    {CALLEE_REQUEST, "net/http.(*Request).PostFormValue"},
    {CALLEE_REQUEST, "net/http.(*Request).ParseForm"},
    {CALLEE_REQUEST, "net/http.(*Request).ParseMultipartForm"},
    {CALLEE_REQUEST, "net/http.(*Request).FormFile"},
    {CALLEE_REQUEST, "net/http.(*Request).PathValue"},
    {CALLEE_REQUEST, "net/http.Error"},
    {CALLEE_REQUEST, "net/http.NotFound"},
    {CALLEE_REQUEST, "net/http.Redirect"},
    {CALLEE_EXIT, "os.Exit"},
    {CALLEE_EXIT, "syscall.Exit"},
    {CALLEE_PANIC, "runtime.gopanic"},
    {CALLEE_EXIT, "log.Fatal"},
    {CALLEE_EXIT, "log.Fatalf"},
    {CALLEE_EXIT, "log.Fatalln"},
    {CALLEE_EXIT, "log.(*Logger).Fatal"},
    {CALLEE_EXIT, "log.(*Logger).Fatalf"},
    {CALLEE_EXIT, "log.(*Logger).Fatalln"},
};

static const char *const cancel_closures[] = {"context.WithCancel.func1"};

bool scanner_spend(struct scanner *scanner, uint64_t amount)
{
    scanner->spent += amount;
    return scanner->spent <= SPEND_MAX;
}

static struct summary *make_summary(struct scanner *scanner, const struct func *func)
{
    struct summary *summary = NULL;
    if (!scanner_spend(scanner, func->end - func->entry))
        return NULL;
    bool failed = error_ignore(summary_create(&scanner->summaries, func, &summary));
    u64map_set(&scanner->followed, func->entry, 1);
    if (failed || summary->traced.undecoded)
        u64map_set(&scanner->lost, func->entry, 1);
    scanner->scan->examined = scanner->followed.length;
    scanner->scan->undecoded = scanner->lost.length;
    return summary;
}

struct summary *scanner_summary(struct scanner *scanner, const struct func *func)
{
    uint32_t index;
    if (u64map_get(&scanner->cached, func->entry, &index))
        return scanner->cache.at[index];
    struct summary *summary = make_summary(scanner, func);
    uint64_t nodes = summary ? summary->traced.nodes.length : 0;
    if (scanner->cached_nodes + nodes > CACHED_NODES_MAX)
        return summary;
    scanner->cached_nodes += nodes;
    u64map_set(&scanner->cached, func->entry, (uint32_t)scanner->cache.length);
    VECTOR_PUSH(&scanner->cache, summary);
    if (summary)
        summary->is_shared = true;
    return summary;
}

void scanner_release(struct summary *summary)
{
    if (summary && !summary->is_shared)
        summary_destroy(summary);
}

bool scanner_next(const struct scanner *scanner, const enum callee *wanted, size_t count,
                  size_t *at, struct func *func_ret)
{
    for (; *at < scanner->sites.length; ++*at) {
        const struct call_site *site = &scanner->sites.at[*at];
        for (size_t k = 0; k < count; k++) {
            if ((enum callee)site->name != wanted[k] ||
                !pclntab_func(&scanner->program->pclntab, site->return_pc - 1, func_ret))
                continue;
            while (*at < scanner->sites.length && scanner->sites.at[*at].return_pc <= func_ret->end)
                ++*at;
            return true;
        }
    }
    return false;
}

static bool uses_results(struct scanner *scanner, address return_pc, uint32_t results)
{
    struct func func;
    uint32_t node;
    if (!pclntab_func(&scanner->program->pclntab, return_pc - 1, &func))
        return false;
    struct summary *summary = scanner_summary(scanner, &func);
    bool used = !summary;
    if (summary && scanner_call_node(&summary->traced, return_pc, &node)) {
        for (unsigned i = 0; i < SUMMARY_ARGUMENTS; i++) {
            struct value result = {VALUE_RESULT, node, i};
            used = used || (results >> i & 1 && summary_uses(summary, &result));
        }
    }
    scanner_release(summary);
    return used;
}

bool scanner_results_used(struct scanner *scanner, address entry, uint32_t results)
{
    enum {
        CALLERS_MAX = 16
    };
    struct named_entry one = {.entry = entry};
    struct named_entries entries = {.at = &one, .length = 1};
    struct call_sites callers = {0};
    bool used =
        error_ignore(call_sites_find(scanner->target, scanner->program, &entries, &callers));
    used = used || !callers.length;
    for (size_t i = 0; i < callers.length && i < CALLERS_MAX && !used; i++)
        used = uses_results(scanner, callers.at[i].return_pc, results);
    VECTOR_DEINIT(&callers);
    return used;
}

/* Level by level, the functions that call those of the level before. */
static void find_exits(struct scanner *scanner)
{
    enum {
        LEVELS = 3
    };
    static const char *const name = "runtime.Goexit";
    struct named_entries level = {0};
    calls_entries(scanner->program, &name, 1, &level);
    for (size_t i = 0; i < level.length; i++)
        u64map_set(&scanner->exits, level.at[i].entry, 1);
    for (unsigned n = 0; n < LEVELS && level.length; n++) {
        struct call_sites sites = {0};
        struct named_entries next = {0};
        if (error_ignore(call_sites_find(scanner->target, scanner->program, &level, &sites)))
            break;
        for (size_t i = 0; i < sites.length; i++) {
            struct func func;
            bool is_new = false;
            if (pclntab_func(&scanner->program->pclntab, sites.at[i].return_pc - 1, &func))
                u64map_intern(&scanner->exits, func.entry, 1, &is_new);
            if (is_new)
                VECTOR_PUSH(&next, (struct named_entry){.entry = func.entry});
        }
        VECTOR_DEINIT(&sites);
        VECTOR_DEINIT(&level);
        level = next;
    }
    VECTOR_DEINIT(&level);
}

bool scanner_exits(struct scanner *scanner, address entry)
{
    uint32_t value;
    if (!scanner->exits_known)
        find_exits(scanner);
    scanner->exits_known = true;
    return u64map_get(&scanner->exits, entry, &value);
}

static bool is_in_loop(struct scanner *scanner, address return_pc)
{
    struct func func;
    uint32_t node;
    bool found = false;
    if (!pclntab_func(&scanner->program->pclntab, return_pc - 1, &func))
        return false;
    struct summary *summary = scanner_summary(scanner, &func);
    if (summary && scanner_call_node(&summary->traced, return_pc, &node)) {
        struct flow_graph graph = traced_graph(&summary->traced);
        found = flow_graph_facts(&graph, node).in_loop;
    }
    scanner_release(summary);
    return found;
}

bool scanner_called_again(struct scanner *scanner, address entry)
{
    struct named_entry one = {.entry = entry};
    struct named_entries entries = {.at = &one, .length = 1};
    struct call_sites callers = {0};
    bool failed =
        error_ignore(call_sites_find(scanner->target, scanner->program, &entries, &callers));
    bool again = !failed && callers.length > 1;
    if (!failed && callers.length == 1)
        again = is_in_loop(scanner, callers.at[0].return_pc);
    VECTOR_DEINIT(&callers);
    return again;
}

enum callee scanner_callee(const struct scanner *scanner, const struct summary_call *call)
{
    uint32_t name;
    bool known = call->made.callee && u64map_get(&scanner->named, call->made.callee, &name);
    return known ? (enum callee)name : CALLEE_NONE;
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

static struct error *find_callees(struct scanner *scanner)
{
    const char *names[LENGTH_OF(callees)];
    struct named_entries entries = {0};
    for (size_t i = 0; i < LENGTH_OF(callees); i++)
        names[i] = callees[i].name;
    calls_entries(scanner->program, names, LENGTH_OF(names), &entries);
    for (size_t i = 0; i < entries.length; i++)
        entries.at[i].name = callees[entries.at[i].name].callee;
    for (size_t i = 0; i < entries.length; i++)
        u64map_set(&scanner->named, entries.at[i].entry, entries.at[i].name);
    struct error *error =
        call_sites_find(scanner->target, scanner->program, &entries, &scanner->sites);
    VECTOR_DEINIT(&entries);
    return error;
}

struct error *scanner_open(struct scanner *scanner)
{
    TRY(decoder_create(scanner->program->arch, &scanner->decoder));
    TRY(find_callees(scanner));
    calls_entries(scanner->program, cancel_closures, LENGTH_OF(cancel_closures),
                  &scanner->cancel_closures);
    summary_context_init(&scanner->summaries, scanner->target, scanner->program, scanner->decoder);
    return NULL;
}

void scanner_close(struct scanner *scanner)
{
    VECTOR_DEINIT(&scanner->sites);
    VECTOR_DEINIT(&scanner->cancel_closures);
    u64map_deinit(&scanner->named);
    u64map_deinit(&scanner->bodies);
    u64map_deinit(&scanner->handlers);
    u64map_deinit(&scanner->fingerprints);
    u64map_deinit(&scanner->exits);
    u64map_deinit(&scanner->followed);
    u64map_deinit(&scanner->lost);
    for (size_t i = 0; i < scanner->cache.length; i++)
        summary_destroy(scanner->cache.at[i]);
    VECTOR_DEINIT(&scanner->cache);
    u64map_deinit(&scanner->cached);
    summary_context_deinit(&scanner->summaries);
    decoder_destroy(scanner->decoder);
}
