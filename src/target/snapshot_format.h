/* The file of a snapshot, format 1. Numbers are little endian.
 *
 *   header     "SEEPSNAP", u32 format, u32 0
 *   blocks     one behind the other, each one zstd frame with its checksum, padded with zeros
 *   directory  the same; what it says is below
 *   trailer    u64 where the directory is, u64 its size there, u64 its size when unpacked, "PANSPEES"
 *
 * The unpacked blocks, put together, are the stream: the executable's file (padded to 16 bytes), then the memory, range by
 * range. Each block but the last unpacks to SNAPSHOT_BLOCK bytes. Nothing in the file says where something lies in it but the
 * trailer: blocks and ranges follow each other, so that none can overlap.
 *
 * Nobody has to unpack a gigabyte because a kilobyte says so: a block is at least 1/256 of what it unpacks to, a directory
 * 1/16; padding makes it so where zstd is better than that.
 *
 * The directory is a list of sections: u32 tag, u64 size, bytes. A reader skips tags that it does not know: what an older
 * reader can do without needs no new format. uvarint is Go's; a string is its uvarint length and its bytes.
 *
 *   FACT  string seep's version; uvarint pid, bias, clock in ns, pause in ns, flags (SNAPSHOT_FLAG_…); f64 uptime,
 *         start and saving in s (Unix; negative: not known); string name, path of the executable
 *   FILE  uvarint size of the executable's file, size of the stream
 *   BLKS  uvarint size in the file, for each block
 *   MAPS  for each mapping: uvarint start - end of the one before, size, offset in its file, resident bytes,
 *         of these in huge pages, flags (SNAPSHOT_MAPPING_…), string path
 *   THRD  for each thread: uvarint tid, pc, sp, lr, count of general registers, these
 *   VECT  for each thread, in the same order: uvarint 1 if all vector registers are known, else 0, the words of these, the number of other
 *         words that may be addresses, these
 *   MEMO  for each range, in units of 16 bytes: uvarint start - end of the one before; size << 1 | 1 if it is all zeros and
 *         not in the stream
 *   RESI  which pages are resident, in units of 4096 bytes: uvarint start - end of the one before, size */
#ifndef SEEP_TARGET_SNAPSHOT_FORMAT_H
#define SEEP_TARGET_SNAPSHOT_FORMAT_H

#include "base/text.h"
#include "target/internal.h"

enum {
    SNAPSHOT_FORMAT = 1,
    SNAPSHOT_MAGIC_BYTES = 8,
    SNAPSHOT_HEADER_BYTES = 16,
    SNAPSHOT_TRAILER_BYTES = 32,
    SNAPSHOT_BLOCK = 1 << 20,
    SNAPSHOT_BLOCK_RATIO = 256,
    SNAPSHOT_DIRECTORY_RATIO = 16,
    SNAPSHOT_DIRECTORY_MAX = 1 << 29,
    SNAPSHOT_UNIT = 16,
};

enum {
    SNAPSHOT_FLAG_RAN_ON = 1,
    SNAPSHOT_FLAG_EXE_DELETED = 2,
    SNAPSHOT_FLAG_EXE_KNOWN = 4,
    SNAPSHOT_MAPPING_READABLE = 1,
    SNAPSHOT_MAPPING_WRITABLE = 2,
    SNAPSHOT_MAPPING_EXECUTABLE = 4,
    SNAPSHOT_MAPPING_SHARED = 8,
    SNAPSHOT_MAPPING_FILE = 16,
};

#define SNAPSHOT_MAGIC     "SEEPSNAP"
#define SNAPSHOT_MAGIC_END "PANSPEES"

/* Tags read as text in a dump of the file. */
#define SNAPSHOT_TAG(a, b, c, d) \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
enum {
    SNAPSHOT_FACTS = SNAPSHOT_TAG('F', 'A', 'C', 'T'),
    SNAPSHOT_FILE = SNAPSHOT_TAG('F', 'I', 'L', 'E'),
    SNAPSHOT_BLOCKS = SNAPSHOT_TAG('B', 'L', 'K', 'S'),
    SNAPSHOT_MAPPINGS = SNAPSHOT_TAG('M', 'A', 'P', 'S'),
    SNAPSHOT_THREADS = SNAPSHOT_TAG('T', 'H', 'R', 'D'),
    SNAPSHOT_VECTORS = SNAPSHOT_TAG('V', 'E', 'C', 'T'),
    SNAPSHOT_MEMORY = SNAPSHOT_TAG('M', 'E', 'M', 'O'),
    SNAPSHOT_RESIDENT = SNAPSHOT_TAG('R', 'E', 'S', 'I'),
};

/* A range of memory: where its bytes are in the stream, or that they are all zero. */
struct snapshot_range {
    address start;
    address end;
    uint64_t at;
};
static const uint64_t snapshot_zeros = UINT64_MAX;

/* What the directory says. */
struct snapshot_directory {
    struct target_facts facts; /* its strings are owned; kind apart */
    uint64_t bias;
    int64_t now_ns;
    int64_t pause_ns;
    uint64_t executable_size;
    uint64_t stream_size;
    struct snapshot_blocks
        VECTOR_OF(uint64_t) blocks; /* where each begins in the file; one more: the end */
    struct mappings mappings;
    struct snapshot_threads VECTOR_OF(struct thread_registers) threads;
    struct snapshot_ranges VECTOR_OF(struct snapshot_range) memory;
    struct extents resident;
};

/* Reads a directory, unpacked, of a file whose blocks end at `blocks_end`. What it says fits together, or there is an error. */
struct error *snapshot_directory_read(const uint8_t *bytes, size_t size, uint64_t blocks_end,
                                      struct snapshot_directory *directory_ret) NODISCARD;
void snapshot_directory_deinit(struct snapshot_directory *directory);

/* The sections, for whoever writes. */
struct snapshot_facts {
    const struct target *target;
    int64_t now_ns;
    int64_t pause_ns;
    double saved_unix;
    bool ran_on;
};
void snapshot_put_uvarint(struct text *text, uint64_t value);
void snapshot_put_section(struct text *directory, uint32_t tag, const struct text *content);
void snapshot_put_facts(struct text *directory, const struct snapshot_facts *facts);
void snapshot_put_mappings(struct text *directory, const struct target *target);
void snapshot_put_threads(struct text *directory, const struct target *target);
void snapshot_put_resident(struct text *directory, const struct extents *resident);

#endif
