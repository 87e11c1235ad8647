/* What processes run, and how they can be sampled: one line for each. */
#include <stdio.h>
#include <string.h>

#include "look/look.h"
#include "report/places.h"
#include "runtime/observation.h"
#include "runtime/recipe.h"
#include "target/procfs.h"

struct opened {
    struct target *target;
    struct program *program;
    struct runtime *runtime;
};

static void close_all(struct opened *opened)
{
    if (opened->runtime)
        runtime_close(opened->runtime);
    if (opened->program)
        program_close(opened->program);
    if (opened->target)
        target_close(opened->target);
}

static void put_text(json_t *line, const char *key, const char *text)
{
    json_object_set_new(line, key, json_string(text ? text : ""));
}

static void put_recipe(json_t *line, const struct recipe *recipe)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = (const uint8_t *)recipe;
    char text[2 * sizeof(*recipe) + 1];
    for (size_t i = 0; i < sizeof(*recipe); i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * sizeof(*recipe)] = '\0';
    put_text(line, "recipe", text);
}

static void put_program(json_t *line, struct opened *opened)
{
    const struct target_facts *facts = target_facts(opened->target);
    struct program *program = opened->program;
    const char *source = NULL;
    AUTO_FREE char *release = release_name(&program->info, program->build_id, &source);
    put_text(line, "exe", facts->exe_path);
    put_text(line, "go_version", program->info.go_version);
    put_text(line, "module", program->info.main_module);
    put_text(line, "release", release);
    put_text(line, "release_source", release ? source : NULL);
    put_text(line, "build_id", program->build_id);
    json_object_set_new(line, "stripped", json_boolean(program->stripped));
}

static struct error *describe(struct opened *opened, int pid, json_t *line)
{
    bool is_go = false;
    struct buildinfo info = {0};
    TRY(target_open_process(pid, &opened->target));
    put_text(line, "name", target_facts(opened->target)->name);
    struct error *error = program_is_go(target_executable(opened->target), &is_go, &info);
    buildinfo_deinit(&info);
    if (error || !is_go)
        return error;
    json_object_set_new(line, "go", json_true());
    TRY(program_open(opened->target, runtime_wanted_types, &opened->program));
    put_program(line, opened);
    struct recipe recipe;
    const char *blind = NULL;
    TRY(runtime_open(opened->target, opened->program, &opened->runtime));
    TRY(recipe_make(opened->runtime, &recipe, &blind));
    put_recipe(line, &recipe);
    put_text(line, "blind", blind);
    return target_check(opened->target);
}

static void look_at(int pid)
{
    char path[32];
    struct process_stat stat = {0};
    struct opened opened = {0};
    json_t *line = json_object();
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    json_object_set_new(line, "pid", json_integer(pid));
    json_object_set_new(line, "go", json_false());
    if (!procfs_stat(-1, path, &stat)) /* an absolute path */
        json_object_set_new(line, "start_ticks", json_integer((json_int_t)stat.start_ticks));
    struct error *error = describe(&opened, pid, line);
    if (error) {
        put_text(line, "problem", error_message(error));
        json_object_set_new(
            line, "gone",
            json_boolean(error_code(error) == ERROR_GONE || error_code(error) == ERROR_NOT_FOUND));
    }
    error_destroy(error);
    close_all(&opened);
    look_say(line);
}

int look_recipes(char **arguments)
{
    for (; *arguments; arguments++) {
        int pid = look_pid(*arguments);
        if (!pid)
            return look_complain("recipes wants pids");
        look_at(pid);
    }
    return 0;
}
