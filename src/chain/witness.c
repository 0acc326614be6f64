/* Writing a witness: the provable core runs the block over the store through a
 * recorder, so that what it will ask for is known by asking, siblings of collapsing
 * branches included. */
#include "chain_int.h"

static mt_err get_node(void *ctx, const hash32 *owner, const uint8_t *path,
                       size_t path_len, const hash32 *hash, slice *rlp)
{
    struct store_source *s = ctx;
    return metisdb_get_node(s->snapshot, owner, path, path_len, hash, s->arena, rlp);
}

static mt_err get_code(void *ctx, const hash32 *hash, slice *code)
{
    struct store_source *s = ctx;
    return metisdb_get_code(s->snapshot, hash, code);
}

static mt_err get_header(void *ctx, const hash32 *hash, slice *rlp)
{
    struct store_source *s = ctx;
    struct chain_block *b;
    struct buf buf;
    MT_TRY(chain_block_by_hash(s->chain, hash, &b));
    buf_init_arena(&buf, s->arena, 4096);
    header_encode(&b->block.header, &buf);
    chain_block_drop(b);
    *rlp = buf_slice(&buf);
    return buf_ok(&buf) ? MT_OK : MT_ELIMIT;
}

struct stf_source stf_source_of_store(struct store_source *s)
{
    return (struct stf_source){get_node, get_code, get_header, s};
}

/* The snapshot of the block's parent, which has to be canonical. */
static mt_err open_parent(struct chain *c, slice block, struct arena *arena,
                          struct metisdb_snapshot **out, struct mt_diag *diag)
{
    struct block b;
    hash32 canonical;
    MT_TRY(block_decode(block, arena, &b, diag));
    uint64_t parent = b.header.number - 1;
    if (b.header.number == 0 ||
        metisdb_canonical_hash(c->db, parent, &canonical) != MT_OK ||
        !hash32_eq(&canonical, &b.header.parent_hash))
        return mt_fail(diag, MT_ENOTFOUND, "parent %s is not a canonical block",
                       hash32_text(&b.header.parent_hash).s);
    return metisdb_snapshot_open(c->db, parent, out, diag);
}

mt_err chain_witness(struct chain *c, slice block_rlp, struct buf *out,
                     struct mt_diag *diag)
{
    struct arena arena, state, scratch;
    struct store_source store = {.chain = c, .arena = &state};
    struct stf_source from = stf_source_of_store(&store);
    struct stf_recorder recorder;
    struct stf_out result;
    arena_init(&arena, c->opt.block_memory_max);
    arena_init(&state, c->opt.block_memory_max);
    arena_init(&scratch, c->opt.block_memory_max);
    mt_err err = open_parent(c, block_rlp, &arena, &store.snapshot, diag);
    if (err == MT_OK) {
        stf_recorder_init(&recorder, &from, &state);
        struct stf_source source = stf_recorder_source(&recorder);
        const struct stf_in in = {
            .spec = &c->genesis->spec,
            .block = block_rlp,
            .source = &source,
            .crypto = c->opt.crypto,
            .arena = &arena,
            .state = &state,
            .scratch = &scratch,
        };
        err = stf_execute(&in, &result, diag);
        if (err == MT_OK)
            err = stf_recorder_encode(&recorder, in.spec, block_rlp, out);
        metisdb_snapshot_close(store.snapshot);
    }
    arena_fini(&scratch);
    arena_fini(&state);
    arena_fini(&arena);
    return err;
}
