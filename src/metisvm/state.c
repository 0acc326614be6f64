/* The state as one transaction sees it: accounts and slots in flat tables, every change
 * in an append-only journal.
 *
 *   address -> accounts table -> acct  --slots--> slot -> slot -> ...
 *   (acct, key) -> slots table ----------------^
 *
 * Entries are made once and stay where they are until the reset, so the interpreter keeps
 * pointers to them. A mark is the length of the journal; reverting walks back to it. What
 * was read from below is a fact and is not undone. */
#include "metisvm_int.h"

#define TABLE_MIN        64u
#define CODE_CACHE_BYTES (4u * 1024 * 1024)
#define JOURNAL_MIN      64u
#define LOGS_MIN         16u

/* ---- tables ---- */

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    mt_u128 p = (mt_u128)a * b;
    return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Keyed multiply-and-fold over n bytes, n >= 8; 0 is kept for empty cells. */
static uint64_t hash_bytes(uint64_t seed, const uint8_t *p, size_t n)
{
    uint64_t h = seed ^ 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i + 8 <= n; i += 8)
        h = mix(h ^ load_be64(p + i), 0xd6e8feb86659fd93u ^ seed);
    h = mix(h ^ load_be64(p + n - 8), 0xa0761d6478bd642fu);
    return h | 1;
}

/* Room for one more entry. The cells move, the entries do not. */
static mt_err table_reserve(struct table *t, struct pool *pool)
{
    if (t->capacity != 0 && t->count < t->capacity / 2)
        return MT_OK;
    uint32_t capacity = t->capacity == 0 ? TABLE_MIN : 2 * t->capacity;
    if (capacity > UINT32_MAX / 4)
        return MT_ELIMIT;
    struct table_cell *cells = pool_alloc(pool, capacity * sizeof *cells);
    if (cells == NULL)
        return MT_ELIMIT;
    memset(cells, 0, capacity * sizeof *cells);
    for (uint32_t i = 0; i < t->capacity; i++) {
        struct table_cell c = t->cells[i];
        if (c.entry == NULL)
            continue;
        uint64_t at = c.hash >> 1 & (capacity - 1);
        while (cells[at].entry != NULL)
            at = (at + 1) & (capacity - 1);
        cells[at] = c;
    }
    t->cells = cells;
    t->capacity = capacity;
    return MT_OK;
}

static struct table_cell *table_next(const struct table *t, uint64_t *at, uint64_t hash)
{
    for (;; (*at)++) {
        struct table_cell *c = &t->cells[*at & (t->capacity - 1)];
        if (c->entry == NULL || c->hash == hash)
            return c;
    }
}

static void table_insert(struct table *t, uint64_t hash, void *entry)
{
    uint64_t at = hash >> 1;
    while (t->cells[at & (t->capacity - 1)].entry != NULL)
        at++;
    t->cells[at & (t->capacity - 1)] = (struct table_cell){hash, entry};
    t->count++;
}

/* ---- making and resetting ---- */

struct vm_state *vm_state_new(struct arena *arena, const struct vm_reader *reader,
                              uint64_t seed)
{
    struct vm_state *s = arena_zalloc(arena, 1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->arena = arena;
    s->reader = *reader;
    s->seed = seed;
    pool_init(&s->pool, arena);
    pool_init(&s->code_pool, arena);
    return s;
}

void vm_state_reset(struct vm_state *s, const struct rules *rules)
{
    s->rules = rules;
    pool_reset(&s->pool);
    s->accounts = (struct table){0}; /* its memory was the pool's */
    s->slots = (struct table){0};
    s->account_num = 0;
    s->first = s->last = NULL;
    s->journal_len = 0;
    s->log_num = 0;
    s->refund = 0;
    if (s->code_bytes > CODE_CACHE_BYTES) {
        pool_reset(&s->code_pool);
        s->codes = (struct table){0};
        s->code_bytes = 0;
    }
}

/* ---- journal ---- */

static uint8_t flags_of(const struct vm_account *a)
{
    return (uint8_t)(a->exists | a->created << 1 | a->destructed << 2 | a->touched << 3 |
                     a->dirty << 4 | a->code_changed << 5 | a->storage_cleared << 6);
}

static void flags_put(struct vm_account *a, unsigned flags)
{
    a->exists = flags & 1;
    a->created = (flags >> 1 & 1) != 0;
    a->destructed = (flags >> 2 & 1) != 0;
    a->touched = (flags >> 3 & 1) != 0;
    a->dirty = (flags >> 4 & 1) != 0;
    a->code_changed = (flags >> 5 & 1) != 0;
    a->storage_cleared = (flags >> 6 & 1) != 0;
}

static VM_COLD mt_err journal_grow(struct vm_state *s)
{
    uint32_t cap = s->journal_cap == 0 ? JOURNAL_MIN : 2 * s->journal_cap;
    if (cap > UINT32_MAX / 4)
        return MT_ELIMIT;
    struct undo *j = arena_alloc(s->arena, cap * sizeof *j);
    if (j == NULL)
        return MT_ELIMIT;
    if (s->journal_len != 0)
        memcpy(j, s->journal, s->journal_len * sizeof *j);
    s->journal = j;
    s->journal_cap = cap;
    return MT_OK;
}

static inline mt_err journal_put(struct vm_state *s, enum undo_kind kind, void *entry,
                                 unsigned flags, u256 value)
{
    if (MT_UNLIKELY(s->journal_len == s->journal_cap))
        MT_TRY(journal_grow(s));
    s->journal[s->journal_len++] =
        (struct undo){(uint8_t)kind, (uint8_t)flags, entry, value};
    return MT_OK;
}

uint32_t vm_state_mark(const struct vm_state *s)
{
    return s->journal_len;
}

static void undo_account(const struct undo *u)
{
    struct acct *a = u->entry;
    if (u->kind == UNDO_BALANCE)
        a->pub.balance = u->value;
    else if (u->kind == UNDO_NONCE)
        a->pub.nonce = u->value.w[0];
    flags_put(&a->pub, u->flags);
}

static void undo_code(const struct undo *u)
{
    const struct undo_code *c = u->entry;
    c->acct->pub.code_hash = c->hash;
    c->acct->pub.code = c->code;
    c->acct->pub.code_loaded = c->loaded;
    flags_put(&c->acct->pub, u->flags);
}

void vm_state_revert(struct vm_state *s, uint32_t mark)
{
    MT_ASSERT(mark <= s->journal_len);
    while (s->journal_len > mark) {
        const struct undo *u = &s->journal[--s->journal_len];
        switch ((enum undo_kind)u->kind) {
        case UNDO_FLAGS:
        case UNDO_BALANCE:
        case UNDO_NONCE:
            undo_account(u);
            break;
        case UNDO_CODE:
            undo_code(u);
            break;
        case UNDO_SLOT:
            ((struct slot *)u->entry)->current = u->value;
            break;
        case UNDO_WARM_ACCOUNT:
            ((struct acct *)u->entry)->pub.warm = false;
            break;
        case UNDO_WARM_SLOT:
            ((struct slot *)u->entry)->warm = false;
            break;
        case UNDO_REFUND:
            s->refund = (int64_t)u->value.w[0];
            break;
        case UNDO_LOG:
            s->log_num--;
            break;
        }
    }
}

/* ---- accounts ---- */

static void accessed(struct vm_state *s, struct access *link, struct acct *a,
                     struct slot *slot)
{
    *link = (struct access){NULL, a, slot};
    if (s->last == NULL)
        s->first = link;
    else
        s->last->next = link;
    s->last = link;
}

static mt_err load_account(struct vm_state *s, struct acct *a)
{
    struct account below = account_empty();
    bool exists = false;
    MT_TRY(s->reader.account(s->reader.ctx, &a->pub.addr, &below, &exists));
    a->pub.exists = a->exists0 = exists;
    a->pub.nonce = a->nonce0 = below.nonce;
    a->pub.balance = a->balance0 = below.balance;
    a->pub.code_hash = a->code_hash0 = below.code_hash;
    a->pub.storage_root = below.storage_root;
    a->loaded = true;
    accessed(s, &a->access, a, NULL);
    return MT_OK;
}

mt_err state_find(struct vm_state *s, const address *addr, bool load, struct acct **out)
{
    uint64_t hash = hash_bytes(s->seed, addr->b, sizeof addr->b);
    struct acct *a = NULL;
    if (s->accounts.capacity != 0) {
        for (uint64_t at = hash >> 1;; at++) {
            struct table_cell *c = table_next(&s->accounts, &at, hash);
            a = c->entry;
            if (a == NULL || address_eq(&a->pub.addr, addr))
                break;
        }
    }
    if (a == NULL) {
        MT_TRY(table_reserve(&s->accounts, &s->pool));
        a = pool_alloc(&s->pool, sizeof *a);
        if (a == NULL)
            return MT_ELIMIT;
        *a = (struct acct){.pub = {.addr = *addr}, .idx = s->account_num++};
        table_insert(&s->accounts, hash, a);
    }
    if (load && !a->loaded)
        MT_TRY(load_account(s, a));
    *out = a;
    return MT_OK;
}

mt_err vm_state_account(struct vm_state *s, const address *addr, struct vm_account **out)
{
    struct acct *a;
    MT_TRY(state_find(s, addr, true, &a));
    *out = &a->pub;
    return MT_OK;
}

mt_err state_load_code(struct vm_state *s, struct acct *a)
{
    if (a->pub.code_loaded)
        return MT_OK;
    slice code = {0};
    if (!hash32_eq(&a->pub.code_hash, &KECCAK_EMPTY))
        MT_TRY(s->reader.code(s->reader.ctx, &a->pub.code_hash, &code));
    a->pub.code = code;
    a->pub.code_loaded = true;
    return MT_OK;
}

mt_err vm_state_code(struct vm_state *s, const address *addr, struct vm_account **out)
{
    struct acct *a;
    MT_TRY(state_find(s, addr, true, &a));
    MT_TRY(state_load_code(s, a));
    *out = &a->pub;
    return MT_OK;
}

mt_err state_prepared(struct vm_state *s, struct acct *a, struct vm_code *out,
                      bool *cached)
{
    const hash32 *key = &a->pub.code_hash;
    uint64_t hash = hash_bytes(s->seed, key->b, sizeof key->b);
    if (s->codes.capacity != 0) {
        for (uint64_t at = hash >> 1;; at++) {
            struct table_cell *c = table_next(&s->codes, &at, hash);
            const struct code_entry *e = c->entry;
            if (e == NULL)
                break;
            if (hash32_eq(&e->hash, key)) {
                *out = e->code;
                *cached = true;
                return MT_OK;
            }
        }
    }
    MT_TRY(state_load_code(s, a));
    size_t room = sizeof(struct code_entry) + code_room(a->pub.code.len);
    *cached = s->code_bytes <= CODE_CACHE_BYTES && room <= CODE_CACHE_BYTES / 4;
    if (!*cached)
        return MT_OK;
    MT_TRY(table_reserve(&s->codes, &s->code_pool));
    struct code_entry *e = pool_alloc(&s->code_pool, room);
    if (e == NULL)
        return MT_ELIMIT;
    e->hash = *key;
    code_prepare(a->pub.code, (uint8_t *)(e + 1), &e->code);
    s->code_bytes += room;
    table_insert(&s->codes, hash, e);
    *out = e->code;
    return MT_OK;
}

/* ---- changes of accounts ---- */

/* Every change marks the account: it is there now, and it was touched. */
static void changed(struct acct *a)
{
    a->pub.exists = true;
    a->pub.touched = true;
    a->pub.dirty = true;
    a->pub.seen = true;
}

mt_err state_touch(struct vm_state *s, struct acct *a)
{
    /* EIP-161 and the yellow paper, appendix K.1: on the main network the touch of the
     * empty account 3 once survived an out-of-gas revert, and the account went. */
    static const address ripemd = {{[19] = 3}};
    if (a->exists0 && acct_is_empty(a) && address_eq(&a->pub.addr, &ripemd))
        a->touch_stuck = true;
    if (a->pub.exists && a->pub.touched)
        return MT_OK;
    MT_TRY(journal_put(s, UNDO_FLAGS, a, flags_of(&a->pub), U256_ZERO));
    changed(a);
    return MT_OK;
}

mt_err state_set_balance(struct vm_state *s, struct acct *a, u256 balance)
{
    MT_TRY(journal_put(s, UNDO_BALANCE, a, flags_of(&a->pub), a->pub.balance));
    changed(a);
    a->pub.balance = balance;
    return MT_OK;
}

mt_err state_set_nonce(struct vm_state *s, struct acct *a, uint64_t nonce)
{
    MT_TRY(journal_put(s, UNDO_NONCE, a, flags_of(&a->pub), u256_from(a->pub.nonce)));
    changed(a);
    a->pub.nonce = nonce;
    return MT_OK;
}

mt_err state_set_code(struct vm_state *s, struct acct *a, slice code)
{
    struct undo_code *u = pool_alloc(&s->pool, sizeof *u);
    uint8_t *copy = pool_copy(&s->pool, code.ptr, code.len);
    if (u == NULL || copy == NULL)
        return MT_ELIMIT;
    *u = (struct undo_code){a, a->pub.code_hash, a->pub.code, a->pub.code_loaded};
    MT_TRY(journal_put(s, UNDO_CODE, u, flags_of(&a->pub), U256_ZERO));
    changed(a);
    a->pub.code_changed = true;
    a->pub.code_hash = code.len == 0 ? KECCAK_EMPTY : keccak256(copy, code.len);
    a->pub.code = slice_of(copy, code.len);
    a->pub.code_loaded = true;
    return MT_OK;
}

mt_err state_transfer(struct vm_state *s, struct acct *from, struct acct *to, u256 value)
{
    if (u256_is_zero(value))
        return state_touch(s, to);
    MT_ASSERT(!u256_lt(from->pub.balance, value));
    MT_TRY(state_set_balance(s, from, u256_sub(from->pub.balance, value)));
    return state_set_balance(s, to, u256_add(to->pub.balance, value));
}

mt_err state_create(struct vm_state *s, struct acct *a)
{
    MT_TRY(journal_put(s, UNDO_FLAGS, a, flags_of(&a->pub), U256_ZERO));
    changed(a);
    a->pub.created = true;
    a->pub.storage_cleared = true;
    return MT_OK;
}

mt_err state_destruct(struct vm_state *s, struct acct *a)
{
    MT_TRY(journal_put(s, UNDO_FLAGS, a, flags_of(&a->pub), U256_ZERO));
    a->pub.destructed = true;
    return MT_OK;
}

mt_err vm_state_add_balance(struct vm_state *s, const address *addr, u256 amount)
{
    struct acct *a;
    MT_TRY(state_find(s, addr, true, &a));
    if (u256_is_zero(amount))
        return state_touch(s, a);
    return state_set_balance(s, a, u256_add(a->pub.balance, amount));
}

mt_err vm_state_sub_balance(struct vm_state *s, const address *addr, u256 amount)
{
    struct acct *a;
    MT_TRY(state_find(s, addr, true, &a));
    MT_ASSERT(!u256_lt(a->pub.balance, amount));
    return state_set_balance(s, a, u256_sub(a->pub.balance, amount));
}

mt_err vm_state_set_balance(struct vm_state *s, const address *addr, u256 balance)
{
    struct acct *a;
    MT_TRY(state_find(s, addr, true, &a));
    return state_set_balance(s, a, balance);
}

mt_err vm_state_set_nonce(struct vm_state *s, const address *addr, uint64_t nonce)
{
    struct acct *a;
    MT_TRY(state_find(s, addr, true, &a));
    return state_set_nonce(s, a, nonce);
}

mt_err vm_state_set_code(struct vm_state *s, const address *addr, slice code)
{
    struct acct *a;
    MT_TRY(state_find(s, addr, true, &a));
    return state_set_code(s, a, code);
}

mt_err vm_state_touch(struct vm_state *s, const address *addr)
{
    struct acct *a;
    MT_TRY(state_find(s, addr, true, &a));
    return state_touch(s, a);
}

mt_err vm_state_see(struct vm_state *s, const address *addr)
{
    struct acct *a;
    MT_TRY(state_find(s, addr, true, &a));
    acct_see(a);
    return MT_OK;
}

mt_err vm_state_warm_account(struct vm_state *s, const address *addr, bool *was_warm)
{
    struct acct *a;
    MT_TRY(state_find(s, addr, false, &a));
    *was_warm = a->pub.warm;
    if (a->pub.warm)
        return MT_OK;
    MT_TRY(journal_put(s, UNDO_WARM_ACCOUNT, a, 0, U256_ZERO));
    a->pub.warm = true;
    return MT_OK;
}

/* ---- slots ---- */

static mt_err find_slot(struct vm_state *s, const struct acct *a, const hash32 *key,
                        bool transient, bool make, struct slot **out)
{
    uint64_t seed = s->seed ^ ((uint64_t)a->idx << 1 | transient) * 0xff51afd7ed558ccdu;
    uint64_t hash = hash_bytes(seed, key->b, sizeof key->b);
    struct slot *slot = NULL;
    if (s->slots.capacity != 0) {
        for (uint64_t at = hash >> 1;; at++) {
            struct table_cell *c = table_next(&s->slots, &at, hash);
            slot = c->entry;
            if (slot == NULL ||
                (slot->acct_idx == a->idx && slot->transient == transient &&
                 hash32_eq(&slot->key, key)))
                break;
        }
    }
    if (slot == NULL && make) {
        MT_TRY(table_reserve(&s->slots, &s->pool));
        slot = pool_alloc(&s->pool, sizeof *slot);
        if (slot == NULL)
            return MT_ELIMIT;
        *slot = (struct slot){.key = *key, .acct_idx = a->idx, .transient = transient};
        table_insert(&s->slots, hash, slot);
    }
    *out = slot;
    return MT_OK;
}

mt_err state_slot(struct vm_state *s, struct acct *a, const hash32 *key,
                  struct slot **out)
{
    struct slot *slot;
    MT_TRY(find_slot(s, a, key, false, true, &slot));
    if (!slot->loaded) {
        u256 v = U256_ZERO;
        /* An account without storage below, or with a fresh one, needs no reading. */
        if (!a->pub.storage_cleared)
            MT_TRY(s->reader.storage(s->reader.ctx, &a->pub.addr, key, &v));
        slot->current = slot->original = v;
        slot->loaded = true;
        slot->next = a->slots;
        a->slots = slot;
        accessed(s, &slot->access, a, slot);
    }
    *out = slot;
    return MT_OK;
}

mt_err state_slot_set(struct vm_state *s, struct slot *slot, u256 v)
{
    MT_TRY(journal_put(s, UNDO_SLOT, slot, 0, slot->current));
    slot->current = v;
    return MT_OK;
}

mt_err state_slot_warm(struct vm_state *s, struct slot *slot, bool *was_warm)
{
    *was_warm = slot->warm;
    if (slot->warm)
        return MT_OK;
    MT_TRY(journal_put(s, UNDO_WARM_SLOT, slot, 0, U256_ZERO));
    slot->warm = true;
    return MT_OK;
}

mt_err state_tload(struct vm_state *s, struct acct *a, const hash32 *key, u256 *v)
{
    struct slot *slot;
    MT_TRY(find_slot(s, a, key, true, false, &slot));
    *v = slot == NULL ? U256_ZERO : slot->current;
    return MT_OK;
}

mt_err state_tstore(struct vm_state *s, struct acct *a, const hash32 *key, u256 v)
{
    struct slot *slot;
    MT_TRY(find_slot(s, a, key, true, true, &slot));
    return state_slot_set(s, slot, v);
}

mt_err vm_state_load(struct vm_state *s, const address *addr, const hash32 *slot,
                     u256 *current, u256 *original)
{
    struct acct *a;
    struct slot *e;
    MT_TRY(state_find(s, addr, true, &a));
    MT_TRY(state_slot(s, a, slot, &e));
    *current = e->current;
    *original = e->original;
    return MT_OK;
}

mt_err vm_state_store(struct vm_state *s, const address *addr, const hash32 *slot, u256 v)
{
    struct acct *a;
    struct slot *e;
    MT_TRY(state_find(s, addr, true, &a));
    MT_TRY(state_slot(s, a, slot, &e));
    return state_slot_set(s, e, v);
}

mt_err vm_state_tload(struct vm_state *s, const address *addr, const hash32 *slot,
                      u256 *v)
{
    struct acct *a;
    MT_TRY(state_find(s, addr, false, &a));
    return state_tload(s, a, slot, v);
}

mt_err vm_state_tstore(struct vm_state *s, const address *addr, const hash32 *slot,
                       u256 v)
{
    struct acct *a;
    MT_TRY(state_find(s, addr, false, &a));
    return state_tstore(s, a, slot, v);
}

mt_err vm_state_warm_slot(struct vm_state *s, const address *addr, const hash32 *slot,
                          bool *was_warm)
{
    struct acct *a;
    struct slot *e;
    MT_TRY(state_find(s, addr, false, &a));
    MT_TRY(find_slot(s, a, slot, false, true, &e));
    return state_slot_warm(s, e, was_warm);
}

/* ---- logs and refund ---- */

mt_err vm_state_log(struct vm_state *s, const struct log *log)
{
    if (s->log_num == s->log_cap) {
        uint32_t cap = s->log_cap == 0 ? LOGS_MIN : 2 * s->log_cap;
        struct log *logs = arena_alloc(s->arena, cap * sizeof *logs);
        if (logs == NULL)
            return MT_ELIMIT;
        if (s->log_num != 0)
            memcpy(logs, s->logs, s->log_num * sizeof *logs);
        s->logs = logs;
        s->log_cap = cap;
    }
    uint8_t *data = pool_copy(&s->pool, log->data.ptr, log->data.len);
    if (data == NULL)
        return MT_ELIMIT;
    MT_TRY(journal_put(s, UNDO_LOG, NULL, 0, U256_ZERO));
    s->logs[s->log_num] = *log;
    s->logs[s->log_num].data = slice_of(data, log->data.len);
    s->log_num++;
    return MT_OK;
}

const struct log *vm_state_logs(const struct vm_state *s, size_t *num)
{
    *num = s->log_num;
    return s->logs;
}

mt_err state_add_refund(struct vm_state *s, int64_t amount)
{
    if (amount == 0)
        return MT_OK;
    MT_TRY(journal_put(s, UNDO_REFUND, NULL, 0, u256_from((uint64_t)s->refund)));
    s->refund += amount;
    return MT_OK;
}

void vm_state_add_refund(struct vm_state *s, int64_t amount)
{
    s->refund += amount;
}

int64_t vm_state_refund(const struct vm_state *s)
{
    return s->refund;
}
