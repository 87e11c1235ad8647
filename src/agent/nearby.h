/* Many small pieces of another process's memory, all of one size: those that lie near each other are read as one. What a system call costs is mostly the number of its pieces, and
 * records of one kind lie side by side. */
#ifndef SEEP_AGENT_NEARBY_H
#define SEEP_AGENT_NEARBY_H

#include "agent/peek.h"

enum {
    NEARBY_MAX = 256, /* pieces at a time */
    NEARBY_GAP = 512  /* bytes between two that are read for nothing, at the most */
};

/* Room for `count` pieces. */
size_t nearby_room(size_t count, uint32_t size);

/* Reads `size` bytes at each of `places`, at most NEARBY_MAX, all below 2⁶³. found[i] is where in `room` they are, NULL if they can't be read. Returns how many can. */
size_t nearby_read(pid_t pid, const address *places, size_t count, uint32_t size, uint8_t *room,
                   const uint8_t **found);

#endif
