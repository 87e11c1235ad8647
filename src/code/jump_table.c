/* amd64: lea table(%rip),%rcx ; jmp *(%rcx,%rax,8)
 *        or a load of the entry into a register, and a jump to it
 * arm64: adrp x1,table ; add x1,x1,#low ; ldr x27,[x1,x0,lsl #3] ; br x27
 *
 * Walks back with one question: what was put into this register? An instruction that changes the
 * register in another way may be overlooked; the table's content decides whether the answer was
 * right. */
#include "code/jump_table.h"

enum {
    STEPS_MAX = 64
};

address jump_table_find(const struct instruction *jump,
                        bool (*step_back)(void *context, struct instruction *instruction_ret),
                        void *context)
{
    bool entry_wanted = jump->kind == INSTRUCTION_JUMP_REGISTER;
    uint16_t reg = entry_wanted ? jump->reg : jump->base;
    address added = 0;
    for (unsigned steps = 0; steps < STEPS_MAX; steps++) {
        struct instruction before;
        /* Go's calls keep no register. */
        if (!step_back(context, &before) || before.kind == INSTRUCTION_CALL)
            return 0;
        if (before.reg != reg)
            continue;
        if (entry_wanted) {
            if (before.kind == INSTRUCTION_LOAD_INDEXED) {
                entry_wanted = false;
                reg = before.base;
            }
        } else if (before.kind == INSTRUCTION_ADDRESS) {
            return before.value + added;
        } else if (before.kind == INSTRUCTION_ADD) {
            added += before.value;
            reg = before.base;
        }
    }
    return 0;
}
