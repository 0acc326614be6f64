/* Importing blocks and moving the head: along its children, by total difficulty before
 * the merge, by command, and back (dev methods). Each move is one commit. */
#include "chain_int.h"

/* ---- checks that need no state ---- */

static mt_err check_block(struct chain *c, struct block *b,
                          const struct chain_block *parent, struct rules *rules,
                          struct mt_diag *diag)
{
    *rules = chain_rules_at(c, b->header.number, b->header.timestamp,
                            &parent->total_difficulty);
    MT_TRY(chain_check_header(c, &b->header, &parent->block.header,
                              &parent->total_difficulty, diag));
    MT_TRY(chain_check_body(c, b, rules, diag));
    MT_TRY(ommers_check(c, b, diag));
    mt_err err = txs_recover(c->opt.workers, b->txs, b->tx_num,
                             rules->fork >= FORK_HOMESTEAD, diag);
    if (err == MT_EINVALID_TX || err == MT_ECRYPTO) {
        c->block_error = "INVALID_SIGNATURE_VRS";
        return MT_EINVALID_BLOCK;
    }
    return err;
}

/* ---- one child of the head ---- */

static mt_err extend(struct chain *c, struct block *b, const struct rules *rules, u256 td,
                     struct mt_diag *diag)
{
    struct metisdb_batch *batch;
    struct chain_block *value;
    struct update_builder ub;
    MT_TRY(metisdb_begin(c->db, &batch, diag));
    mt_err err = execute_and_store(c, batch, b, rules, td, &value, diag);
    if (err != MT_OK) {
        metisdb_abort(batch);
        return err;
    }
    err = commit_batch(c, batch);
    if (err != MT_OK) {
        chain_block_drop(value);
        return mt_fail(diag, err, "commit failed");
    }
    update_begin(&ub);
    update_added(&ub, value);
    return update_publish(c, &ub, diag);
}

/* ---- a branch ---- */

static mt_err store_side(struct chain *c, const struct block *b, u256 td,
                         struct mt_diag *diag)
{
    struct block_record rec;
    struct metisdb_batch *batch;
    struct metisdb_block_index none = {0};
    MT_TRY(chain_record_of_block(b, NULL, 0, td, &c->arena, &rec));
    MT_TRY(metisdb_begin(c->db, &batch, diag));
    mt_err err = metisdb_put_block(batch, &rec, &none, false);
    if (err == MT_OK)
        return commit_batch(c, batch);
    metisdb_abort(batch);
    return err;
}

/* The branch from target back to (not including) the canonical chain, newest first. */
struct branch {
    struct chain_block **blocks;
    size_t num, cap;
    uint64_t ancestor; /* number of the canonical block it stands on */
};

static void branch_fini(struct branch *br)
{
    for (size_t i = 0; i < br->num; i++)
        chain_block_drop(br->blocks[i]);
    mt_free(br->blocks);
}

static mt_err branch_load(struct chain *c, const hash32 *target, struct branch *br)
{
    hash32 next = *target, canonical;
    for (;;) {
        struct chain_block *b;
        MT_TRY(chain_block_by_hash(c, &next, &b));
        uint64_t number = b->block.header.number;
        if (metisdb_canonical_hash(c->db, number, &canonical) == MT_OK &&
            hash32_eq(&canonical, &next)) {
            br->ancestor = number;
            chain_block_drop(b);
            return MT_OK;
        }
        if (br->num == br->cap) {
            br->cap = br->cap == 0 ? 8 : br->cap * 2;
            br->blocks = mt_realloc(br->blocks, br->cap * sizeof(*br->blocks));
        }
        br->blocks[br->num++] = b;
        next = b->block.header.parent_hash;
    }
}

/* Takes canonical blocks off, newest first, until `number` is the batch's head. */
static mt_err take_off(struct chain *c, struct metisdb_batch *batch, uint64_t number,
                       struct update_builder *ub, struct mt_diag *diag)
{
    for (uint64_t n = c->view->head->block.header.number; n > number; n--) {
        struct chain_block *b;
        struct metisdb_block_index idx;
        MT_TRY(chain_block_by_number(c, n, &b));
        update_removed(ub, b);
        MT_TRY(chain_index_of_block(b, &c->arena, &idx));
        mt_err err = metisdb_undo_block(batch, &idx);
        if (err != MT_OK)
            return mt_fail(diag, err, "block %llu cannot be undone: %s",
                           (unsigned long long)n, mt_err_text(err));
    }
    return MT_OK;
}

static mt_err put_on(struct chain *c, struct metisdb_batch *batch, struct branch *br,
                     struct update_builder *ub, struct mt_diag *diag)
{
    for (size_t i = br->num; i-- > 0;) {
        struct chain_block *b = br->blocks[i], *value;
        struct header *h = &b->block.header;
        u256 parent_td = u256_sub(b->total_difficulty, h->difficulty);
        struct rules rules = chain_rules_at(c, h->number, h->timestamp, &parent_td);
        struct arena_mark mark = arena_mark(&c->arena);
        mt_err err = execute_and_store(c, batch, &b->block, &rules, b->total_difficulty,
                                       &value, diag);
        if (err != MT_OK)
            return mt_wrap(diag, err, "block %llu", (unsigned long long)h->number);
        update_added(ub, value);
        arena_rewind(&c->arena, mark); /* the value and the batch have their own memory */
    }
    return MT_OK;
}

static mt_err move_head(struct chain *c, uint64_t ancestor, struct branch *br,
                        uint64_t state_version, struct mt_diag *diag)
{
    struct metisdb_batch *batch;
    struct update_builder ub;
    MT_TRY(metisdb_begin(c->db, &batch, diag));
    update_begin(&ub);
    mt_err err = take_off(c, batch, ancestor, &ub, diag);
    if (err == MT_OK && state_version != CHAIN_KEEP_PATCHES)
        err = metisdb_undo_patches(batch, state_version);
    if (err == MT_OK && br != NULL)
        err = put_on(c, batch, br, &ub, diag);
    if (err != MT_OK) {
        metisdb_abort(batch);
        update_cancel(&ub);
        return err;
    }
    err = commit_batch(c, batch);
    if (err != MT_OK) {
        update_cancel(&ub);
        return mt_fail(diag, err, "commit failed");
    }
    return update_publish(c, &ub, diag);
}

mt_err chain_set_canonical(struct chain *c, const hash32 *hash, struct mt_diag *diag)
{
    struct branch br = {0};
    arena_reset(&c->arena);
    c->block_error = "";
    mt_err err = branch_load(c, hash, &br);
    if (err != MT_OK)
        err = mt_fail(diag, err, "block %s or an ancestor is not known",
                      hash32_text(hash).s);
    else if (br.num > 0 || br.ancestor != c->view->head->block.header.number)
        err = move_head(c, br.ancestor, &br, CHAIN_KEEP_PATCHES, diag);
    branch_fini(&br);
    return err;
}

mt_err chain_rewind(struct chain *c, uint64_t number, uint64_t state_version,
                    struct mt_diag *diag)
{
    arena_reset(&c->arena);
    if (number > c->view->head->block.header.number)
        return mt_fail(diag, MT_EINVAL, "block %llu is above the head",
                       (unsigned long long)number);
    return move_head(c, number, NULL, state_version, diag);
}

mt_err chain_set_head(struct chain *c, enum metisdb_head which, const hash32 *hash,
                      struct mt_diag *diag)
{
    struct metisdb_batch *batch;
    struct chain_block *b;
    struct update_builder ub;
    MT_TRY(chain_block_by_hash(c, hash, &b));
    struct block_id id = {b->block.header.number, *hash};
    chain_block_drop(b);
    MT_TRY(metisdb_begin(c->db, &batch, diag));
    mt_err err = metisdb_set_head(batch, which, &id);
    if (err != MT_OK) {
        metisdb_abort(batch);
        return err;
    }
    MT_TRY(commit_batch(c, batch));
    update_begin(&ub);
    return update_publish(c, &ub, diag);
}

mt_err chain_patch_state(struct chain *c, const struct state_delta *delta,
                         struct mt_diag *diag)
{
    struct metisdb_batch *batch;
    struct update_builder ub;
    hash32 root;
    MT_TRY(metisdb_begin(c->db, &batch, diag));
    mt_err err = metisdb_apply(batch, c->view->head->block.header.number, delta, &root);
    if (err != MT_OK) {
        metisdb_abort(batch);
        return mt_fail(diag, err, "state change failed: %s", mt_err_text(err));
    }
    MT_TRY(commit_batch(c, batch));
    update_begin(&ub);
    return update_publish(c, &ub, diag);
}

/* ---- import ---- */

/* Before the merge the heavier chain wins; after it only a child of the head moves it. */
static bool wins(const struct chain *c, const struct rules *rules, u256 td)
{
    return rules_have_work(rules) && u256_lt(c->view->head->total_difficulty, td);
}

static mt_err import_checked(struct chain *c, struct block *b,
                             const struct chain_block *parent, const struct rules *rules,
                             enum import_status *status, struct mt_diag *diag)
{
    u256 td = u256_add(parent->total_difficulty, b->header.difficulty);
    if (hash32_eq(&b->header.parent_hash, &c->view->head->block.hash)) {
        *status = IMPORT_CANONICAL;
        return extend(c, b, rules, td, diag);
    }
    *status = IMPORT_SIDE;
    MT_TRY(store_side(c, b, td, diag));
    if (!wins(c, rules, td))
        return MT_OK;
    *status = IMPORT_CANONICAL;
    return chain_set_canonical(c, &b->hash, diag);
}

/* For debug_getBadBlocks. That it could not be kept changes nothing for the caller. */
static void keep_bad(struct chain *c, const hash32 *hash, slice rlp,
                     const struct mt_diag *diag)
{
    struct metisdb_batch *batch;
    struct metisdb_bad bad = {*hash, rlp, slice_str(diag->text)};
    mt_err err = metisdb_begin(c->db, &batch, NULL);
    if (err == MT_OK) {
        err = metisdb_put_bad(batch, &bad);
        if (err == MT_OK)
            err = metisdb_commit(batch);
        else
            metisdb_abort(batch);
    }
    if (err != MT_OK)
        log_warn("chain", "refused block not kept", KV_HASH("hash", hash),
                 KV_STR("reason", mt_err_text(err)), KV_END);
}

mt_err chain_import(struct chain *c, slice rlp, enum import_status *status,
                    struct mt_diag *diag)
{
    struct block b;
    struct chain_block *parent, *known;
    struct chain_mismatch old;
    struct rules rules;
    struct mt_diag own = {0};
    if (diag == NULL)
        diag = &own;
    if (chain_take_mismatch(c, &old))
        chain_block_drop(old.block);
    if (c->draft != NULL) /* the arena is the draft's */
        return mt_fail(diag, MT_EBUSY, "a block is being made");
    arena_reset(&c->arena);
    c->block_error = "";
    mt_err err = block_decode(rlp, &c->arena, &b, diag);
    if (err != MT_OK) {
        c->block_error = "RLP_STRUCTURES_ENCODING|INCORRECT_BLOCK_FORMAT";
        return err;
    }
    if (chain_block_by_hash(c, &b.hash, &known) == MT_OK) {
        chain_block_drop(known);
        *status = IMPORT_KNOWN;
        return MT_OK;
    }
    err = chain_block_by_hash(c, &b.header.parent_hash, &parent);
    if (err != MT_OK) {
        c->block_error = hash32_is_zero(&b.header.parent_hash)
                             ? "UNKNOWN_PARENT_ZERO|UNKNOWN_PARENT"
                             : "UNKNOWN_PARENT";
        return mt_fail(diag, err, "parent %s of block %llu is not known",
                       hash32_text(&b.header.parent_hash).s,
                       (unsigned long long)b.header.number);
    }
    err = check_block(c, &b, parent, &rules, diag);
    stage_enter(STAGE_import, c->opt.metric_net, b.header.number);
    if (err == MT_OK)
        err = import_checked(c, &b, parent, &rules, status, diag);
    stage_leave(STAGE_import, c->opt.metric_net);
    stage_failed(STAGE_import, c->opt.metric_net,
                 err == MT_OK ? NULL : log_err_text(err, diag));
    if (err == MT_EINVALID_BLOCK)
        keep_bad(c, &b.hash, rlp, diag);
    chain_block_drop(parent);
    return err;
}
