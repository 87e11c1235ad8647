/* Where the table of an indirect jump stands: what Go's compiler makes of a big switch (since Go
 * 1.19 on amd64, 1.20 on arm64; cmd/compile/internal/ssagen, "makeJumpTableSym"): absolute
 * addresses of 8 bytes in read-only data. */
#ifndef SEEP_CODE_JUMP_TABLE_H
#define SEEP_CODE_JUMP_TABLE_H

#include "code/decode.h"

/* step_back gives one instruction after the other, backwards from the jump; false if there are no
 * more. Returns the table's address, 0 if the instructions before the jump do not tell. */
address jump_table_find(const struct instruction *jump,
                        bool (*step_back)(void *context, struct instruction *instruction_ret),
                        void *context);

#endif
