// Functions without a body need a file for the assembler.
