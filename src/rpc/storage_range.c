/* debug_storageRangeAt: the slots of an account in the order of their hashes, as they are
 * inside a block, after so many of its transactions. What the block did so far lies over
 * the state of its parent: two ordered lists that are merged. A hash's slot is named
 * where it is known: in stores that keep preimages, and of what the block itself
 * touched. */
#include "trace_int.h"
#include <stdlib.h>

struct range_slot {
    hash32 key, slot;
    u256 value;
};

struct range {
    struct call *c;
    struct metisdb_snapshot *s;
    const struct range_slot *over; /* ordered, not before the first key asked for */
    size_t over_num, over_at;
    uint64_t left;
    bool full; /* next is the first that does not fit */
    hash32 next;
    mt_err err;
};

static int slot_cmp(const void *a, const void *b)
{
    return hash32_cmp(&((const struct range_slot *)a)->key,
                      &((const struct range_slot *)b)->key);
}

/* False: no more are wanted. */
static bool put(struct range *r, const hash32 *key, const hash32 *slot, u256 value)
{
    struct json_out *j = &r->c->out;
    hash32 word = u256_to_hash(value);
    if (u256_is_zero(value))
        return true;
    if (r->left == 0) {
        r->full = true;
        r->next = *key;
        return false;
    }
    r->left--;
    json_key(j, hash32_text(key).s);
    json_obj(j);
    json_key(j, "key");
    if (slot != NULL)
        json_hash(j, slot);
    else
        json_nil(j);
    json_kv_hash(j, "value", &word);
    json_obj_end(j);
    return buf_ok(j->buf);
}

/* The block's own slots up to a key (NULL: all); *same: the key is one of them. */
static bool put_over(struct range *r, const hash32 *key, bool *same)
{
    *same = false;
    while (r->over_at < r->over_num && !*same) {
        const struct range_slot *o = &r->over[r->over_at];
        int order = key == NULL ? -1 : hash32_cmp(&o->key, key);
        if (order > 0)
            break;
        *same = order == 0;
        if (!put(r, &o->key, &o->slot, o->value))
            return false;
        r->over_at++;
    }
    return true;
}

static bool on_slot(void *ctx, const hash32 *key, u256 value)
{
    struct range *r = ctx;
    slice pre;
    hash32 slot;
    bool same;
    if (call_should_stop(r->c)) {
        r->err = MT_ECANCELED;
        return false;
    }
    if (!put_over(r, key, &same))
        return false;
    if (same)
        return true;
    mt_err err = metisdb_preimage(r->s, key, &pre);
    if (err == MT_OK && pre.len == 32)
        memcpy(slot.b, pre.ptr, 32);
    else if (err != MT_ENOTFOUND)
        r->err = err == MT_OK ? MT_ECORRUPT : err;
    return r->err == MT_OK && put(r, key, err == MT_OK ? &slot : NULL, value);
}

/* What the block did to the account's storage so far, hashed and ordered. */
static mt_err read_over(struct range *r, const struct block_exec *be, const address *addr,
                        const hash32 *from, bool *whole)
{
    struct slot_change *slots;
    size_t num;
    MT_TRY(block_exec_slots(be, addr, r->c->arena, &slots, &num, whole));
    struct range_slot *over = arena_zalloc(r->c->arena, num + 1, sizeof(*over));
    if (over == NULL)
        return MT_ELIMIT;
    for (size_t i = 0; i < num; i++) {
        struct range_slot o = {keccak256(slots[i].slot.b, 32), slots[i].slot,
                               slots[i].value};
        if (hash32_cmp(&o.key, from) >= 0)
            over[r->over_num++] = o;
    }
    if (r->over_num > 1)
        qsort(over, r->over_num, sizeof(*over), slot_cmp);
    r->over = over;
    return MT_OK;
}

static void write_range(struct call *c, struct block_exec *be, const address *addr,
                        const hash32 *from, uint64_t most)
{
    struct range r = {.c = c, .s = c->state.snapshot, .left = most};
    hash32 key = keccak256(addr->b, 20);
    bool whole, same;
    json_obj(&c->out);
    json_key(&c->out, "storage");
    json_obj(&c->out);
    mt_err err = read_over(&r, be, addr, from, &whole);
    if (err == MT_OK && !whole)
        err = metisdb_each_slot(r.s, &key, from, on_slot, &r);
    if (err == MT_OK)
        err = r.err;
    if (err != MT_OK) {
        call_error(c, err, NULL);
        return;
    }
    if (!r.full)
        put_over(&r, NULL, &same);
    json_obj_end(&c->out);
    json_key(&c->out, "nextKey");
    if (r.full)
        json_hash(&c->out, &r.next);
    else
        json_nil(&c->out);
    json_obj_end(&c->out);
}

/* A hash, or its first bytes. */
static bool arg_start(struct call *c, size_t i, hash32 *out)
{
    slice start;
    *out = (hash32){{0}};
    if (!arg_data(c, i, &start))
        return false;
    if (start.len > 32) {
        call_fail(c, RPC_PARAMS, "invalid argument %zu: longer than a hash", i);
        return false;
    }
    if (start.len > 0)
        memcpy(out->b, start.ptr, start.len);
    return true;
}

enum call_status m_storage_range(struct call *c)
{
    static const struct trace_options unwatched;
    struct block_arg at;
    struct chain_block *b;
    struct replay r;
    address addr;
    hash32 from;
    uint64_t idx, most;
    if (!args_num(c, 5, 5) || !arg_block(c, 0, false, &at) || !arg_number(c, 1, &idx) ||
        !arg_address(c, 2, &addr) || !arg_start(c, 3, &from) ||
        !arg_number(c, 4, &most) || !block_find(c, &at, &b))
        return CALL_DONE;
    if (b == NULL)
        return call_fail(c, RPC_SERVER, "block not found");
    if (idx > b->block.tx_num) {
        call_fail(c, RPC_SERVER, "transaction index %llu out of range: the block has %zu",
                  (unsigned long long)idx, b->block.tx_num);
        chain_block_drop(b);
        return CALL_DONE;
    }
    if (replay_open(&r, c, b, &unwatched) && replay_to(&r, (uint32_t)idx))
        write_range(c, r.t.be, &addr, &from, most);
    replay_close(&r);
    return CALL_DONE;
}
