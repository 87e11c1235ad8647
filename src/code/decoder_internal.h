/* The disassembler, shared by the two views of an instruction: control flow (decode.c) and data
 * (operation.c). */
#ifndef SEEP_CODE_DECODER_INTERNAL_H
#define SEEP_CODE_DECODER_INTERNAL_H

#include <capstone/capstone.h>

#include "code/decode.h"

struct decoder {
    enum architecture arch;
    csh capstone; /* amd64 only */
    cs_insn *scratch; /* the instruction that was decoded last */
};

/* operation.c: a register's number in Go's order, whatever part of it is named; REGISTER_NONE for others. */
uint8_t amd64_register(x86_reg reg);

#endif
