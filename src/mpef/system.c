/* System calls: messages from the system address that no transaction pays for. At the
 * start of a block they store the parent's beacon root (EIP-4788) and hash (EIP-2935);
 * the requests at its end are in requests.c. */
#include "mpef_int.h"

static const address SYSTEM = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}};
static const address BEACON_ROOTS = {{0x00, 0x0f, 0x3d, 0xf6, 0xd7, 0x32, 0x80,
                                      0x7e, 0xf1, 0x31, 0x9f, 0xb7, 0xb8, 0xbb,
                                      0x85, 0x22, 0xd0, 0xbe, 0xac, 0x02}};
static const address HISTORY = {{0x00, 0x00, 0xf9, 0x08, 0x27, 0xf1, 0xc5,
                                 0x3a, 0x10, 0xcb, 0x7a, 0x02, 0x33, 0x5b,
                                 0x17, 0x53, 0x20, 0x00, 0x29, 0x35}};

mt_err system_call(struct block_exec *be, const address *to, slice input, bool *found,
                   enum vm_halt *halt, slice *output, struct state_delta *delta)
{
    struct vm_account *a;
    struct vm_result res = {.halt = VM_SUCCESS};
    struct vm_tx tx = {.origin = SYSTEM};
    struct vm_msg msg = {
        .kind = VM_CALL,
        .gas = SYSTEM_CALL_GAS,
        .state_gas = SYSTEM_CALL_SLOTS * vm_prices_of(be->in.rules).state_new_slot,
        .caller = SYSTEM,
        .to = *to,
        .code_from = *to,
        .input = input,
    };
    exec_reset(be);
    *output = slice_of(NULL, 0);
    *delta = (struct state_delta){NULL, 0};
    *halt = VM_SUCCESS;
    MT_TRY(vm_state_code(be->state, to, &a));
    *found = a->code.len != 0;
    MT_TRY(vm_state_see(be->state, to));
    if (!*found)
        return exec_commit(be, delta);
    MT_TRY(exec_message(be, &msg, &tx, &be->block, &res));
    *halt = res.halt;
    uint8_t *copy = arena_copy(be->arena, res.output.ptr, res.output.len);
    if (copy == NULL)
        return MT_ELIMIT;
    *output = slice_of(copy, res.output.len);
    return exec_commit(be, delta);
}

/* A call whose contract may be missing and may fail (EIP-4788, EIP-2935). */
static mt_err store_hash(struct block_exec *be, const address *to, const hash32 *hash,
                         struct state_delta *delta)
{
    bool found;
    enum vm_halt halt;
    slice output;
    struct state_delta own;
    MT_TRY(system_call(be, to, slice_of(hash->b, sizeof hash->b), &found, &halt, &output,
                       &own));
    return delta_merge(be->arena, delta, &own, delta);
}

mt_err system_begin(struct block_exec *be, struct state_delta *delta,
                    struct mt_diag *diag)
{
    const struct header *h = be->in.header;
    mt_err err = MT_OK;
    if (h->number == 0)
        return MT_OK;
    if (be->in.rules->fork >= FORK_CANCUN)
        err = store_hash(be, &BEACON_ROOTS, &h->parent_beacon_root, delta);
    if (err == MT_OK && be->in.rules->fork >= FORK_PRAGUE)
        err = store_hash(be, &HISTORY, &h->parent_hash, delta);
    return err == MT_OK ? MT_OK
                        : mt_fail(diag, err, "system call at the start of the block");
}
