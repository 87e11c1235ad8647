/* A range that is to be kept is cut where the kind of its memory changes: at the ends of mappings, and where pages were never
 * touched. Those are zeros, which cost nothing; so are pages that hold nothing else. What cannot be read is left out: it will
 * be a hole for whoever reads the snapshot, as it is for us. */
#include "target/snapshot_write.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "target/copy.h"
#include "target/snapshot_stream.h"

enum {
    RESIDENT_PIECE = 1 << 20
};

struct writing {
    const struct snapshot_order *order;
    struct snapshot_stream stream;
    struct extents touched;
    struct text memory; /* the section MEMO */
    struct extent run;  /* the range that is being made; empty: none is */
    bool run_is_zero;
    address end; /* of the last range that was put into the section */
    uint64_t memory_bytes;
};

/* The section of ranges. */

static void end_run(struct writing *writing)
{
    uint64_t size = writing->run.end - writing->run.start;
    if (!size)
        return;
    snapshot_put_uvarint(&writing->memory, (writing->run.start - writing->end) / SNAPSHOT_UNIT);
    snapshot_put_uvarint(&writing->memory,
                         size / SNAPSHOT_UNIT << 1 | (writing->run_is_zero ? 1 : 0));
    writing->end = writing->run.end;
    writing->memory_bytes += size;
    writing->run = (struct extent){0};
}

static void add_to_run(struct writing *writing, address start, address end, bool is_zero)
{
    if (writing->run.start < writing->run.end && writing->run.end == start &&
        writing->run_is_zero == is_zero) {
        writing->run.end = end;
        return;
    }
    end_run(writing);
    writing->run = (struct extent){.start = start, .end = end};
    writing->run_is_zero = is_zero;
}

/* Memory. */

static bool is_zero(const uint8_t *bytes, size_t size)
{
    return !bytes[0] && !memcmp(bytes, bytes + 1, size - 1);
}

/* Keeps what was read into the room of the stream; pages of zeros are taken out. */
static struct error *keep_read(struct writing *writing, address at, uint8_t *bytes, size_t size)
{
    size_t kept = 0;
    for (size_t done = 0; done < size;) {
        size_t page = TARGET_PAGE - (at + done) % TARGET_PAGE;
        page = page < size - done ? page : size - done;
        bool zero = is_zero(bytes + done, page);
        add_to_run(writing, at + done, at + done + page, zero);
        if (!zero && kept != done)
            memmove(bytes + kept, bytes + done, page);
        kept += zero ? 0 : page;
        done += page;
    }
    return snapshot_stream_filled(&writing->stream, kept);
}

static struct error *keep_page_by_page(struct writing *writing, address start, address end)
{
    for (address at = start; at < end;) {
        size_t room = 0;
        uint8_t *to = snapshot_stream_room(&writing->stream, &room);
        size_t part = TARGET_PAGE - at % TARGET_PAGE;
        part = part < end - at ? part : end - at;
        part = part < room ? part : room;
        struct error *error = target_read(writing->order->target, at, to, part);
        if (error && error_code(error) == ERROR_GONE)
            return error;
        if (!error_ignore(error))
            TRY(keep_read(writing, at, to, part));
        at += part;
    }
    return NULL;
}

static struct error *keep_memory(struct writing *writing, address start, address end)
{
    for (address at = start; at < end;) {
        size_t room = 0;
        uint8_t *to = snapshot_stream_room(&writing->stream, &room);
        size_t part = end - at < room ? end - at : room;
        struct error *error = target_read(writing->order->target, at, to, part);
        if (error && error_code(error) == ERROR_GONE)
            return error;
        if (error_ignore(error))
            TRY(keep_page_by_page(writing, at, at + part));
        else
            TRY(keep_read(writing, at, to, part));
        at += part;
    }
    return NULL;
}

/* Within one mapping. */
static struct error *keep_mapped(struct writing *writing, const struct mapping *mapping,
                                 address start, address end)
{
    if (!copy_keeps(mapping) || mapping->is_file)
        return keep_memory(writing, start, end);
    for (address at = start; at < end;) {
        address until = 0;
        bool touched = extents_hold(&writing->touched, at, &until);
        until = until < end ? until : end;
        if (touched)
            TRY(keep_memory(writing, at, until));
        else
            add_to_run(writing, at, until, true);
        at = until;
    }
    return NULL;
}

static struct error *keep_range(struct writing *writing, struct extent range)
{
    size_t count = 0;
    const struct mapping *mappings = target_mappings(writing->order->target, &count);
    for (address at = range.start; at < range.end;) {
        const struct mapping *mapping = target_mapping_at(writing->order->target, at);
        address end = range.end;
        if (mapping) {
            end = mapping->end < end ? mapping->end : end;
            TRY(keep_mapped(writing, mapping, at, end));
        } else {
            size_t low = 0, high = count; /* the next mapping */
            while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (mappings[middle].start <= at)
                    low = middle + 1;
                else
                    high = middle;
            }
            end = low < count && mappings[low].start < end ? mappings[low].start : end;
        }
        at = end;
    }
    return NULL;
}

/* Up to where an address is in the executable's file, or is not, in whole units: where such a range ends within a unit, the unit is
 * memory. */
static bool is_in_file(const struct target *target, address at, address *end_ret)
{
    const struct file_range *range = target_file_range(target, at);
    address end = range ? range->end / SNAPSHOT_UNIT * SNAPSHOT_UNIT : UINT64_MAX;
    bool in_file = range && !range->writable && end > at;
    for (size_t i = 0; !range && i < target->file_ranges.length; i++) {
        address start = target->file_ranges.at[i].start / SNAPSHOT_UNIT * SNAPSHOT_UNIT;
        if (start > at && start < end)
            end = start;
    }
    *end_ret = end > at ? end : at + SNAPSHOT_UNIT;
    return in_file;
}

/* What nobody writes is in the executable already. */
static struct error *keep_all(struct writing *writing)
{
    for (size_t i = 0; i < writing->order->kept->length; i++) {
        struct extent range = writing->order->kept->at[i];
        while (range.start < range.end) {
            struct extent part = range;
            bool in_file = is_in_file(writing->order->target, range.start, &part.end);
            part.end = part.end < range.end ? part.end : range.end;
            if (!in_file)
                TRY(keep_range(writing, part));
            range.start = part.end;
        }
    }
    end_run(writing);
    return NULL;
}

/* What is resident, halved until it is all or nothing. */
static struct error *find_resident(struct target *target, address start, address end,
                                   struct extents *resident)
{
    uint64_t counted = 0;
    TRY(target_resident(target, start, end - start, &counted));
    if (counted == end - start)
        extents_add(resident, start, end);
    if (!counted || counted == end - start || end - start <= TARGET_PAGE)
        return NULL;
    address middle = start + (end - start) / TARGET_PAGE / 2 * TARGET_PAGE;
    TRY(find_resident(target, start, middle, resident));
    return find_resident(target, middle, end, resident);
}

static struct error *find_all_resident(const struct writing *writing, struct extents *resident)
{
    for (size_t i = 0; i < writing->touched.length; i++) {
        struct extent extent = writing->touched.at[i];
        for (address at = extent.start; at < extent.end;) {
            address until = (at / RESIDENT_PIECE + 1) * RESIDENT_PIECE;
            until = until < extent.end ? until : extent.end;
            TRY(find_resident(writing->order->target, at, until, resident));
            at = until;
        }
    }
    return NULL;
}

/* The file. */

static struct error *put_executable(struct writing *writing)
{
    static const uint8_t padding[SNAPSHOT_UNIT];
    const struct elffile *executable = target_executable(writing->order->target);
    TRY(snapshot_stream_put(&writing->stream, executable->bytes, executable->size));
    return snapshot_stream_put(&writing->stream, padding, -executable->size % SNAPSHOT_UNIT);
}

static double now_unix(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec;
}

static void put_sections(struct writing *writing, const struct extents *resident,
                         struct text *directory)
{
    const struct snapshot_order *order = writing->order;
    struct snapshot_facts facts = {.target = order->target,
                                   .now_ns = order->now_ns,
                                   .pause_ns = order->pause_ns,
                                   .saved_unix = now_unix(),
                                   .ran_on = order->ran_on};
    struct text sizes = {0};
    snapshot_put_facts(directory, &facts);
    snapshot_put_uvarint(&sizes, target_executable(order->target)->size);
    snapshot_put_uvarint(&sizes, writing->stream.put_bytes);
    snapshot_put_section(directory, SNAPSHOT_FILE, &sizes);
    snapshot_put_section(directory, SNAPSHOT_BLOCKS, &writing->stream.sizes);
    snapshot_put_mappings(directory, order->target);
    snapshot_put_threads(directory, order->target);
    snapshot_put_section(directory, SNAPSHOT_MEMORY, &writing->memory);
    snapshot_put_resident(directory, resident);
    text_deinit(&sizes);
}

static struct error *put_directory(struct writing *writing)
{
    struct extents resident = {0};
    struct text directory = {0};
    struct error *error = find_all_resident(writing, &resident);
    if (!error || error_code(error) == ERROR_UNSUPPORTED) {
        error_destroy(error);
        put_sections(writing, &resident, &directory);
        uint64_t trailer[4] = {writing->stream.written_bytes, 0, directory.length, 0};
        memcpy(&trailer[3], SNAPSHOT_MAGIC_END, SNAPSHOT_MAGIC_BYTES);
        error = directory.length > SNAPSHOT_DIRECTORY_MAX
                    ? error_create(ERROR_LIMIT, "its memory is in too many pieces")
                    : snapshot_stream_frame(&writing->stream, (const uint8_t *)directory.bytes,
                                            directory.length, SNAPSHOT_DIRECTORY_RATIO);
        trailer[1] = writing->stream.written_bytes - trailer[0];
        if (!error)
            error = snapshot_stream_write(&writing->stream, trailer, sizeof(trailer));
    }
    VECTOR_DEINIT(&resident);
    text_deinit(&directory);
    return error;
}

static struct error *write_steps(struct writing *writing, struct snapshot_written *written_ret)
{
    uint8_t header[SNAPSHOT_HEADER_BYTES] = SNAPSHOT_MAGIC;
    header[SNAPSHOT_MAGIC_BYTES] = SNAPSHOT_FORMAT;
    TRY(target_touched(writing->order->target, &writing->touched));
    extents_order(&writing->touched);
    TRY(snapshot_stream_write(&writing->stream, header, sizeof(header)));
    TRY(put_executable(writing));
    written_ret->executable_bytes = writing->stream.put_bytes;
    TRY(keep_all(writing));
    TRY(snapshot_stream_end(&writing->stream));
    TRY(put_directory(writing));
    written_ret->file_bytes = writing->stream.written_bytes;
    written_ret->memory_bytes = writing->memory_bytes;
    return NULL;
}

struct error *snapshot_write(int file, const struct snapshot_order *order,
                             struct snapshot_written *written_ret)
{
    struct writing writing = {.order = order};
    *written_ret = (struct snapshot_written){0};
    struct error *error = snapshot_stream_init(&writing.stream, file);
    if (!error)
        error = write_steps(&writing, written_ret);
    snapshot_stream_deinit(&writing.stream);
    VECTOR_DEINIT(&writing.touched);
    text_deinit(&writing.memory);
    return error;
}
