/* The store under the EVM: a vm_reader over one database snapshot. Not part of the
 * provable core. */
#include "metis/mpef.h"

static mt_err read_account(void *ctx, const address *addr, struct account *out,
                           bool *exists)
{
    struct snapshot_reader *sr = ctx;
    return metisdb_get_account(sr->snapshot, addr, out, exists);
}

static mt_err read_storage(void *ctx, const address *addr, const hash32 *slot, u256 *out)
{
    struct snapshot_reader *sr = ctx;
    return metisdb_get_storage(sr->snapshot, addr, slot, out);
}

static mt_err read_code(void *ctx, const hash32 *code_hash, slice *out)
{
    struct snapshot_reader *sr = ctx;
    return metisdb_get_code(sr->snapshot, code_hash, out);
}

static mt_err read_block_hash(void *ctx, uint64_t number, hash32 *out)
{
    struct snapshot_reader *sr = ctx;
    return sr->block_hash(sr->ctx, number, out);
}

struct vm_reader vm_reader_of_snapshot(struct snapshot_reader *sr)
{
    return (struct vm_reader){read_account, read_storage, read_code, read_block_hash, sr};
}
