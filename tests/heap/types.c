/* How many objects of each type there are among those that the collector would reach, and how that is known. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "heap/typing.h"
#include "heapcheck.h"
#include "program/variable_types.h"

struct tally {
    uint64_t objects, values, bytes;
};

static void count_all(struct heap *heap, struct typing *typing, const uint64_t *reached,
                      struct tally *tallies)
{
    for (uint32_t i = 0; i < heap->objects.span_count; i++) {
        const struct object_span *span = &heap->objects.spans[i];
        for (uint32_t k = 0; k < span->count; k++) {
            struct object object = {.span = i, .index = k};
            uint32_t number = span->first + k;
            if (!(reached[number / 64] >> number % 64 & 1))
                continue;
            struct tally *tally = &tallies[typing_form(typing, number)];
            tally->objects++;
            tally->values += typing_count(typing, object);
            tally->bytes += object_size(&heap->objects, object);
        }
    }
}

static void print_facts(const struct typing *typing, const uint64_t *reached)
{
    struct typing_facts facts;
    typing_facts(typing, reached, &facts);
    for (unsigned way = 0; way < TYPED_WAYS; way++)
        printf("way %s %" PRIu64 " %" PRIu64 "\n", typing_way_name(way), facts.by_way[way],
               facts.bytes_by_way[way]);
    printf("contradictions %" PRIu64 "\nmisfits %" PRIu64 "\n", facts.contradictions,
           facts.misfits);
}

/* Where sampled ones were made. */
static void print_places(struct heap *heap, struct typing *typing, const uint64_t *reached)
{
    for (uint32_t i = 0; i < heap->objects.span_count; i++) {
        const struct object_span *span = &heap->objects.spans[i];
        for (uint32_t k = 0; k < span->count; k++) {
            struct object object = {.span = i, .index = k};
            uint32_t number = span->first + k;
            struct text place = {0};
            if (reached[number / 64] >> number % 64 & 1 && typing_place(typing, object, &place))
                printf("made %s of %s\n", place.bytes,
                       typing_form_name(typing, typing_form(typing, number)));
            text_deinit(&place);
        }
    }
}

/* Those without a form, by size class. */
static void print_untyped(struct heap *heap, struct typing *typing, const uint64_t *reached)
{
    for (uint32_t i = 0; i < heap->objects.span_count; i++) {
        const struct object_span *span = &heap->objects.spans[i];
        struct text name = {0};
        uint64_t count = 0;
        address first = 0;
        for (uint32_t number = span->first; number < span->first + span->count; number++) {
            if (!(reached[number / 64] >> number % 64 & 1) || typing_form(typing, number))
                continue;
            struct object object = {.span = i, .index = number - span->first};
            first = count++ ? first : object_address(&heap->objects, object);
        }
        if (count) {
            for (uint32_t k = 0; k < span->count && !name.length; k++) {
                if (!typing_form(typing, span->first + k))
                    typing_name(typing, (struct object){.span = i, .index = k}, &name);
            }
            printf("untyped %" PRIu64 " 0x%" PRIx64 " %s\n", count, first, name.bytes);
        }
        text_deinit(&name);
    }
}

/* The fields of the first object of each form. */
static void print_fields(struct heap *heap, struct typing *typing, const uint64_t *reached)
{
    AUTO_FREE bool *seen = xcalloc(typing_forms(typing), sizeof(*seen));
    for (uint32_t i = 0; i < heap->objects.span_count; i++) {
        const struct object_span *span = &heap->objects.spans[i];
        for (uint32_t k = 0; k < span->count; k++) {
            struct object object = {.span = i, .index = k};
            uint32_t form = typing_form(typing, span->first + k);
            unsigned header = span->format == POINTERS_HEADER ? 8 : 0;
            uint64_t size = object_size(&heap->objects, object);
            if (!(reached[(span->first + k) / 64] >> (span->first + k) % 64 & 1) || seen[form])
                continue;
            seen[form] = true;
            for (uint64_t at = header; at < size && at < 8192; at += 8) {
                struct text field = {0};
                if (typing_field(typing, object, at, &field) && field.length)
                    printf("field %" PRIu64 " %s %s\n", at - header, field.bytes,
                           typing_form_name(typing, form));
                text_deinit(&field);
            }
        }
    }
}

struct error *print_types(struct opened *opened, bool fields)
{
    struct walk walk = {0};
    struct typing *typing = NULL;
    struct variable_types variables;
    TRY(walk_all(opened, &walk));
    double start = now_s();
    variable_types_read(opened->target, opened->program, &variables);
    printf("variables %zu\nvariables_seconds %.3f\n", variables.list.length, now_s() - start);
    clock_t spent = clock();
    TRY(typing_open(walk.heap, &opened->observation, &variables, &typing));
    printf("seconds %.3f\n", (double)(clock() - spent) / CLOCKS_PER_SEC);
    print_facts(typing, walk.marker.marked);
    AUTO_FREE struct tally *tallies = xcalloc(typing_forms(typing), sizeof(*tallies));
    count_all(walk.heap, typing, walk.marker.marked, tallies);
    for (uint32_t i = 0; i < typing_forms(typing); i++) {
        if (tallies[i].objects)
            printf("type %" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", tallies[i].objects,
                   tallies[i].values, tallies[i].bytes, typing_form_name(typing, i));
    }
    if (fields)
        print_places(walk.heap, typing, walk.marker.marked);
    if (fields)
        print_fields(walk.heap, typing, walk.marker.marked);
    print_untyped(walk.heap, typing, walk.marker.marked);
    typing_close(typing);
    variable_types_deinit(&variables);
    walk_end(&walk);
    return NULL;
}

/* The same program with what debug information says of its variables and without it: object by object. */
struct error *print_twins(struct opened *opened)
{
    struct walk walk = {0};
    struct typing *with = NULL, *without = NULL;
    struct variable_types variables;
    uint64_t same = 0, different = 0, only_with = 0, only_without = 0, neither = 0;
    TRY(walk_all(opened, &walk));
    variable_types_read(opened->target, opened->program, &variables);
    TRY(typing_open(walk.heap, &opened->observation, &variables, &with));
    TRY(typing_open(walk.heap, &opened->observation, NULL, &without));
    for (uint32_t number = 0; number < walk.heap->objects.count; number++) {
        uint32_t a = typing_form(with, number), b = typing_form(without, number);
        if (!marker_has(&walk.marker, number))
            continue;
        bool agree = !strcmp(typing_form_name(with, a), typing_form_name(without, b));
        neither += !a && !b;
        only_with += a && !b;
        only_without += !a && b;
        same += a && b && agree;
        different += a && b && !agree;
        if (a && b && !agree)
            printf("differ %s (%s) and %s (%s)\n", typing_form_name(with, a),
                   typing_way_name(typing_way(with, number)), typing_form_name(without, b),
                   typing_way_name(typing_way(without, number)));
    }
    printf("same %" PRIu64 "\ndifferent %" PRIu64 "\nonly_with %" PRIu64 "\nonly_without %" PRIu64
           "\nneither %" PRIu64 "\n",
           same, different, only_with, only_without, neither);
    typing_close(with);
    typing_close(without);
    variable_types_deinit(&variables);
    walk_end(&walk);
    return NULL;
}
