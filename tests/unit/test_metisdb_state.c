/* State: random histories with undo, patches and reopening against plain arrays and the
 * plain root, every block's snapshot and proofs included. */
#include "unit/metisdb_model.h"

#define BLOCKS_MAX 400

/* What was committed: the model after every canonical block, hashes, roots. */
struct history {
    struct rng rng;
    struct test_dir dir;
    struct metisdb_options opt;
    struct metisdb *db;
    uint64_t head;
    struct model model[BLOCKS_MAX];
    hash32 root[BLOCKS_MAX];
    struct block_id id[BLOCKS_MAX];
};

static void apply_random(struct history *h, struct metisdb_batch *b, uint64_t number,
                         struct model *m)
{
    struct arena a;
    hash32 root, full;
    arena_init(&a, TEST_ARENA);
    struct state_delta d = model_delta(&h->rng, m, &a);
    OK(metisdb_apply(b, number, &d, &root));
    hash32 want = model_root(m);
    cr_assert_hash(root, want);
    d = model_full(m, &a);
    OK(state_root_full(&a, &d, &full));
    cr_assert_hash(full, want);
    h->root[number] = root;
    arena_fini(&a);
}

static void add_block(struct history *h, struct metisdb_batch *b)
{
    uint64_t n = h->head + 1;
    h->model[n] = h->model[h->head];
    unsigned parts = 1 + rnd(&h->rng) % 3;
    if (rnd(&h->rng) % 8 == 0) {
        h->root[n] = h->root[h->head]; /* a block that changes nothing */
        parts = 0;
    }
    for (unsigned i = 0; i < parts; i++)
        apply_random(h, b, n, &h->model[n]);
    h->id[n] = test_id(n, (uint8_t)rnd(&h->rng));
    OK(test_put(b, h->id[n], h->id[n - 1].hash, true));
    h->head = n;
}

static void undo_one(struct history *h, struct metisdb_batch *b)
{
    struct metisdb_block_index none = {0};
    OK(metisdb_undo_block(b, &none));
    h->head--;
}

/* A patch that is taken back and one that may stay. */
static void patch(struct history *h)
{
    struct metisdb_batch *b;
    struct model kept = h->model[h->head];
    hash32 root = h->root[h->head];
    uint64_t version = metisdb_version(h->db);
    for (unsigned i = 0; i < 3; i++) {
        OK(metisdb_begin(h->db, &b, NULL));
        apply_random(h, b, h->head, &h->model[h->head]);
        OK(metisdb_commit(b));
        cr_assert_eq(metisdb_version(h->db), version + i + 1);
    }
    if (rnd(&h->rng) % 2)
        return;
    OK(metisdb_begin(h->db, &b, NULL));
    OK(metisdb_undo_patches(b, version));
    OK(metisdb_commit(b));
    cr_assert_eq(metisdb_version(h->db), version);
    h->model[h->head] = kept;
    h->root[h->head] = root;
}

static void check_proof(struct history *h, struct metisdb_snapshot *s, uint64_t number)
{
    struct arena a;
    struct metisdb_proof p;
    hash32 slots[3];
    slice shown;
    size_t at = rnd(&h->rng) % MODEL_ADDRS;
    const struct model_account *m = &h->model[number].acc[at];
    address addr = model_addr(at);
    hash32 key = keccak256(addr.b, 20), storage = model_storage_root(m);
    arena_init(&a, TEST_ARENA);
    slots[0] = model_slot(rnd(&h->rng) % MODEL_SLOTS);
    slots[1] = model_slot(rnd(&h->rng) % MODEL_SLOTS);
    slots[2] = model_slot(77);
    OK(metisdb_get_proof(s, &addr, slots, 3, &a, &p));
    cr_assert_eq(p.exists, m->exists);
    cr_assert(naive_verify(&h->root[number], key.b, 32, p.nodes, p.node_num, &shown));
    struct naive_buf rlp = model_account_rlp(m);
    cr_assert(slice_eq(shown, m->exists ? slice_of(rlp.b, rlp.len) : shown));
    cr_assert(m->exists || shown.len == 0);
    cr_assert_eq(p.slot_num, 3);
    for (size_t i = 0; i < 3; i++) {
        struct naive_buf value = {.len = 0};
        u256 want = slots[i].b[31] / 3 < MODEL_SLOTS ? m->slots[slots[i].b[31] / 3]
                                                     : u256_from(0);
        key = keccak256(slots[i].b, 32);
        cr_assert(u256_eq(p.slots[i].value, want));
        cr_assert(hash32_eq(&p.slots[i].slot, &slots[i]));
        cr_assert(naive_verify(&storage, key.b, 32, p.slots[i].nodes, p.slots[i].node_num,
                               &shown));
        if (!u256_is_zero(want))
            naive_number(&value, want);
        cr_assert(slice_eq(shown, slice_of(value.b, value.len)));
    }
    arena_fini(&a);
}

static void check_account(struct metisdb_snapshot *s, const struct model_account *m,
                          size_t at)
{
    address addr = model_addr(at);
    struct account acc;
    struct metisdb_want want[MODEL_SLOTS + 1];
    bool exists;
    slice code;
    hash32 code_hash = model_code_hash(m->code), root = model_storage_root(m);
    OK(metisdb_get_account(s, &addr, &acc, &exists));
    cr_assert_eq(exists, m->exists);
    cr_assert_eq(acc.nonce, m->nonce);
    cr_assert(u256_eq(acc.balance, m->balance));
    cr_assert(hash32_eq(&acc.code_hash, &code_hash));
    cr_assert(hash32_eq(&acc.storage_root, &root));
    OK(metisdb_get_code(s, &acc.code_hash, &code));
    cr_assert(slice_eq(code, model_code(m->code)));
    want[MODEL_SLOTS] = (struct metisdb_want){.addr = addr};
    for (size_t k = 0; k < MODEL_SLOTS; k++) {
        hash32 slot = model_slot(k);
        u256 v;
        OK(metisdb_get_storage(s, &addr, &slot, &v));
        cr_assert(u256_eq(v, m->slots[k]));
        want[k] = (struct metisdb_want){.addr = addr, .is_slot = true, .slot = slot};
    }
    OK(metisdb_get_many(s, want, MODEL_SLOTS + 1));
    for (size_t k = 0; k < MODEL_SLOTS; k++)
        cr_assert(u256_eq(want[k].value, m->slots[k]));
    cr_assert_eq(want[MODEL_SLOTS].exists, exists);
    cr_assert(u256_eq(want[MODEL_SLOTS].account.balance, m->balance));
}

/* ---- walks ---- */

/* Every key comes once, in order, and is the hash of what its preimage says. */
struct walked {
    struct metisdb_snapshot *s;
    const struct model *m;
    size_t at; /* the account whose slots are walked */
    hash32 last;
    size_t num, stop_at;
};

static slice walked_key(struct walked *w, const hash32 *key)
{
    slice pre;
    cr_assert(w->num == 0 || hash32_cmp(&w->last, key) < 0);
    w->last = *key;
    w->num++;
    OK(metisdb_preimage(w->s, key, &pre));
    hash32 hash = keccak256(pre.ptr, pre.len);
    cr_assert_hash(hash, *key);
    return pre;
}

static bool on_slot(void *ctx, const hash32 *key, u256 value)
{
    struct walked *w = ctx;
    slice slot = walked_key(w, key);
    cr_assert_eq(slot.len, 32);
    cr_assert(u256_eq(value, w->m->acc[w->at].slots[slot.ptr[31] / 3]));
    return w->num != w->stop_at;
}

static bool on_account(void *ctx, const hash32 *key, const struct account *a)
{
    struct walked *w = ctx;
    slice addr = walked_key(w, key);
    cr_assert_eq(addr.len, 20);
    size_t at = addr.ptr[19];
    const struct model_account *m = &w->m->acc[at];
    cr_assert(m->exists && a->nonce == m->nonce && u256_eq(a->balance, m->balance));
    struct walked slots = {.s = w->s, .m = w->m, .at = at};
    OK(metisdb_each_slot(w->s, key, NULL, on_slot, &slots));
    size_t want = 0;
    for (size_t i = 0; i < MODEL_SLOTS; i++)
        want += !u256_is_zero(m->slots[i]);
    cr_assert_eq(slots.num, want);
    return w->num != w->stop_at;
}

static void check_walks(struct history *h, struct metisdb_snapshot *s, uint64_t number)
{
    struct walked w = {.s = s, .m = &h->model[number]};
    size_t want = 0;
    for (size_t i = 0; i < MODEL_ADDRS; i++)
        want += h->model[number].acc[i].exists;
    OK(metisdb_each_account(s, NULL, on_account, &w));
    cr_assert_eq(w.num, want);
    if (want < 2)
        return;
    /* From the last key on there is one; and it ends where it is told to. */
    hash32 last = w.last;
    w.num = 0;
    OK(metisdb_each_account(s, &last, on_account, &w));
    cr_assert_eq(w.num, 1);
    w.num = 0;
    w.stop_at = 2;
    OK(metisdb_each_account(s, NULL, on_account, &w));
    cr_assert_eq(w.num, 2);
}

static void check_number(struct history *h, uint64_t number, uint64_t as)
{
    struct metisdb_snapshot *s;
    OK(metisdb_snapshot_open(h->db, as, &s, NULL));
    cr_assert_eq(metisdb_snapshot_number(s), number);
    for (size_t i = 0; i < MODEL_ADDRS; i++)
        check_account(s, &h->model[number].acc[i], i);
    for (unsigned i = 0; i < 4; i++)
        check_proof(h, s, number);
    check_walks(h, s, number);
    metisdb_snapshot_close(s);
}

static void check(struct history *h)
{
    struct block_id id;
    struct metisdb_snapshot *s;
    OK(metisdb_get_head(h->db, METISDB_HEAD, &id));
    cr_assert_eq(id.number, h->head);
    cr_assert_hash(id.hash, h->id[h->head].hash);
    check_number(h, h->head, METISDB_LATEST);
    check_number(h, h->head, h->head);
    for (unsigned i = 0; i < 3; i++) {
        uint64_t number = rnd(&h->rng) % (h->head + 1);
        check_number(h, number, number);
    }
    cr_assert_eq(metisdb_snapshot_open(h->db, h->head + 1, &s, NULL), MT_ENOTFOUND);
}

static void start(struct history *h, uint64_t undo_blocks)
{
    struct metisdb_batch *b;
    memset(h, 0, sizeof(*h));
    h->rng.s = (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)h->rng.s);
    h->dir = test_dir();
    h->opt = test_options(&h->dir);
    h->opt.undo_blocks = undo_blocks;
    h->opt.preimages = true;
    h->db = test_open(&h->opt);
    OK(metisdb_begin(h->db, &b, NULL));
    apply_random(h, b, 0, &h->model[0]);
    h->id[0] = test_id(0, 0);
    OK(test_put(b, h->id[0], (hash32){{0}}, true));
    OK(metisdb_commit(b));
    h->head = 0;
}

static void finish(struct history *h)
{
    metisdb_close(h->db);
    test_dir_remove(&h->dir);
}

static struct history history;

Test(metisdb_state, random_histories)
{
    struct history *h = &history;
    start(h, UINT64_MAX);
    for (unsigned round = 0; round < 150; round++) {
        struct metisdb_batch *b;
        unsigned kind = rnd(&h->rng) % 10;
        if (kind == 0) {
            patch(h);
        } else if (kind == 1) {
            metisdb_close(h->db);
            h->opt.preimages = rnd(&h->rng) % 2; /* the store remembers what it was */
            h->db = test_open(&h->opt);
        } else {
            OK(metisdb_begin(h->db, &b, NULL));
            for (unsigned i = rnd(&h->rng) % 4; kind < 4 && i > 0 && h->head > 0; i--)
                undo_one(h, b);
            for (unsigned i = rnd(&h->rng) % 3; i > 0; i--)
                add_block(h, b);
            if (rnd(&h->rng) % 2)
                check_account(metisdb_batch_view(b), &h->model[h->head].acc[5], 5);
            OK(metisdb_commit(b));
        }
        check(h);
    }
    /* All the way back. */
    while (h->head > 0) {
        struct metisdb_batch *b;
        OK(metisdb_begin(h->db, &b, NULL));
        undo_one(h, b);
        OK(metisdb_commit(b));
        check_number(h, h->head, METISDB_LATEST);
    }
    finish(h);
}

/* A store that was made without preimages has none, whatever is asked for later. */
Test(metisdb_state, no_preimages_unless_from_the_start)
{
    struct test_dir dir = test_dir();
    struct metisdb_options opt = test_options(&dir);
    for (unsigned round = 0; round < 2; round++) {
        struct account_change a = {.addr = model_addr(round), .nonce = 1};
        struct state_delta d = {&a, 1};
        struct metisdb_batch *b;
        struct metisdb_snapshot *s;
        hash32 root, key = keccak256(a.addr.b, 20);
        slice pre;
        a.code_hash = KECCAK_EMPTY;
        opt.preimages = round == 1;
        struct metisdb *db = test_open(&opt);
        OK(metisdb_begin(db, &b, NULL));
        OK(metisdb_apply(b, round, &d, &root));
        OK(test_put(b, test_id(round, 0), round == 0 ? (hash32){{0}} : test_id(0, 0).hash,
                    true));
        OK(metisdb_commit(b));
        OK(metisdb_snapshot_open(db, METISDB_LATEST, &s, NULL));
        cr_assert_eq(metisdb_preimage(s, &key, &pre), MT_ENOTFOUND);
        metisdb_snapshot_close(s);
        metisdb_close(db);
    }
    test_dir_remove(&dir);
}

/* With few kept diffs: what is kept is right, what is not says so, nothing piles up. */
Test(metisdb_state, pruned_history)
{
    struct history *h = &history;
    struct metisdb_batch *b;
    struct metisdb_snapshot *s;
    struct metisdb_stat st;
    struct mt_diag diag = {0};
    start(h, 5);
    for (unsigned i = 0; i < 40; i++) {
        OK(metisdb_begin(h->db, &b, NULL));
        add_block(h, b);
        OK(metisdb_commit(b));
    }
    OK(metisdb_get_stat(h->db, &st));
    cr_assert_eq(st.undo_from, 35);
    for (uint64_t n = 35; n <= 40; n++)
        check_number(h, n, n);
    cr_assert_eq(metisdb_snapshot_open(h->db, 34, &s, &diag), MT_ENOTFOUND);
    cr_assert_not_null(strstr(diag.text, "35"));
    for (unsigned i = 0; i < 5; i++) {
        OK(metisdb_begin(h->db, &b, NULL));
        undo_one(h, b);
        OK(metisdb_commit(b));
        check_number(h, h->head, METISDB_LATEST);
    }
    struct metisdb_block_index none = {0};
    OK(metisdb_begin(h->db, &b, NULL));
    cr_assert_eq(metisdb_undo_block(b, &none), MT_ENOTFOUND);
    metisdb_abort(b);
    OK(metisdb_get_stat(h->db, &st));
    for (size_t i = 0; i < st.table_num; i++) {
        if (strcmp(st.tables[i].name, "history") == 0 ||
            strcmp(st.tables[i].name, "undo") == 0)
            cr_assert_eq(st.tables[i].entries, 0);
    }
    finish(h);
}

/* An aborted or refused batch leaves no trace; a failed one cannot be committed. */
Test(metisdb_state, abort_and_refusal)
{
    struct history *h = &history;
    struct metisdb_batch *b, *second;
    struct model scratch;
    hash32 root;
    struct state_delta empty = {NULL, 0};
    start(h, UINT64_MAX);
    uint64_t version = metisdb_version(h->db);
    root = h->root[0];
    OK(metisdb_begin(h->db, &b, NULL));
    cr_assert_eq(metisdb_begin(h->db, &second, NULL), MT_EBUSY);
    scratch = h->model[0];
    apply_random(h, b, 1, &scratch);
    OK(test_put(b, test_id(1, 0), h->id[0].hash, true));
    metisdb_abort(b);
    h->root[0] = root;
    check(h);
    /* A state without its block. */
    OK(metisdb_begin(h->db, &b, NULL));
    scratch = h->model[0];
    apply_random(h, b, 1, &scratch);
    cr_assert_eq(metisdb_commit(b), MT_EINVAL);
    check(h);
    /* A number that does not follow; then nothing more goes. */
    OK(metisdb_begin(h->db, &b, NULL));
    cr_assert_eq(metisdb_apply(b, 2, &empty, &root), MT_EINVAL);
    cr_assert_eq(metisdb_apply(b, 1, &empty, &root), MT_EINVAL);
    cr_assert_eq(metisdb_commit(b), MT_EINVAL);
    /* A parent that is not the head. */
    OK(metisdb_begin(h->db, &b, NULL));
    cr_assert_eq(test_put(b, test_id(1, 0), test_id(0, 9).hash, true), MT_EINVAL);
    metisdb_abort(b);
    check(h);
    cr_assert_eq(metisdb_version(h->db), version);
    finish(h);
}

/* A snapshot keeps its view while blocks are added and taken off. */
Test(metisdb_state, snapshot_outlives_commits)
{
    struct history *h = &history;
    struct metisdb_batch *b;
    struct metisdb_snapshot *s, *old;
    start(h, 2);
    for (unsigned i = 0; i < 6; i++) {
        OK(metisdb_begin(h->db, &b, NULL));
        add_block(h, b);
        OK(metisdb_commit(b));
    }
    OK(metisdb_snapshot_open(h->db, METISDB_LATEST, &s, NULL));
    OK(metisdb_snapshot_open(h->db, 5, &old, NULL));
    struct model at6 = h->model[6], at5 = h->model[5];
    OK(metisdb_begin(h->db, &b, NULL));
    undo_one(h, b);
    undo_one(h, b);
    OK(metisdb_commit(b));
    for (unsigned i = 0; i < 9; i++) {
        OK(metisdb_begin(h->db, &b, NULL));
        add_block(h, b);
        OK(metisdb_commit(b));
    }
    for (size_t i = 0; i < MODEL_ADDRS; i++) {
        check_account(s, &at6.acc[i], i);
        check_account(old, &at5.acc[i], i);
    }
    metisdb_snapshot_close(s);
    metisdb_snapshot_close(old);
    finish(h);
}
